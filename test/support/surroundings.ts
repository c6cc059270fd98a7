/** What a container lacks, or has around it, for modules that reach beyond their files: a resolver, a clock, a /sys and a firewall of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from './container.ts';

/** Debian's dnsmasq as the DNS server of the network: it knows `*.example.test`. Whoever starts it ends it. */
export function dnsServer(address: string): ChildProcess {
  return spawn(
    'dnsmasq',
    [
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces'],
      ...[`--listen-address=${address}`, '--address=/example.test/192.0.2.9', '--pid-file='],
    ],
    { stdio: 'ignore' },
  );
}

/** chronyd that does not touch the machine's clock, and a second one as the time server of the network, on an address of its own. */
export async function clocks(container: Container): Promise<void> {
  await container.sh(`
mkdir -p /etc/systemd/system/chrony.service.d
printf '[Unit]\\nConditionCapability=\\n[Service]\\nExecStart=\\nExecStart=!/usr/sbin/chronyd -x\\n' > /etc/systemd/system/chrony.service.d/container.conf
ip addr add 198.51.100.1/32 dev lo
ip addr add 198.51.100.2/32 dev lo
printf '%s\\n' 'local stratum 3' 'allow 0/0' 'bindaddress 198.51.100.1' 'cmdport 0' 'bindcmdaddress /run/server.sock' 'pidfile /run/server.pid' > /root/server.conf
systemd-run -q --unit=time-server chronyd -d -x -U -u root -f /root/server.conf
systemctl daemon-reload`);
}

/** nspawn mounts /sys before it enters the container's network: what stands below /sys/class/net is this machine's, until this has run. */
export async function ownInterfaces(container: Container): Promise<void> {
  await container.write(
    '/etc/systemd/system/sys.service',
    `[Unit]
DefaultDependencies=no
Before=networking.service ironwake-rollback.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=sh -c 'mkdir -p /run/cgroup && mount --bind /sys/fs/cgroup /run/cgroup && mount -t sysfs sysfs /sys && mount --bind /run/cgroup /sys/fs/cgroup'
[Install]
WantedBy=sysinit.target
`,
  );
  await container.sh('systemctl daemon-reload; systemctl enable --quiet --now sys.service');
}

/** /etc/network/interfaces of a node with one address on one port, as ifupdown2 has it up. Returns the file's text. */
export async function staticAddress(container: Container): Promise<string> {
  const text = `auto lo\niface lo inet loopback\n\nauto host0\niface host0 inet static\n    address ${container.address}/30\n`;
  await container.write('/etc/network/interfaces', text);
  await container.sh('systemctl enable --quiet --now networking.service');
  return text;
}

/** nspawn leaves the keys of a namespace that it was handed read-only; only these belong to the namespace alone. */
export async function ownNetworkKeys(container: Container): Promise<void> {
  await container.sh('mount --bind /proc/sys/net /proc/sys/net; mount -o remount,bind,rw /proc/sys/net');
}

/** Proxmox VE's firewall, switched off as installed: test/container/stand-ins/pve-firewall.pl. */
export async function pveFirewall(container: Container): Promise<void> {
  await container.sh('mkdir -p /etc/pve/local /etc/pve/firewall');
  await container.write(
    '/usr/sbin/pve-firewall',
    readFileSync(join(import.meta.dirname, '../container/stand-ins/pve-firewall.pl'), 'utf8'),
    '0755',
  );
  await container.write(
    '/etc/systemd/system/pve-firewall.service',
    '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/pve-firewall start\nExecStop=/usr/sbin/pve-firewall stop\n[Install]\nWantedBy=multi-user.target\n',
  );
  await container.sh('systemctl daemon-reload; systemctl enable --quiet --now pve-firewall.service');
}
