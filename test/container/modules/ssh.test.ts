/** Module ssh on a real Debian 12 and 13: keys only, kept only when the server has logged in, taken back otherwise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type DebianRelease, must, run } from '../../support/container.ts';
import { brokenByHand, held, startRig } from '../../support/rig.ts';

t.setTimeout(600_000);
const dir = mkdtempSync(join(tmpdir(), 'ironwake-module-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ops@example', '-f', join(dir, 'ops')]);
const opsKey = (await must('ssh-keygen', ['-y', '-f', join(dir, 'ops')])).trim();

/** A password login with OpenSSH's own client: the methods that the server offers instead, or `in`. */
async function passwordLogin(address: string): Promise<string> {
  const output = await run(
    'ssh',
    [
      ...['-F', '/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
      // After a reload sshd does not listen for a moment.
      ...[
        '-o',
        'ConnectionAttempts=10',
        '-o',
        'LogLevel=ERROR',
        '-o',
        'PubkeyAuthentication=no',
        '-o',
        'NumberOfPasswordPrompts=1',
      ],
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
    t.strictSame(rig.steps(), held('ssh'));
    t.equal(await passwordLogin(container.address), 'publickey', 'after: keys only');
    t.equal(container.read('/etc/pve/priv/authorized_keys').trim(), opsKey, 'the probe key is gone');
    t.equal((await container.sh('readlink /root/.ssh/authorized_keys')).trim(), '/etc/pve/priv/authorized_keys');
    t.equal(server.requests.filter((request) => request === 'POST /node/v1/probe').length, 1);
    t.equal(await container.sh('systemctl list-units --all --no-legend "ironwake-rollback-*"'), '');

    const dropIn = '/etc/ssh/sshd_config.d/10-ironwake.conf';
    await brokenByHand(t, rig, 'ssh', { postInstall: { ssh: {} }, release: productRelease }, [
      {
        name: 'the drop-in is gone',
        by: `rm ${dropIn}; systemctl reload ssh`,
        found: [`${dropIn}: expected the file, found no such file`, 'PasswordAuthentication: expected no, found yes'],
      },
      {
        name: 'a line of it',
        by: `sed -i 's/^MaxAuthTries.*/MaxAuthTries 20/' ${dropIn}`,
        found: [/line \d+: expected MaxAuthTries 4, found MaxAuthTries 20/],
      },
      {
        name: 'another drop-in that goes over it, and one that comes too late',
        by: `printf '# own\\nPasswordAuthentication yes\\nX11UseLocalhost yes\\n' > /etc/ssh/sshd_config.d/01-own.conf
printf 'PermitRootLogin yes\\nMatch User nobody\\n    PasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/99-own.conf; systemctl reload ssh`,
        found: ['PasswordAuthentication: expected no, found yes', 'what sshd offers: expected publickey'],
      },
      { name: 'its rights', by: `chmod 666 ${dropIn}`, found: [`rights of ${dropIn}: expected 644, found 666`] },
    ]);
  });

  t.test(`ssh on ${release}: what others have said before`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await container.sh('install -d -m 700 /root/.ssh');
    await container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    const own =
      '# own\nPasswordAuthentication yes\nX11UseLocalhost yes\nMatch User nobody\n    PasswordAuthentication yes\n';
    await container.write('/etc/ssh/sshd_config.d/01-own.conf', own, '0600');
    const plan = { postInstall: { ssh: {} }, release: productRelease };
    await rig.runPlan(plan);
    t.strictSame(rig.steps(), held('ssh'));
    t.equal(await passwordLogin(container.address), 'publickey');
    t.equal(
      container.read('/etc/ssh/sshd_config.d/01-own.conf'),
      own.replace('PasswordAuthentication', '# disabled by Ironwake: PasswordAuthentication'),
      'only what goes over ours, and nothing of what is for one user',
    );
    await rig.rollback('ssh');
    t.equal(container.read('/etc/ssh/sshd_config.d/01-own.conf'), own, 'taken back');
    await rig.again(plan);
    t.equal(await passwordLogin(container.address), 'publickey');
    await container.sh(
      `printf 'Match all\\nPasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/50-match.conf; systemctl reload ssh`,
    );
    t.match(await rig.drift('ssh'), [/PasswordAuthentication: expected no, found yes/]);
    await rig.again(plan);
    t.match(rig.steps(), ['ssh apply failed'], 'somebody has to decide');
    t.match(rig.detailOf('ssh', 'apply'), /a Match block says otherwise than PasswordAuthentication no/);
    await container.sh('rm /etc/ssh/sshd_config.d/50-match.conf');
    await rig.again(plan);
    t.equal(await passwordLogin(container.address), 'publickey');
  });

  t.test(`ssh on ${release}: the server cannot log in`, async (t) => {
    const rig = await startRig(t, { release });
    rig.server.probe = () => Promise.resolve({ result: 'failed', detail: "the host key is not the webhook's" });
    await rig.container.sh('install -d -m 700 /root/.ssh');
    await rig.container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(rig.steps(), ['ssh apply failed', 'ssh rollback ok']);
    t.match(rig.detailOf('ssh', 'apply'), "could not come in: the host key is not the webhook's");
    t.notOk((await rig.container.exec(['test', '-e', '/etc/ssh/sshd_config.d/10-ironwake.conf'])).code === 0);
    t.equal(rig.container.read('/root/.ssh/authorized_keys'), `${opsKey}\n`);
  });

  t.test(`ssh on ${release}: settings of others that sshd refuses`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    await container.sh('install -d -m 700 /root/.ssh; echo "NoSuchWord yes" >> /etc/ssh/sshd_config');
    await container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    const since = (await container.sh('systemctl show -p ActiveEnterTimestampMonotonic ssh.service')).trim();
    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(rig.steps(), ['ssh apply failed']);
    t.match(rig.detailOf('ssh', 'apply'), /^sshd refuses the new settings: .*NoSuchWord/);
    t.not(
      (await container.exec(['test', '-e', '/etc/ssh/sshd_config.d/10-ironwake.conf'])).code,
      0,
      'nothing is left of ours',
    );
    t.notOk(server.requests.includes('POST /node/v1/probe'), 'nothing was tried that needs a way back');
    t.equal(
      (await container.sh('systemctl show -p ActiveEnterTimestampMonotonic ssh.service')).trim(),
      since,
      'and sshd goes on',
    );
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
    t.strictSame(rig.steps(), ['ssh apply failed', 'ssh rollback ok']);
  });

  t.test(`ssh on ${release}: nobody has a key`, async (t) => {
    const rig = await startRig(t, { release });
    // Proxmox VE puts the node's own key into root's file.
    await rig.container.sh(
      "ssh-keygen -q -t rsa -N '' -f /root/.ssh/id_rsa; cp /root/.ssh/id_rsa.pub /root/.ssh/authorized_keys",
    );
    await rig.runPlan({ postInstall: { ssh: {} }, release: productRelease });
    t.strictSame(rig.steps(), ['ssh apply failed']);
    t.match(rig.detailOf('ssh', 'apply'), /nobody has a key on this node/);
  });

  t.test(`ssh on ${release}: the node restarts before anybody confirmed`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    await container.sh('install -d -m 700 /root/.ssh');
    await container.write('/root/.ssh/authorized_keys', `${opsKey}\n`, '0600');
    let asked = 0;
    const real = server.probe;
    // The first probe is never answered: the node is switched off in the middle of it.
    server.probe = (request) => (++asked === 1 ? new Promise(() => {}) : real(request));
    await rig.install({ postInstall: { ssh: {} }, release: productRelease });
    await container.until('the probe', () => asked === 1);
    t.match(container.read('/root/.ssh/authorized_keys'), / ironwake-probe-node1$/m, 'the probe key is in');
    await container.reboot();
    await rig.finished();
    t.strictSame(rig.steps(), ['ssh rollback ok', ...held('ssh')]);
    t.match(rig.detailOf('ssh', 'rollback'), /restarted before the change was confirmed/);
    t.equal(container.read('/root/.ssh/authorized_keys'), `${opsKey}\n`);
  });
}
