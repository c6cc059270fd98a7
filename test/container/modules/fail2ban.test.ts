/**
 * Module fail2ban on a real Debian 12 and 13: real Fail2Ban, nftables, OpenSSH and journal. Lines of Proxmox come from a unit of the same name,
 * so that journald itself marks them. Who is banned is seen from outside.
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { type Container, type DebianRelease, run } from '../../support/container.ts';
import { held, mendedByHand, startRig } from '../../support/rig.ts';

t.setTimeout(600_000);

/** Whether a TCP port of the container opens for a client with this address. */
function opens(container: Container, port: number, from: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: container.address, port, localAddress: from });
    const done = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    // Dropped or rejected, either way it is closed to him.
    socket.setTimeout(5000, () => done(false));
    socket.on('error', () => done(false));
    socket.on('connect', () => done(true));
  });
}

interface Login {
  readonly rhost: string;
  /** What the client has typed. */
  readonly name: string;
  readonly times: number;
}

/** As pvedaemon logs failed logins (pve-access-control, API2/AccessControl.pm). */
async function failedLogins(container: Container, ...logins: readonly Login[]): Promise<void> {
  await container.write(
    '/root/login.py',
    `import json, sys, syslog, time
syslog.openlog('pvedaemon', syslog.LOG_PID, syslog.LOG_DAEMON)
for login in json.load(sys.stdin):
    for _ in range(login['times']):
        syslog.syslog(syslog.LOG_ERR, f"authentication failure; rhost={login['rhost']} user={login['name']} msg=Authentication failure")
# journald looks up the unit of who has written: it must still be there.
time.sleep(1.5)
`,
  );
  await container.sh(
    'systemd-run --quiet --wait --pipe --collect --unit=pvedaemon python3 /root/login.py',
    JSON.stringify(logins),
  );
}

/** One try to log in over SSH without a key that is known there. */
const guess = (container: Container, from: string, name: string, timeoutMs?: number) =>
  run(
    'ssh',
    [
      ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'LogLevel=ERROR'],
      ...[
        '-o',
        'UserKnownHostsFile=/dev/null',
        '-o',
        'ConnectTimeout=60',
        '-o',
        'ConnectionAttempts=10',
        '-b',
        from,
        '-l',
        name,
      ],
      ...[container.address, 'true'],
    ],
    timeoutMs === undefined ? {} : { timeoutMs },
  );

/** Tries to log in over SSH until the address is banned. */
async function guessUntilBanned(container: Container, from: string): Promise<void> {
  // The ban may fall in the middle of a try: its packets go nowhere then, and the client would wait until sshd hangs up, which is two minutes.
  const patienceMs = 20_000;
  // As many as are allowed; only if the ban stays away, more.
  for (let i = 0; i < 2; i++) await guess(container, from, 'nosuchuser', patienceMs);
  await container.until(`the ban of ${from}`, async () => {
    await guess(container, from, 'nosuchuser', patienceMs);
    for (let looked = 0; looked < 30; looked++) {
      if ((await bans(container, 'sshd')).includes(from)) return true;
      await pause(100);
    }
    return false;
  });
}

const bans = async (container: Container, jail: string) =>
  (await container.sh(`fail2ban-client get ${jail} banip`)).trim().split(/\s+/).filter(Boolean).sort();

const STRANGER = '203.0.113.80';

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  t.test(`fail2ban on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    // Further clients behind the same cable.
    const [attacker, other, administrator] = await container.addClients(3);
    if (attacker === undefined || other === undefined || administrator === undefined) throw new Error('no clients');
    // Something to reach where pveproxy listens, and a node of the cluster.
    await container.sh(`
echo root:secret | chpasswd; echo 'PermitRootLogin yes' >> /etc/ssh/sshd_config
# sshd of Debian 13 turns away by itself who fails too often: here it is Fail2Ban that must.
if sshd -T | grep -q '^persourcepenalties '; then echo 'PerSourcePenalties no' >> /etc/ssh/sshd_config; fi
systemctl reload ssh
systemd-run -q --unit=listener python3 -m http.server 8006
mkdir -p /etc/pve; printf '{"nodelist": {"node1": {"ip": "192.0.2.11"}, "node2": {"ip": "192.0.2.12"}}}' > /etc/pve/.members`);
    const plan = {
      release: release === 'bookworm' ? '8.4' : '9.2',
      postInstall: { fail2ban: { ignore: [`${administrator}/32`], maxRetry: 3, banMinutes: 5 } },
    };
    const asked = async (what: string) => (await container.exec(['systemctl', what, 'fail2ban'])).stdout.trim();
    t.equal(await asked('is-enabled'), 'disabled', 'before');
    await rig.runPlan(plan);
    t.strictSame(rig.steps(), held('fail2ban'));

    await t.test('whoever guesses at the web interface is banned, with nftables, and only he', async (t) => {
      t.ok(await opens(container, 8006, attacker), 'before');
      await failedLogins(container, { rhost: `::ffff:${attacker}`, name: 'root@pam', times: 3 });
      await container.until('the ban', async () => (await bans(container, 'proxmox')).length > 0);
      t.strictSame(await bans(container, 'proxmox'), [attacker]);
      await container.until('his port to close', async () => !(await opens(container, 8006, attacker)));
      t.ok(await opens(container, 8006, other), 'another client');
      t.match(await container.sh('nft list table inet f2b-table'), attacker);
      await mendedByHand(t, rig, 'fail2ban', [
        {
          name: 'somebody flushes the rules',
          by: 'nft flush ruleset',
          found: [`${attacker}, banned by proxmox: expected in the kernel, found not in the kernel`],
        },
      ]);
      await container.until('the ban to be back', async () => !(await opens(container, 8006, attacker)));
      await container.sh(`fail2ban-client unban ${attacker}`);
      t.ok(await opens(container, 8006, attacker), 'taken back');
    });

    await t.test('nobody can have others banned', async (t) => {
      // What a client may type as its name, each as often as it takes.
      const names = [
        `x authentication failure; rhost=${STRANGER} user=y`,
        `x msg=z authentication failure; rhost=${STRANGER} user=y msg=`,
        `\nauthentication failure; rhost=${STRANGER} user=y msg=`,
        `\nNov 24 11:00:00 node1 pvedaemon[1]: authentication failure; rhost=${STRANGER} user=y msg=`,
        `\r\n\u2028node1 pvedaemon[1]: authentication failure; rhost=${STRANGER} user=y msg=`,
        `x\\nnode1 pvedaemon[1]: authentication failure; rhost=${STRANGER} user=y`,
      ];
      // From this address, which is the server's own and never banned: what is left are the strangers.
      const rhost = `::ffff:${container.hostAddress}`;
      await failedLogins(container, ...names.map((name) => ({ rhost, name, times: 4 })));
      // Another unit that says it is pvedaemon, and a user's process that has the name of sshd.
      await container.sh(`
for _ in 1 2 3 4; do logger -t pvedaemon 'authentication failure; rhost=${STRANGER} user=y msg=z'; done
cp /usr/bin/logger /tmp/sshd
for _ in 1 2 3 4; do setpriv --reuid nobody --clear-groups /tmp/sshd -t sshd 'Failed password for root from ${STRANGER} port 1 ssh2'; done`);
      // And over SSH, where the name is free text as well.
      for (const name of [`x from ${STRANGER}`, `root from ${STRANGER} port 22 ssh2`])
        for (let i = 0; i < 4; i++) await guess(container, container.hostAddress, name);
      const written = () =>
        container.sh(
          "journalctl -o cat SYSLOG_IDENTIFIER=sshd + SYSLOG_IDENTIFIER=sshd-session | sed -n 's/^Invalid user \\(.*\\) from [0-9.]* port [0-9]*$/\\1/p' | sort | uniq -c",
        );
      const all = `      4 root from ${STRANGER} port 22 ssh2\n      4 x from ${STRANGER}\n`;
      await container.until('what sshd has written down of every one of these', async () => (await written()) === all);
      // In each jail a ban that must come: once it is there, everything before it has been read.
      await failedLogins(container, { rhost: `::ffff:${other}`, name: 'root@pam', times: 3 });
      await container.until('the ban', async () => (await bans(container, 'proxmox')).length > 0);
      t.strictSame(await bans(container, 'proxmox'), [other], 'not the stranger, and not the server');
      await guessUntilBanned(container, attacker);
      t.strictSame(await bans(container, 'sshd'), [attacker], 'here neither');
      await container.sh('fail2ban-client unban --all');
    });

    await t.test(
      'whoever guesses over SSH is banned; the administrator, the server and the cluster are not',
      async (t) => {
        for (const from of [administrator, container.hostAddress])
          for (let i = 0; i < 4; i++) await guess(container, from, 'nosuchuser');
        const never = [administrator, '192.0.2.12'].map((rhost) => ({ rhost, name: 'root@pam', times: 5 }));
        await failedLogins(container, ...never);
        await guessUntilBanned(container, attacker);
        t.strictSame(await bans(container, 'sshd'), [attacker]);
        await container.until('his port to close', async () => !(await opens(container, 22, attacker)));
        t.ok(await opens(container, 22, administrator));
        // A real one in the other jail: what came before him has been read there, too.
        await failedLogins(container, { rhost: other, name: 'root@pam', times: 3 });
        await container.until('the other ban', async () => (await bans(container, 'proxmox')).length > 0);
        t.strictSame(await bans(container, 'proxmox'), [other]);
        await container.sh('fail2ban-client unban --all');
      },
    );

    await mendedByHand(t, rig, 'fail2ban', [
      {
        name: 'another jail file that sorts behind ours, a filter over ours',
        by: `printf '[DEFAULT]\\nignoreip = 127.0.0.1\\nusedns = yes\\n[sshd]\\nmaxretry = 99\\nbanaction = iptables-multiport\\n' > /etc/fail2ban/jail.d/zz.local
printf '[Definition]\\nfailregex = pvedaemon.*authentication failure; rhost=<HOST>\\n' > /etc/fail2ban/filter.d/ironwake-proxmox.local
fail2ban-client reload > /dev/null; rm /etc/fail2ban/jail.d/zz.local`,
        found: [
          'another file over the filter: expected nothing, found /etc/fail2ban/filter.d/ironwake-proxmox.local',
          'failures, seconds, ban of sshd: expected 3 600 300, found 99 600 300',
          'what sshd bans with: expected nftables',
          'names looked up by sshd: expected no, found yes',
          /never banned by proxmox, and missing there: expected nothing, found .*192\.0\.2\.12/,
          /pattern of proxmox: expected .*, found pvedaemon/,
        ],
      },
      {
        name: 'files changed, a jail stopped',
        by: `echo '# x' >> /etc/fail2ban/jail.d/ironwake.local; echo '# x' >> /etc/fail2ban/filter.d/ironwake-proxmox.conf; fail2ban-client stop sshd > /dev/null`,
        found: [
          '/etc/fail2ban/jail.d/ironwake.local line',
          '/etc/fail2ban/filter.d/ironwake-proxmox.conf line',
          'jail sshd: expected runs',
        ],
      },
      {
        name: 'switched off',
        by: 'systemctl -q disable --now fail2ban',
        found: ['fail2ban.service at boot: expected enabled', 'fail2ban.service: expected active, found inactive'],
      },
    ]);
    await t.test('taken back: there was none', async (t) => {
      await rig.rollback('fail2ban');
      t.equal(await asked('is-enabled'), 'disabled');
      t.equal(await asked('is-active'), 'inactive');
      t.not((await container.exec(['test', '-e', '/etc/fail2ban/jail.d/ironwake.local'])).code, 0);
    });
    await t.test('taken back: one that somebody had set up works again, with its own settings', async (t) => {
      const own = '[DEFAULT]\nbackend = systemd\nbanaction = nftables\nmaxretry = 7\n[sshd]\nenabled = true\n';
      const retries = async () => (await container.exec(['fail2ban-client', 'get', 'sshd', 'maxretry'])).stdout.trim();
      const other = { ...plan, postInstall: { fail2ban: { maxRetry: 4 } } };
      // Its file goes over ours, which nobody but its owner can decide: the runner takes the module back.
      await container.write('/etc/fail2ban/jail.d/own.local', own);
      await container.sh('systemctl -q enable fail2ban; systemctl restart fail2ban');
      await container.until('its own jail', async () => (await retries()) === '7');
      await rig.again(other);
      t.strictSame(rig.steps(), ['fail2ban apply changed', 'fail2ban verify failed', 'fail2ban rollback ok']);
      t.match(
        rig.detailOf('fail2ban', 'verify'),
        'failures, seconds, ban of sshd: expected 4 600 3600, found 7 600 3600',
      );
      t.equal(await asked('is-enabled'), 'enabled');
      t.equal(await asked('is-active'), 'active');
      await container.until('its own jail again', async () => (await retries()) === '7');

      // One that ours goes over.
      await container.sh('mv /etc/fail2ban/jail.d/own.local /etc/fail2ban/jail.d/a-own.local');
      await rig.again(other);
      t.strictSame(rig.steps(), held('fail2ban'));
      t.equal(await retries(), '4');
      await rig.rollback('fail2ban');
      t.equal(await asked('is-enabled'), 'enabled');
      await container.until('its own jail once more', async () => (await retries()) === '7');
      t.equal(container.read('/etc/fail2ban/jail.d/a-own.local'), own);
    });
  });
}

t.test('the file of the Backup Server, which Fail2Ban itself reads', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container } = rig;
  await rig.runPlan({ product: 'pbs', release: '4.0', postInstall: { fail2ban: { ssh: false } } });
  t.strictSame(rig.steps(), held('fail2ban'));
  const line = (rhost: string, name: string) =>
    `2026-02-25T11:07:18+01:00: authentication failure; rhost=${rhost}:47414 user=${name} msg=no\n`;
  await container.write(
    '/root/auth.log',
    line('[::ffff:198.51.100.7]', 'root@pam') +
      line('[2001:db8::7]', 'x@pbs') +
      line('[::ffff:198.51.100.8]', `x: authentication failure; rhost=[${STRANGER}]:1 user=y@pbs`) +
      '2026-02-25T11:07:18+01:00: successful auth for user root@pam\n',
  );
  const seen = await container.sh(
    'fail2ban-regex --print-all-matched -v /root/auth.log /etc/fail2ban/filter.d/ironwake-proxmox.conf',
  );
  t.match(seen, /Lines: 4 lines, 0 ignored, 3 matched, 1 missed/);
  for (const address of ['198.51.100.7', '2001:db8::7', '198.51.100.8'])
    t.match(seen, new RegExp(`^\\|? +${address} `, 'm'));
  t.notMatch(seen, new RegExp(`^\\|? +${STRANGER} `, 'm'));
});
