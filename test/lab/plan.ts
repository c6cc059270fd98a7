/**
 * One plan with what needs a kernel of its own, served by the daemon to a Debian that boots from its own disk: an upgrade that brings a kernel and
 * restarts into it, kernel modules, a bond under a VLAN-aware bridge with a VLAN interface, and a power cut while nobody can reach the node.
 * One machine for each release, and three boots of it: from the disk, into the upgrade's kernel, and after the power cut. Fewer would prove neither.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { NodeView } from '../../src/api/schemas.ts';
import type { DebianRelease } from '../support/container.ts';
import { held } from '../support/rig.ts';
import { guestDisk, putFiles } from './guest.ts';
import type { StandInRelease } from './image.ts';
import { LAB_INTERFACE } from './lab.ts';
import type { Machine } from './machine.ts';
import { type CommandResult, must } from './namespaces.ts';
import { PlayedMachine } from './played.ts';
import { Site, timelineText } from './site.ts';

const FIRST_MAC = 'bc:24:11:00:03:01';
const SECOND_MAC = 'bc:24:11:00:03:02';
const ADDRESS = '10.77.0.51';
const FQDN = 'pve1.lab.test';
const PROFILE = 'kernel';
/** The VLAN of the node's own second address, and another one. */
const OWN = { tag: 10, address: '10.10.0.1' };
const OTHER_TAG = 20;
/** Loaded by hand at every boot until the plan forbids it. */
const FORBIDDEN = 'tipc';

const PROFILE_TEXT = {
  description: 'What needs a kernel of its own',
  answer: {
    global: { keyboard: 'de', country: 'de', timezone: 'UTC', mailto: 'admin@lab.example' },
    network: { source: 'from-dhcp' },
    'disk-setup': { filesystem: 'ext4', 'disk-list': ['vda'] },
  },
  postInstall: {
    upgrade: {},
    'kernel-modules': { loaded: ['dummy'] },
    sysctl: {},
    network: {
      bonds: { bond0: { ports: [FIRST_MAC, SECOND_MAC], mode: 'active-backup', primary: FIRST_MAC } },
      bridges: { vmbr0: { ports: ['bond0'], vlanAware: true } },
      vlans: { [`vmbr0.${OWN.tag}`]: { addresses: [`${OWN.address}/24`] } },
      // Longer than the test waits: what comes back before that was not brought back by the timer.
      rollbackSeconds: 900,
    },
  },
};

interface Report {
  readonly module: string;
  readonly step: string;
  readonly result: string;
  readonly detail: string;
}

class Node {
  readonly site: Site;
  readonly machine: Machine;
  readonly id: string;

  constructor(site: Site, machine: Machine, id: string) {
    this.site = site;
    this.machine = machine;
    this.id = id;
  }

  async reports(): Promise<readonly Report[]> {
    const { items } = (await this.site.must('GET', `/api/v1/nodes/${this.id}/reports`)) as { items: readonly Report[] };
    return items;
  }

  /** Waits until `done` holds. @throws Error with timeline, reports and console when the run ends before, or stalls */
  async until(done: (view: NodeView) => boolean | Promise<boolean>): Promise<NodeView> {
    for (;;) {
      const view = await this.site.node(this.id);
      if (await done(view)) return view;
      if (view.run?.ended === true || view.run?.stalledSince !== null || !this.machine.on) {
        const reports = JSON.stringify(await this.reports(), null, 1);
        throw new Error(`the node did not get there:\n${timelineText(view)}\n${reports}\n${this.machine.tail(60)}`);
      }
      await delay(500);
    }
  }

  /** A command by the daemon's way to the node. */
  ssh(command: string): Promise<CommandResult> {
    return this.site.ssh(ADDRESS, 'root', command);
  }

  async out(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.ssh(command);
    return code === 0 ? stdout.trim() : `status ${code}: ${stdout}${stderr}`;
  }

  /** Whether echo requests from the daemon's address are answered. */
  async answers(): Promise<boolean> {
    return (await this.site.lab.serve.run(['busybox', 'ping', '-q', '-c', '3', '-W', '2', ADDRESS])).code === 0;
  }

  /** Types a line on the console whose last word is printed when it has been done. */
  async onConsole(line: string): Promise<void> {
    // In two pieces, so that the echo of what was typed is not taken for it.
    await this.machine.type(`${line}; printf '%s%s\\n' it-is -done`);
    await this.machine.waitFor(/it-is-done/);
  }
}

/** The machine with a node's disk in it, off; its daemon believes that it has just been installed. */
async function installed(t: Test, debian: DebianRelease, release: StandInRelease): Promise<Node> {
  const disk = await guestDisk(debian);
  const site = await Site.start({ release, profiles: () => ({ [PROFILE]: PROFILE_TEXT }) });
  t.teardown(() => site.stop());
  const { lab } = site;
  await site.must('POST', '/api/v1/media', { path: site.image });
  const hostKey = join(lab.folder, 'host-key');
  must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'root@pve1', '-f', hostKey);
  const played = await PlayedMachine.arm(site, {
    mac: FIRST_MAC,
    fqdn: FQDN,
    address: ADDRESS,
    profile: PROFILE,
    release,
  });
  const hook = await played.install(`${hostKey}.pub`);
  const machine = lab.machine({
    name: 'pve1',
    firmware: 'bios',
    mac: FIRST_MAC,
    furtherMacs: [SECOND_MAC],
    networkRom: false,
    image: disk,
    keyboard: true,
    memoryMiB: 1024,
  });
  const nameOf = (mac: string, name: string): string => `[Match]\nPermanentMACAddress=${mac}\n\n[Link]\nName=${name}\n`;
  putFiles(machine.disks[0] ?? '', {
    '/etc/machine-id': { content: `${machine.uuid.replaceAll('-', '')}\n` },
    '/etc/hostname': { content: 'pve1\n' },
    '/etc/hosts': { content: `127.0.0.1 localhost\n${ADDRESS} ${FQDN} pve1\n` },
    '/etc/systemd/network/10-eno1.link': { content: nameOf(FIRST_MAC, 'eno1') },
    '/etc/systemd/network/10-eno2.link': { content: nameOf(SECOND_MAC, 'eno2') },
    '/etc/network/interfaces': { content: INTERFACES },
    '/etc/modules-load.d/by-hand.conf': { content: `${FORBIDDEN}\n` },
    '/etc/ssh/ssh_host_ed25519_key': { content: readFileSync(hostKey, 'utf8'), mode: 0o600 },
    '/etc/ssh/ssh_host_ed25519_key.pub': { content: readFileSync(`${hostKey}.pub`, 'utf8') },
    '/root/.ssh/authorized_keys': { content: readFileSync(`${site.key}.pub`, 'utf8'), mode: 0o600 },
    '/var/lib/proxmox-first-boot/proxmox-first-boot': { content: hook, mode: 0o755 },
    '/var/lib/proxmox-first-boot/pending-first-boot-setup': { content: '' },
  });
  return new Node(site, machine, played.id);
}

/** As the installer leaves it. */
const INTERFACES = `auto lo
iface lo inet loopback

iface eno1 inet manual

iface eno2 inet manual

auto vmbr0
iface vmbr0 inet static
\taddress ${ADDRESS}/24
\tgateway 10.77.0.1
\tbridge-ports eno1
\tbridge-stp off
\tbridge-fd 0

source /etc/network/interfaces.d/*
`;

const told = ({ module, step, result }: Report): string => `${module} ${step} ${result}`;

/** The walk of one release. */
export async function planOnItsOwnKernel(t: Test, debian: DebianRelease, release: StandInRelease): Promise<void> {
  const node = await installed(t, debian, release);
  const { machine } = node;
  const startedAt = Date.now();
  const mark = (what: string): void => t.comment(`${((Date.now() - startedAt) / 1000).toFixed(1)} s  ${what}`);

  machine.powerOn();
  await machine.waitFor(/console# /);
  mark('the first boot');
  await node.until(async () => (await node.reports()).some((report) => told(report) === 'upgrade restart ok'));
  mark('upgraded, restarting');
  await machine.waitFor(/console# /);
  mark('the second boot');

  // Nobody has confirmed the new network, nobody can, and the power fails.
  await node.onConsole('until [ -e /var/lib/ironwake/rollback.d/network ]; do sleep 0.2; done');
  await machine.plug(0, false);
  await machine.plug(1, false);
  mark('the network is about to change, and every cable is out');
  await node.onConsole(
    'until grep -qs 1 /sys/class/net/bond0/bonding/slaves && [ -e /sys/class/net/vmbr0.10 ]; do sleep 0.2; done; sync',
  );
  t.notOk(await node.answers(), 'the node cannot be reached');
  await machine.powerOff();
  machine.powerOn();
  mark('power cut');
  const ready = await node.until((view) => view.run?.state === 'ready');
  mark('ready');
  t.comment(timelineText(ready));
  t.same(
    (await node.reports()).map(told),
    [
      ...['upgrade apply changed', 'upgrade restart ok', 'upgrade verify ok', 'upgrade reapply unchanged'],
      ...held('sysctl'),
      ...held('kernel-modules'),
      'network rollback ok',
      ...held('network'),
    ],
    'each module was applied and verified, and a second run changes nothing',
  );
  await restartedIntoTheNewKernel(t, node);
  await modulesAreForbidden(t, node);
  await rolledBackAtBoot(t, node);
  await aLegMayFail(t, node);
  await vlansAreApart(t, node);
  t.equal(
    await node.out('bash /var/lib/ironwake/lib/verify.sh | grep -o \'"result":"[a-z]*"\' | sort | uniq -c | xargs'),
    '4 result:ok',
    'all of it still holds',
  );
}

async function restartedIntoTheNewKernel(t: Test, node: Node): Promise<void> {
  const detail = (await node.reports()).find((report) => told(report) === 'upgrade restart ok')?.detail ?? '';
  t.match(detail, /^kernel \S+-cloud-amd64 is installed, \S+[0-9]-amd64 runs$/, 'the upgrade brought a kernel');
  t.equal(await node.out('uname -r'), /^kernel (\S+)/.exec(detail)?.[1], 'and the node runs it');
}

/** The node had loaded one of them by hand at every boot. */
async function modulesAreForbidden(t: Test, node: Node): Promise<void> {
  const applied = (await node.reports()).find((report) => told(report) === 'kernel-modules apply changed');
  t.match(applied?.detail, `module ${FORBIDDEN} unloaded`, 'it was loaded before');
  t.match(applied?.detail, 'module dummy loaded', 'and what the profile wants was not');
  t.match(await node.out(`modinfo -n ${FORBIDDEN}`), /\.ko$/, 'this kernel has the forbidden module');
  t.match(await node.out(`modprobe ${FORBIDDEN}`), /^status 1: /, 'which cannot be loaded by its name');
  t.match(
    await node.out('perl -e \'socket(my $s, 30, 2, 0) or print "$!"\''),
    'Address family not supported by protocol',
    'nor by whoever asks for its protocol',
  );
  t.equal(
    await node.out(
      `cat /etc/modules-load.d/by-hand.conf; ls -d /sys/module/${FORBIDDEN} /sys/module/dummy 2> /dev/null || true`,
    ),
    `${FORBIDDEN}\n/sys/module/dummy`,
    'after a restart it is not there, although a file still asks for it; what the profile wants is',
  );
}

async function rolledBackAtBoot(t: Test, node: Node): Promise<void> {
  const rollback = (await node.reports()).find(({ step }) => step === 'rollback');
  t.match(rollback?.detail, 'the node restarted before the change was confirmed', 'by the boot, not by the timer');
  t.match(
    await node.out('journalctl -b -o cat -u ironwake-rollback.service'),
    /rolling network back[\s\S]*the former network is back/,
    'and the journal says so',
  );
  t.equal(await node.out('ls /var/lib/ironwake/rollback.d'), '', 'nothing is armed any more');
  t.equal(await node.out('grep -c ironwake-probe /root/.ssh/authorized_keys || true'), '0', 'the probe key is gone');
}

/** True on the node when this leg has that carrier (1 or 0) and the bond uses this one. */
const legs = (leg: string, carrier: 0 | 1, used: string): string =>
  `[ "$(cat /sys/class/net/${leg}/carrier)" = ${carrier} ] && [ "$(cat /sys/class/net/bond0/bonding/active_slave)" = ${used} ]`;

/** Each leg in turn, while a connection is open. */
async function aLegMayFail(t: Test, node: Node): Promise<void> {
  t.equal(await node.out(`${legs('eno1', 1, 'eno1')} && echo in use`), 'in use', 'the primary leg carries the traffic');
  for (const [card, leg, other] of [
    [0, 'eno1', 'eno2'],
    [1, 'eno2', 'eno1'],
  ] as const) {
    const open = node.ssh(`touch /run/open-${leg}; until ${legs(leg, 0, other)}; do sleep 0.2; done; echo still here`);
    await node.out(`until [ -e /run/open-${leg} ]; do sleep 0.2; done`);
    await node.machine.plug(card, false);
    t.equal(
      (await open).stdout.trim(),
      'still here',
      `the cable of ${leg} is out: an open connection goes on over ${other}`,
    );
    t.ok(await node.answers(), 'and new traffic flows');
    t.match(
      await node.out('bash /var/lib/ironwake/lib/verify.sh network'),
      /"result":"ok"/,
      'a cable that is out is no drift',
    );
    await node.machine.plug(card, true);
    t.equal(
      await node.out(`until ${legs(leg, 1, 'eno1')}; do sleep 0.2; done`),
      '',
      'in again: the primary leg is used',
    );
  }
}

/** Guests of the node's bridge, played by network namespaces: name, tag of their port, last number of their address in one network. */
const MEMBERS = [
  { name: 'a', tag: OWN.tag, address: '10.10.0.2' },
  { name: 'b', tag: OWN.tag, address: '10.10.0.3' },
  { name: 'c', tag: OTHER_TAG, address: '10.10.0.4' },
  { name: 'd', tag: OTHER_TAG, address: '10.10.0.5' },
];

async function vlansAreApart(t: Test, node: Node): Promise<void> {
  const made = MEMBERS.map(({ name, tag, address }) =>
    [
      `ip netns add ${name}`,
      `ip link add v${name} type veth peer name eth0 netns ${name}`,
      `ip link set v${name} master vmbr0 up`,
      `bridge vlan del dev v${name} vid 1`,
      `bridge vlan add dev v${name} vid ${tag} pvid untagged`,
      `ip -n ${name} addr add ${address}/24 dev eth0`,
      `ip -n ${name} link set eth0 up`,
    ].join(' && '),
  );
  t.equal(await node.out(made.join(' && ')), '', 'four guests on the bridge, two in each VLAN');
  const pings = [
    ['a', '10.10.0.3', 'reached'],
    ['a', OWN.address, 'reached'],
    ['c', '10.10.0.5', 'reached'],
    ['a', '10.10.0.4', 'apart'],
    ['c', '10.10.0.3', 'apart'],
    ['c', OWN.address, 'apart'],
  ] as const;
  const tried = pings.map(
    ([from, to]) => `ip netns exec ${from} ping -q -c 2 -i 0.2 -W 2 ${to} > /dev/null && echo reached || echo apart`,
  );
  t.same(
    (await node.out(tried.join('; '))).split('\n'),
    pings.map(([, , expected]) => expected),
    pings.map(([from, to, expected]) => `${from} to ${to}: ${expected}`).join(', '),
  );
  // From outside, over the cable: what is not tagged, or otherwise, is in another network.
  const peer = fileURLToPath(new URL('peers/arp.py', import.meta.url));
  for (const [tag, address, expected] of [
    ['-', ADDRESS, 'untagged'],
    ['10', OWN.address, 'tag 10'],
    ['10', '10.10.0.2', 'tag 10'],
    ['20', '10.10.0.4', 'tag 20'],
    ['20', '10.10.0.2', 'no answer'],
    ['10', '10.10.0.4', 'no answer'],
    ['-', '10.10.0.2', 'no answer'],
  ] as const) {
    const asked = await node.site.lab.stranger.run(['python3', peer, LAB_INTERFACE, tag, address]);
    t.equal(
      asked.stdout.trim() || asked.stderr,
      expected,
      `on the wire: ${address} asked for ${tag === '-' ? 'without a tag' : `in VLAN ${tag}`}: ${expected}`,
    );
  }
}
