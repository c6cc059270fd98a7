/** systemd/ironwake.service as an administrator installs it, on a real Debian 12 and 13: it comes up, is found by the command line, and stops cleanly. */
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { Container, type DebianRelease } from '../support/container.ts';

t.setTimeout(600_000);
const ROOT = resolve(import.meta.dirname, '../..');
const WHAT_THE_UNIT_NEEDS = [
  'package.json',
  'package-lock.json',
  'src',
  'scripts',
  'templates',
  'answers',
  'tftproot',
  'systemd',
];
/** As after `npm run setup -- serve`: nothing of what only tests need. */
const PACKAGES = Object.entries(
  (JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean }> })
    .packages,
)
  .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(ROOT, path)))
  .map(([path]) => path);

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[])
  t.test(`the unit on ${release}`, async (t) => {
    const container = await Container.start({ release });
    t.teardown(() => container.stop());
    const target = container.path('/opt/ironwake');
    mkdirSync(target, { recursive: true });
    for (const name of [...WHAT_THE_UNIT_NEEDS, ...PACKAGES])
      cpSync(join(ROOT, name), join(target, name), { recursive: true, verbatimSymlinks: true });
    // The links of the set-up, relative as they are.
    for (const name of ['ironwake', 'node'])
      cpSync(join(ROOT, 'node_modules/.bin', name), join(target, 'node_modules/.bin', name), {
        verbatimSymlinks: true,
      });
    await container.sh(`
      # nspawn's /sys shows the network of the namespace that it was started in; a machine's own shows its own.
      mkdir -p /run/sysfs
      mount -t sysfs none /run/sysfs
      mount --bind /run/sysfs/class/net /sys/class/net
      mount --bind /run/sysfs/devices/virtual/net /sys/devices/virtual/net
      ip route replace default via ${container.hostAddress}
      cp /opt/ironwake/systemd/ironwake.service /etc/systemd/system/
      systemctl daemon-reload
      systemctl enable --now ironwake`);
    const journal = () => container.sh('journalctl -u ironwake --no-pager | tail -40');
    const ready = async () =>
      (await container.exec(['curl', '-fsS', `http://${container.address}:8080/readyz`])).code === 0;
    await container.until('/readyz', ready, 60_000).catch(async (error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}\n${await journal()}`);
    });
    t.match(await container.sh('ls /var/lib/ironwake/answers'), 'default.yaml', 'the answers are seeded');

    const ironwake = (...args: readonly string[]) =>
      container.exec([
        '/bin/sh',
        '-c',
        `cd /opt/ironwake && PATH=$PWD/node_modules/.bin:$PATH exec ironwake ${args.join(' ')}`,
      ]);
    const added = await ironwake('node add --mac bc:24:11:00:00:01 --fqdn pve1.lab.example --profile default');
    t.equal(added.code, 0, added.stderr);
    t.match((await ironwake('node list')).stdout, 'pve1.lab.example', 'the command line finds its daemon');
    const doctor = JSON.parse((await ironwake('doctor --json')).stdout) as {
      findings: { check: string; code: string }[];
    };
    const codes = (check: string) => doctor.findings.filter((each) => each.check === check).map((each) => each.code);
    t.strictSame(codes('daemon'), ['daemon.ready'], 'doctor too');
    t.strictSame(new Set(codes('ports')), new Set(['ports.ours']), 'whose ports are its own');

    await container.sh('systemctl stop ironwake');
    const state = await container.sh('systemctl show ironwake -p Result -p ExecMainStatus -p ActiveState');
    t.strictSame(state.trim().split('\n').sort(), ['ActiveState=inactive', 'ExecMainStatus=0', 'Result=success']);
    await container.sh('echo "# mine" >> /var/lib/ironwake/answers/default.yaml; systemctl start ironwake');
    await container.until('/readyz again', ready, 60_000);
    t.match(await container.sh('tail -1 /var/lib/ironwake/answers/default.yaml'), '# mine', 'and never overwritten');

    await t.test('the instance key as a systemd credential', async (t) => {
      t.equal((await ironwake('secret set psk < /etc/debian_version')).code, 0);
      // The key moves out of the data directory, as docs/security.md says; the unit's own line names it.
      await container.sh(`
        systemctl stop ironwake
        install -d -m 0700 /etc/ironwake
        mv /var/lib/ironwake/instance.key /etc/ironwake/instance.key
        chown root:root /etc/ironwake/instance.key
        sed -i 's/^# LoadCredential=/LoadCredential=/' /etc/systemd/system/ironwake.service
        systemctl daemon-reload
        systemctl start ironwake`);
      await container.until('/readyz with the credential', ready, 60_000);
      t.match((await ironwake('secret list')).stdout, 'psk', 'the same database, opened by the same key');
      t.equal(
        (await container.exec(['test', '-e', '/var/lib/ironwake/instance.key'])).code,
        1,
        'and none is made in the data directory',
      );
      const pid = (await container.sh('systemctl show ironwake -p MainPID --value')).trim();
      const seen = await container.sh(`tr '\\0' '\\n' < /proc/${pid}/environ; tr '\\0' '\\n' < /proc/${pid}/cmdline`);
      t.match(seen, 'CREDENTIALS_DIRECTORY=');
      t.notMatch(
        seen,
        (await container.sh('cat /etc/ironwake/instance.key')).trim(),
        'not in environment or arguments',
      );

      // Another key than the one that sealed what is stored: said at the start, before a secret is found to be lost.
      await container.sh(`
        systemctl stop ironwake
        head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' > /etc/ironwake/instance.key
        systemctl start --no-block ironwake`);
      await container.until(
        'the refusal',
        async () => /is not the one that this database was made with/.test(await journal()),
        60_000,
      );
      t.notOk(await ready());
    });
  });
