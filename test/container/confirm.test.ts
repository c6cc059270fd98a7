/** A node that has to be confirmed: what it does meanwhile, the code on its consoles, and that its secrets are seen by nobody there. */
import t from 'tap';
import { bundlePlan, pinList } from '../../src/postinstall/bundle.ts';
import { renderFirstBoot } from '../../src/postinstall/hook.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { withholdSecrets } from '../../src/postinstall/release.ts';
import { confirmationCode } from '../../src/trust/confirmation-code.ts';
import { parseOpenSshPublicKey, sshFingerprint } from '../../src/trust/ssh-key.ts';
import { must } from '../support/container.ts';
import { watchProcesses } from '../support/onlooker.ts';
import { startRig } from '../support/rig.ts';

t.setTimeout(600_000);
const PASSWORD = 'seeded-Passw0rd: of $(id) ops';
const ROOT = 'seeded-Passw0rd of $(id) root';

for (const release of ['trixie', 'bookworm'] as const) {
  t.test(`code, revoked credential, release, password on ${release}`, async (t) => {
    const { container, server } = await startRig(t, { release });
    await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${t.testdir()}/ops`]);
    const opsKey = (await must('ssh-keygen', ['-y', '-f', `${t.testdirName}/ops`])).trim();
    const account = { name: 'ops', keys: [opsKey] };
    const context = { baseUrl: server.url, pins: [server.pin], runId: server.runId };
    const whole = buildPlan({
      product: 'pve',
      release: release === 'trixie' ? '9.2' : '8.4',
      postInstall: { ssh: {}, 'admin-user': { ...account, password: PASSWORD, rootPassword: ROOT } },
    });
    const profile = {
      ssh: {},
      'admin-user': { ...account, password: { secret: 'ops' }, rootPassword: { secret: 'root' } },
    };
    const { plan, withheld } = withholdSecrets(whole, profile);
    t.strictSame(withheld, ['admin-user', 'ssh']);
    server.plan = bundlePlan(plan, { ...context, withheld });
    server.release = 'wait';
    const onlooker = await watchProcesses(container);
    // Files in place of the consoles, which a container has not.
    await container.sh('touch /dev/tty1 /dev/ttyS0');
    await container.write('/var/lib/proxmox-first-boot/proxmox-first-boot', renderFirstBoot(context), '0700');
    await container.sh('/var/lib/proxmox-first-boot/proxmox-first-boot fully-up');

    await container.until('the question whether it is released', () =>
      server.requests.includes('GET /node/v1/release'),
    );
    const code = confirmationCode({
      hostKeyFingerprint: sshFingerprint(parseOpenSshPublicKey(container.read('/etc/ssh/ssh_host_ed25519_key.pub'))),
      pins: pinList(context.pins),
      runId: server.runId,
    });
    for (const console of ['/dev/tty1', '/dev/ttyS0'])
      t.match(await container.sh(`cat ${console}`), code, `the daemon's own code stands on ${console}`);
    t.strictSame(server.reports, [], 'nothing of what is withheld has run');

    server.revoke();
    const proofs = () => server.requests.filter((route) => route === 'POST /node/v1/credential').length;
    await container.until('the second proof of the host key', () => proofs() === 2);
    const before = server.requests.length;
    await container.until('the next question', () => server.requests.slice(before).includes('GET /node/v1/release'));

    server.plan = bundlePlan(whole, context);
    server.release = 'now';
    await container.until('the end of the plan', () => server.finished !== undefined);
    t.strictSame(server.finished, { run: server.runId, result: 'ok' }, JSON.stringify(server.reports));
    t.match(
      server.reports.map(({ module, step, result }) => `${module} ${step} ${result}`),
      ['admin-user apply changed', 'admin-user verify ok', 'admin-user reapply unchanged', 'ssh apply changed'],
    );
    await container.until(
      'the clean-up',
      async () => (await container.exec(['test', '-e', '/var/lib/ironwake/result'])).code === 0,
      20_000,
    );
    const seen = await onlooker.end();
    for (const [user, password] of [
      ['ops', PASSWORD],
      ['root', ROOT],
    ]) {
      const verdict = await container.sh(
        `read -r password; hash=$(getent shadow ${user} | cut -d: -f2); perl -e 'print crypt($ARGV[0], $ARGV[1]) eq $ARGV[1] ? "same" : "other"' "$password" "$hash"`,
        `${password}\n`,
      );
      t.equal(verdict, 'same', `the password of ${user} is the one of the secret`);
    }
    for (const secret of [PASSWORD, ROOT]) {
      t.notOk(seen.includes(secret), 'no process showed it');
      const folders = ['/var/lib/ironwake', '/var/log', '/etc', '/run', '/tmp'];
      t.equal((await container.exec(['grep', '-rlF', secret, ...folders])).stdout, '', 'and it is nowhere on the disk');
      t.notMatch(JSON.stringify(server.bodies), secret, 'nor in a report');
    }
  });
}
