/** Every shipped module on a real Debian 12 and 13: applied, verified, applied again without a change, and what happens when it cannot work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type DebianRelease, must, run } from '../support/container.ts';
import { buildMirror, startMirror } from '../support/mirror.ts';
import { type Rig, startRig } from '../support/rig.ts';

// Each of these boots a system; the limit only ends what hangs.
t.setTimeout(600_000);
const dir = mkdtempSync(join(tmpdir(), 'ironwake-modules-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const keyring = await buildMirror(join(dir, 'mirror'));
await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ops@example', '-f', join(dir, 'ops')]);
const opsKey = (await must('ssh-keygen', ['-y', '-f', join(dir, 'ops')])).trim();

/** One line for each report, as a person would tell it. */
const steps = (rig: Rig) => rig.server.reports.map(({ module, step, result }) => `${module} ${step} ${result}`);
const detailOf = (rig: Rig, module: string, step: string) =>
  rig.server.reports.find((report) => report.module === module && report.step === step)?.detail ?? '';

const HELD = ['apply changed', 'verify ok', 'reapply unchanged'];

/** A password login with OpenSSH's own client: the methods that the server offers instead, or `in`. */
async function passwordLogin(address: string): Promise<string> {
  const output = await run(
    'ssh',
    [
      ...['-F', '/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
      ...['-o', 'LogLevel=ERROR', '-o', 'PubkeyAuthentication=no', '-o', 'NumberOfPasswordPrompts=1'],
      ...['-o', 'PreferredAuthentications=password,keyboard-interactive', `root@${address}`, 'true'],
    ],
    // The client reads the password from this program when it has no terminal.
    { env: { ...process.env, SSH_ASKPASS: join(dir, 'askpass'), SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' } },
  );
  return output.code === 0 ? 'in' : (/\((.*)\)/.exec(output.stderr)?.[1] ?? output.stderr);
}
await must('bash', ['-c', `printf '#!/bin/sh\\necho secret\\n' > "$1" && chmod 0755 "$1"`, 'x', join(dir, 'askpass')]);

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  const productRelease = release === 'bookworm' ? '8.4' : '9.2';

  t.test(`repositories on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const mirror = await startMirror({ host: rig.container.hostAddress, port: 0, dir: join(dir, 'mirror') });
    t.teardown(() => mirror.close());
    const enterprise = `${mirror.enterpriseUrl}/debian`;
    // The state that the vendor's packages leave, in both formats, and a file with several stanzas.
    await rig.container.write(
      '/etc/apt/sources.list.d/ceph.list',
      `# Ceph\ndeb ${enterprise}/ceph-squid ${release} enterprise\n`,
    );
    await rig.container.write(
      '/etc/apt/sources.list.d/pve-enterprise.sources',
      [
        ...['Types: deb', `URIs: ${enterprise}/pve`, `Suites: ${release}`, 'Components: pve-enterprise', ''],
        ...['# second', 'Types: deb', 'URIs: https://enterprise.proxmox.com/debian/pve', `Suites: ${release}`],
        ...['Components:', ' pve-enterprise', 'Enabled: yes', ''],
      ].join('\n'),
    );
    t.not((await rig.container.exec(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'])).code, 0, 'as shipped');

    await rig.runPlan({
      postInstall: { repositories: { mirror: mirror.url, keyring, ceph: 'squid' } },
      release: productRelease,
    });
    t.strictSame(
      steps(rig),
      HELD.map((step) => `repositories ${step}`),
    );
    t.match(rig.container.read('/etc/apt/sources.list.d/ceph.list'), /^# disabled by Ironwake: deb .* enterprise$/m);
    const vendor = rig.container.read('/etc/apt/sources.list.d/pve-enterprise.sources');
    t.equal(vendor.match(/^Enabled: no$/gm)?.length, 2, 'both stanzas are off');
    t.notMatch(vendor, /Enabled: yes/);
    const { host } = new URL(mirror.url);
    t.match(await rig.container.sh('ls /var/lib/apt/lists'), `${host}_debian_pve_dists_${release}_InRelease`);

    await t.test('a mirror that is away: failed, said why, and taken back', async (t) => {
      await mirror.close();
      const other = await startRig(t, { release });
      await other.container.write('/etc/apt/sources.list.d/pve-enterprise.sources', vendor.replaceAll('no', 'yes'));
      const before = other.container.read('/etc/apt/sources.list.d/pve-enterprise.sources');
      await other.runPlan({
        postInstall: { repositories: { mirror: `http://${other.container.hostAddress}:9`, keyring }, ssh: {} },
        release: productRelease,
      });
      t.strictSame(steps(other).slice(0, 3), [
        'repositories apply changed',
        'repositories verify failed',
        'repositories rollback ok',
      ]);
      t.match(
        detailOf(other, 'repositories', 'verify'),
        /apt-get update failed: .*(Could not connect|Failed to fetch)/,
      );
      t.equal(other.container.read('/etc/apt/sources.list.d/pve-enterprise.sources'), before);
      t.strictSame(other.server.finished, { run: other.server.runId, result: 'failed' });
    });
  });

  t.test(`admin-user on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    // A recording stand-in: what matters is which commands are given, once.
    await rig.container.write(
      '/usr/local/bin/pveum',
      `#!/bin/bash
cd /root
case "$1 $2" in
  *' list') echo "[$(paste -sd , "$1.json" 2> /dev/null)]" ;;
  'group add') echo "{\\"groupid\\":\\"$3\\"}" >> group.json ;;
  'acl modify') echo "{\\"path\\":\\"$3\\",\\"ugid\\":\\"$5\\",\\"roleid\\":\\"$7\\"}" >> acl.json ;;
  'user add') echo "{\\"userid\\":\\"$3\\"}" >> user.json ;;
esac
[ "$2" = list ] || echo "$*" >> pveum.log
`,
      '0755',
    );
    await rig.runPlan({
      postInstall: { 'admin-user': { name: 'ops', keys: [opsKey], comment: "Ops $(id) 'quoted'" } },
      release: productRelease,
    });
    t.strictSame(
      steps(rig),
      HELD.map((step) => `admin-user ${step}`),
    );
    t.strictSame(rig.container.read('/root/pveum.log').trim().split('\n'), [
      'group add ironwake-admins --comment Administrators made by Ironwake',
      'acl modify / --groups ironwake-admins --roles Administrator',
      "user add ops@pam --groups ironwake-admins --comment Ops $(id) 'quoted'",
    ]);
    t.match(await rig.container.sh('getent passwd ops'), "Ops $(id) 'quoted'");
    const login = await run('ssh', [
      ...['-F', '/dev/null', '-i', join(dir, 'ops'), '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no'],
      ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', `ops@${rig.container.address}`],
      'sudo -n id -un',
    ]);
    t.equal(login.stdout.trim(), 'root', 'logs in with the key and becomes root');

    await t.test('a name that is a group already', async (t) => {
      const other = await startRig(t, { release });
      await other.runPlan({
        postInstall: { 'admin-user': { name: 'operator', keys: [opsKey] } },
        release: productRelease,
      });
      t.strictSame(
        steps(other),
        HELD.map((step) => `admin-user ${step}`),
      );
      t.equal((await other.container.sh('id -gn operator')).trim(), 'operator');
    });

    await t.test('a key that is none: failed before anything is changed', async (t) => {
      const other = await startRig(t, { release });
      await other.runPlan({
        postInstall: { 'admin-user': { name: 'ops', keys: ['ssh-ed25519 AAAAthisisnokey x'] } },
        release: productRelease,
      });
      t.strictSame(steps(other), ['admin-user apply failed']);
      t.match(detailOf(other, 'admin-user', 'apply'), /this is not a public key/);
      t.not((await other.container.exec(['id', 'ops'])).code, 0);
    });
  });

  t.test(`ssh on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    await container.sh(
      "echo 'root:secret' | chpasswd; echo 'PermitRootLogin yes' >> /etc/ssh/sshd_config; systemctl reload ssh",
    );
    // As the installer leaves it: no final newline; and as Proxmox VE has it: a link into its file system.
    await container.sh(
      'mkdir -p /etc/pve/priv /root/.ssh; chmod 700 /root/.ssh; ln -s /etc/pve/priv/authorized_keys /root/.ssh/',
    );
    await container.write('/etc/pve/priv/authorized_keys', opsKey, '0600');
    t.equal(await passwordLogin(container.address), 'in', 'before: a password is enough');

    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(
      steps(rig),
      HELD.map((step) => `ssh ${step}`),
    );
    t.equal(await passwordLogin(container.address), 'publickey', 'after: keys only');
    t.equal(container.read('/etc/pve/priv/authorized_keys').trim(), opsKey, 'the probe key is gone');
    t.equal((await container.sh('readlink /root/.ssh/authorized_keys')).trim(), '/etc/pve/priv/authorized_keys');
    t.equal(server.requests.filter((request) => request === 'POST /node/v1/probe').length, 1);
    t.equal(await container.sh('systemctl list-units --all --no-legend "ironwake-rollback-*"'), '');
  });

  t.test(`ssh on ${release}: the server cannot log in`, async (t) => {
    const rig = await startRig(t, { release });
    rig.server.probe = () => Promise.resolve({ result: 'failed', detail: "the host key is not the webhook's" });
    await rig.container.sh('install -d -m 700 /root/.ssh');
    await rig.container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(steps(rig), ['ssh apply failed', 'ssh rollback ok']);
    t.match(detailOf(rig, 'ssh', 'apply'), "could not log in: the host key is not the webhook's");
    t.notOk((await rig.container.exec(['test', '-e', '/etc/ssh/sshd_config.d/10-ironwake.conf'])).code === 0);
    t.equal(rig.container.read('/root/.ssh/authorized_keys'), `${opsKey}\n`);
  });

  t.test(`ssh on ${release}: the server goes away when it should log in`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    await container.sh('install -d -m 700 /root/.ssh');
    await container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    server.probe = async () => {
      await server.shut();
      return { result: 'ok', detail: 'too late' };
    };
    await rig.install({ postInstall: { ssh: { rollbackSeconds: 30 } }, release: productRelease });
    const dropIn = ['test', '-e', '/etc/ssh/sshd_config.d/10-ironwake.conf'];
    await container.until('the new settings', async () => (await container.exec(dropIn)).code === 0);
    await container.until('the former settings', async () => (await container.exec(dropIn)).code !== 0);
    t.equal(container.read('/root/.ssh/authorized_keys'), `${opsKey}\n`);
    await server.open();
    await rig.finished();
    t.strictSame(steps(rig), ['ssh apply failed', 'ssh rollback ok']);
  });

  t.test(`ssh on ${release}: nobody has a key`, async (t) => {
    const rig = await startRig(t, { release });
    // Proxmox VE puts the node's own key into root's file.
    await rig.container.sh(
      "ssh-keygen -q -t rsa -N '' -f /root/.ssh/id_rsa; cp /root/.ssh/id_rsa.pub /root/.ssh/authorized_keys",
    );
    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(steps(rig), ['ssh apply failed']);
    t.match(detailOf(rig, 'ssh', 'apply'), /nobody has a key on this node/);
  });

  t.test(`ssh on ${release}: the node restarts before anybody confirmed`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    await container.sh('install -d -m 700 /root/.ssh');
    await container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    let asked = 0;
    const real = server.probe;
    // The first probe is never answered: the node is switched off in the middle of it.
    server.probe = () => (++asked === 1 ? new Promise(() => {}) : real());
    await rig.install({ postInstall: { ssh: {} }, release: productRelease });
    await container.until('the probe', () => asked === 1);
    t.match(container.read('/root/.ssh/authorized_keys'), / ironwake-probe$/m, 'the probe key is in');
    await container.reboot();
    await rig.finished();
    t.strictSame(steps(rig), ['ssh rollback ok', ...HELD.map((step) => `ssh ${step}`)]);
    t.match(detailOf(rig, 'ssh', 'rollback'), /restarted before the change was confirmed/);
    t.equal(container.read('/root/.ssh/authorized_keys'), `${opsKey}\n`);
  });
}
