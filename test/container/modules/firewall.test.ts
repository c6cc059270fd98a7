/**
 * Module firewall on a real Debian 12 and 13. For Backup Server: real nftables. For Proxmox VE: its files, read by a stand-in of pve-firewall that
 * shares nothing with the module, follows the rules of pve-firewall's documentation and puts them into the kernel.
 */
import { createConnection } from 'node:net';
import t, { type Test } from 'tap';
import { type DebianRelease, must, run } from '../../support/container.ts';
import { brokenByHand, held, type Rig, startRig } from '../../support/rig.ts';
import { ownNetworkKeys, pveFirewall } from '../../support/surroundings.ts';

// Each of these boots a system; the limit only ends what hangs.
t.setTimeout(600_000);

/** An address of the machine in front of the container that nobody has let in. */
const STRANGER = '198.51.100.1';
const MONITORING = '198.51.100.9';

/** Whether a connection comes up; a dropped one does not within two seconds. */
function reaches(rig: Rig, from: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: rig.container.address, port, localAddress: from });
    const end = (verdict: string) => {
      socket.destroy();
      resolve(verdict);
    };
    socket.setTimeout(2000, () => end('dropped'));
    socket.once('connect', () => end('in'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
  });
}

/** What the outside sees: port by port from the server, from the monitoring and from a stranger. */
async function seen(rig: Rig): Promise<Record<string, string>> {
  const { hostAddress } = rig.container;
  const lines = [
    ['server', hostAddress],
    ['monitoring', MONITORING],
    ['stranger', STRANGER],
  ].flatMap(([who = '', from = '']) => [22, 8007, 9100, 9999].map((port) => ({ who, from, port })));
  const view = lines.map(async ({ who, from, port }) => [`${who} ${port}`, await reaches(rig, from, port)]);
  return Object.fromEntries(await Promise.all(view));
}
const CLOSED = {
  ...{ 'server 22': 'in', 'server 8007': 'in', 'server 9100': 'dropped', 'server 9999': 'dropped' },
  ...{
    'monitoring 22': 'dropped',
    'monitoring 8007': 'dropped',
    'monitoring 9100': 'in',
    'monitoring 9999': 'dropped',
  },
  ...{ 'stranger 22': 'dropped', 'stranger 8007': 'dropped', 'stranger 9100': 'dropped', 'stranger 9999': 'dropped' },
};
const OPEN = Object.fromEntries(Object.keys(CLOSED).map((key) => [key, 'in']));

/** Programs that listen, and strangers in front of the container. */
async function surroundings(rig: Rig): Promise<void> {
  const { container } = rig;
  for (const port of [8007, 9100, 9999])
    await container.sh(
      `systemd-run --quiet --unit=listen-${port} perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5, LocalPort => ${port}, ReuseAddr => 1) or die; 1 while $s->accept'`,
    );
  await container.until(
    'the programs that listen',
    async () =>
      (
        await container.exec(['sh', '-c', 'ss -Hltn "( sport = 8007 or sport = 9100 or sport = 9999 )" | wc -l'])
      ).stdout.trim() === '3',
  );
  const [, device = ''] = /dev (\S+)/.exec(await must('ip', ['-o', 'route', 'get', container.address])) ?? [];
  for (const address of [STRANGER, MONITORING]) await must('ip', ['addr', 'add', `${address}/32`, 'dev', device]);
  await container.sh(`ip route add 198.51.100.0/24 via ${container.hostAddress}`);
}

/**
 * With bridge netfilter on, as pve-firewall and container engines switch it on, frames between two ports of a bridge pass the hooks of IP, too:
 * guests must reach each other all the same, and the node itself as little as anybody.
 */
async function guestsOnABridge(t: Test, rig: Rig): Promise<void> {
  const { container } = rig;
  // Built into some kernels; elsewhere a module of the machine.
  await run('modprobe', ['br_netfilter']);
  await ownNetworkKeys(container);
  await container.sh(`
ip link add guests type bridge
ip addr add 10.99.0.1/24 dev guests
ip link set guests up
for n in 2 3; do
  ip netns add guest$n
  ip link add v$n type veth peer name eth0 netns guest$n
  ip link set v$n master guests up
  ip -n guest$n addr add 10.99.0.$n/24 dev eth0
  ip -n guest$n link set eth0 up
done
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
nft 'table inet witness { chain forward { type filter hook forward priority 0; counter; }; }'`);
  const fromGuest = (command: string) => container.exec(['ip', 'netns', 'exec', 'guest2', 'sh', '-c', command]);
  t.equal((await fromGuest('ping -q -c 3 -i 0.2 -W 5 10.99.0.3')).code, 0, 'one guest reaches the other');
  t.match(
    await container.sh('nft list table inet witness'),
    /counter packets [1-9]/,
    'and what they said has passed the hooks where the rules are',
  );
  t.equal((await fromGuest('ping -q -c 1 -W 5 10.99.0.1')).code, 0, 'the node answers to ping, as to everybody');
  for (const port of [22, 8007])
    t.not((await fromGuest(`timeout 3 bash -c 'exec 3<> /dev/tcp/10.99.0.1/${port}'`)).code, 0, `not at port ${port}`);
}

const PARAMETERS = {
  management: ['192.0.2.0/24'],
  sets: { monitoring: [MONITORING] },
  rules: [{ ports: '9100', from: '+monitoring', comment: 'node exporter' }],
};

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  t.test(`firewall of Backup Server on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await surroundings(rig);
    t.strictSame(await seen(rig), OPEN, 'before: everybody is let in everywhere');
    const plan = {
      postInstall: { firewall: PARAMETERS },
      release: release === 'bookworm' ? '3.4' : '4.0',
      product: 'pbs' as const,
    };

    await t.test('the server cannot come in: everything as before', async (t) => {
      const real = rig.server.probe;
      rig.server.probe = () => Promise.resolve({ result: 'failed', detail: 'no answer at port 22' });
      await rig.again(plan);
      t.strictSame(rig.steps(), ['firewall apply failed', 'firewall rollback ok']);
      t.strictSame(await seen(rig), OPEN);
      t.not((await container.exec(['systemctl', 'is-enabled', 'ironwake-firewall.service'])).code, 0);
      rig.server.probe = real;
    });

    await rig.again(plan);
    t.strictSame(rig.steps(), held('firewall'));
    t.strictSame(await seen(rig), CLOSED, 'the rules hold');
    t.equal(
      (await must('busybox', ['ping', '-c', '1', '-W', '2', container.address])).includes('1 packets received'),
      true,
      'it answers to ping',
    );
    await brokenByHand(t, rig, 'firewall', plan, [
      { name: 'the rules are flushed', by: 'nft flush ruleset', found: [/rules in the kernel: expected .* -, found /] },
      {
        name: 'one more rule',
        by: 'nft add rule inet ironwake input tcp dport 9999 accept',
        found: ['rules in the kernel'],
      },
      {
        name: 'it would not come back at the next boot',
        by: 'systemctl disable --quiet ironwake-firewall.service',
        found: ['ironwake-firewall.service: expected enabled, found disabled'],
      },
      {
        name: 'a line of the file',
        by: "sed -i 's/policy drop/policy accept/' /etc/ironwake/firewall.nft",
        found: [/line \d+: expected .*policy drop;, found .*policy accept;/],
      },
    ]);
    t.strictSame(await seen(rig), CLOSED, 'and hold after all that');
    await guestsOnABridge(t, rig);
    await container.reboot();
    t.strictSame(await rig.drift('firewall'), [], 'and after a restart');
    t.equal(await reaches(rig, STRANGER, 22), 'dropped');
  });

  t.test(`firewall of Proxmox VE on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await pveFirewall(container);
    await surroundings(rig);
    t.strictSame(await seen(rig), OPEN, 'before: switched off, as installed');
    const plan = {
      postInstall: {
        firewall: { ...PARAMETERS, rules: [...PARAMETERS.rules, { ports: '8007', from: '+management' }] },
      },
      release: release === 'bookworm' ? '8.4' : '9.2',
    };

    await t.test('a file that somebody wrote is left alone', async (t) => {
      await container.write('/etc/pve/firewall/cluster.fw', '[OPTIONS]\nenable: 0\n');
      await rig.again(plan);
      t.match(rig.detailOf('firewall', 'apply'), /cluster\.fw was written by somebody else/);
      t.equal(container.read('/etc/pve/firewall/cluster.fw'), '[OPTIONS]\nenable: 0\n');
      await container.sh('rm /etc/pve/firewall/cluster.fw');
    });

    await t.test('in a cluster, whose nodes share one file', async (t) => {
      await container.write('/etc/pve/corosync.conf', '');
      await rig.again(plan);
      t.match(rig.detailOf('firewall', 'apply'), /give localNetwork the network of the nodes/);
      await container.sh('rm /etc/pve/corosync.conf');
    });

    await t.test('a line that pve-firewall would leave out with exit status 0', async (t) => {
      await container.sh('touch /etc/pve/refuses-sets');
      await rig.again(plan);
      t.strictSame(rig.steps(), ['firewall apply failed', 'firewall rollback ok']);
      t.match(rig.detailOf('firewall', 'apply'), /pve-firewall would leave out: .*monitoring/);
      t.strictSame(await seen(rig), OPEN);
      await container.sh('rm /etc/pve/refuses-sets');
    });

    await t.test('the server cannot come in: everything as before', async (t) => {
      const real = rig.server.probe;
      rig.server.probe = () => Promise.resolve({ result: 'failed', detail: 'no answer at port 22' });
      await rig.again(plan);
      t.strictSame(rig.steps(), ['firewall apply failed', 'firewall rollback ok']);
      t.strictSame(await seen(rig), OPEN);
      rig.server.probe = real;
    });

    await rig.again(plan);
    t.strictSame(rig.steps(), held('firewall'));
    t.strictSame(await seen(rig), CLOSED, 'the rules hold');
    await brokenByHand(t, rig, 'firewall', plan, [
      {
        name: 'switched off',
        by: "sed -i 's/enable: 1/enable: 0/' /etc/pve/firewall/cluster.fw; systemctl restart pve-firewall",
        found: [
          /line 4: expected enable: 1, found enable: 0/,
          'pve-firewall: expected Status: enabled/running, found Status: disabled/running',
        ],
      },
      {
        name: 'stopped',
        by: 'systemctl stop pve-firewall',
        found: ['pve-firewall: expected Status: enabled/running, found Status: enabled/stopped'],
      },
      {
        name: 'the host’s own file',
        by: 'rm /etc/pve/local/host.fw',
        found: ['/etc/pve/local/host.fw: expected the file, found no such file'],
      },
    ]);
    t.strictSame(await seen(rig), CLOSED, 'and hold after all that');
  });
}
