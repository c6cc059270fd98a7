/** Module admin-user on a real Debian 12 and 13: real accounts, sudo and OpenSSH. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type DebianRelease, must, run } from '../../support/container.ts';
import { textOfBorn } from '../../support/node-server.ts';
import { watchProcesses } from '../../support/onlooker.ts';
import { brokenByHand, held, startRig } from '../../support/rig.ts';

t.setTimeout(600_000);
const dir = mkdtempSync(join(tmpdir(), 'ironwake-module-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ops@example', '-f', join(dir, 'ops')]);
const opsKey = (await must('ssh-keygen', ['-y', '-f', join(dir, 'ops')])).trim();

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  const productRelease = release === 'bookworm' ? '8.4' : '9.2';

  t.test(`admin-user on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    // A recording stand-in: what matters is which commands are given, once.
    await rig.container.write(
      '/usr/local/bin/pveum',
      `#!/bin/bash
cd /root
case "$1 $2" in
  'group list') echo "[$(sed "s/}/,\\"users\\":\\"$(paste -sd , members 2> /dev/null)\\"}/" group.json 2> /dev/null)]" ;;
  *' list') echo "[$(paste -sd , "$1.json" 2> /dev/null)]" ;;
  'group add') echo "{\\"groupid\\":\\"$3\\"}" >> group.json ;;
  'acl modify') echo "{\\"path\\":\\"$3\\",\\"ugid\\":\\"$5\\",\\"roleid\\":\\"$7\\"}" >> acl.json ;;
  'user add') echo "{\\"userid\\":\\"$3\\"}" >> user.json; echo "$3" >> members ;;
  'user modify') if [ "$*" = "user modify $3 --groups ironwake-admins --append 1" ]; then echo "$3" >> members; else sed -i "/^$3$/d" members; fi ;;
esac
[ "$2" = list ] || echo "$*" >> pveum.log
`,
      '0755',
    );
    await rig.runPlan({
      postInstall: { 'admin-user': { name: 'ops', keys: [opsKey], comment: "Ops $(id) 'quoted'" } },
      release: productRelease,
    });
    t.strictSame(rig.steps(), held('admin-user'));
    t.strictSame(rig.container.read('/root/pveum.log').trim().split('\n'), [
      'group add ironwake-admins --comment Administrators made by Ironwake',
      'acl modify / --groups ironwake-admins --roles Administrator',
      "user add ops@pam --groups ironwake-admins --comment Ops $(id) 'quoted'",
    ]);
    t.match(await rig.container.sh('getent passwd ops'), "Ops $(id) 'quoted'");
    // One that was there before, in Proxmox VE too: it is of no use without the group.
    await t.test('a Proxmox VE account that is not in the group', async (t) => {
      const account = { name: 'ops', keys: [opsKey], comment: 'Ops' };
      await rig.container.sh(': > /root/members; : > /root/pveum.log');
      t.strictSame(await rig.drift('admin-user'), [
        'Proxmox VE group ironwake-admins of ops@pam: expected yes, found no',
      ]);
      await rig.again({ postInstall: { 'admin-user': account }, release: productRelease });
      t.strictSame(rig.steps(), held('admin-user'));
      t.equal(rig.container.read('/root/pveum.log'), 'user modify ops@pam --groups ironwake-admins --append 1\n');
      await rig.rollback('admin-user');
      t.equal(rig.container.read('/root/members'), '', 'taken back');
      await rig.again({ postInstall: { 'admin-user': { ...account, comment: 'Ops again' } }, release: productRelease });
    });
    const login = await run('ssh', [
      ...['-F', '/dev/null', '-i', join(dir, 'ops'), '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no'],
      ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', `ops@${rig.container.address}`],
      'sudo -n id -un',
    ]);
    t.equal(login.stdout.trim(), 'root', 'logs in with the key and becomes root');

    await t.test('broken by hand, with passwords', async (t) => {
      const other = await startRig(t, { release });
      const plan = {
        postInstall: {
          'admin-user': { name: 'ops', keys: [opsKey], password: 'first-Passw0rd', rootPassword: 'second-Passw0rd' },
        },
        release: productRelease,
      };
      await other.runPlan(plan);
      t.strictSame(other.steps(), held('admin-user'));
      await brokenByHand(t, other, 'admin-user', plan, [
        { name: 'his password', by: 'echo ops:another-One1 | chpasswd', found: ['password of ops: expected right'] },
        { name: 'root’s', by: 'echo root:another-One1 | chpasswd', found: ['password of root: expected right'] },
        { name: 'group', by: 'gpasswd -d ops sudo', found: ['group sudo of ops: expected yes, found no'] },
        { name: 'key', by: ': > ~ops/.ssh/authorized_keys', found: [/key SHA256:\S+ of ops: expected yes, found no/] },
        { name: 'rights', by: 'chmod 644 ~ops/.ssh/authorized_keys', found: ['expected 600 ops, found 644 ops'] },
        {
          name: 'rule',
          by: 'rm /etc/sudoers.d/50-ironwake',
          found: ['sudo without password: expected yes, found no'],
        },
      ]);
    });

    await t.test('a password that is made on the node', async (t) => {
      const other = await startRig(t, { release });
      const onlooker = await watchProcesses(other.container);
      const account = { name: 'ops', keys: [opsKey], generatePassword: true };
      const plan = { postInstall: { 'admin-user': account }, release: productRelease };
      const born = () => other.server.born.map((secret) => `${secret.module} ${secret.name} ${textOfBorn(secret)}`);
      const works = async (password: string) =>
        (await other.container.sh(
          `perl -e '$h = (split /:/, qx(getent shadow ops))[1]; print crypt($ARGV[0], $h) eq $h ? "yes" : "no"' '${password}'`,
        )) === 'yes';
      await other.runPlan(plan);
      t.strictSame(other.steps(), held('admin-user'));
      t.match(born(), [/^admin-user password-ops [a-hjkmnp-zA-HJ-NP-Z2-9]{24}$/]);
      const [first = ''] = other.server.born.map(textOfBorn);
      t.notOk((await onlooker.end()).includes(first), 'no secret in arguments or environments');
      t.notOk(JSON.stringify([other.server.reports, other.server.bodies]).includes(first), 'nor in a report');
      t.equal(
        (await other.container.exec(['grep', '-rqF', first, '/var/lib/ironwake', '/tmp'])).code,
        1,
        'none is left',
      );
      t.ok(await works(first), 'it is the one that was set');
      t.strictSame(await other.drift('admin-user'), []);

      const more = { ...plan, postInstall: { 'admin-user': { ...account, comment: 'Another name' } } };
      await other.again(more);
      t.strictSame(born(), [], 'another plan is no reason for another password');
      t.ok(await works(first));

      await other.container.sh('echo ops:another-One1 | chpasswd');
      t.match(await other.drift('admin-user'), [
        'password of ops: expected the one that was made here, found another one',
      ]);
      await other.again(more);
      t.equal(born().length, 1, 'mended by a new one');
      const [second = ''] = other.server.born.map(textOfBorn);
      t.not(second, first);
      t.ok(await works(second));
      t.strictSame(await other.drift('admin-user'), []);
    });

    await t.test('a name that is a group already', async (t) => {
      const other = await startRig(t, { release });
      await other.runPlan({
        postInstall: { 'admin-user': { name: 'operator', keys: [opsKey] } },
        release: productRelease,
      });
      t.strictSame(other.steps(), held('admin-user'));
      t.equal((await other.container.sh('id -gn operator')).trim(), 'operator');
    });

    await t.test('a key that is none: failed before anything is changed', async (t) => {
      const other = await startRig(t, { release });
      await other.runPlan({
        postInstall: { 'admin-user': { name: 'ops', keys: ['ssh-ed25519 AAAAthisisnokey x'] } },
        release: productRelease,
      });
      t.strictSame(other.steps(), ['admin-user apply failed']);
      t.match(other.detailOf('admin-user', 'apply'), /this is not a public key/);
      t.not((await other.container.exec(['id', 'ops'])).code, 0);
    });
  });
}
