/** Who holds a port: what the kernel tells in /proc, so that EADDRINUSE becomes one line that an administrator can act on. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { IronwakeError, systemCode } from '../errors.ts';

export interface PortHolder {
  readonly pid: number;
  /** What an administrator calls it: `dnsmasq`, `ironwake serve`, `node app.js`. */
  readonly name: string;
}

/** Inodes of the sockets bound to a local port in the text of /proc/net/{udp,udp6,tcp,tcp6} (for TCP listening ones: state 0A). */
export function inodesOf(table: string, protocol: 'udp' | 'tcp', port: number): readonly string[] {
  const found: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const local = columns[1]?.split(':')[1];
    if (local === undefined || Number.parseInt(local, 16) !== port) continue;
    if (protocol === 'tcp' && columns[3] !== '0A') continue;
    const inode = columns[9];
    if (inode !== undefined && inode !== '0') found.push(inode);
  }
  return found;
}

export interface PortUse {
  /** Sockets bound to the port, on any address. */
  readonly sockets: number;
  /** Who they belong to, without this process; those of other users are visible to root only. */
  readonly holders: readonly PortHolder[];
}

/** Who uses a UDP or listening TCP port in our network namespace. */
export async function useOfPort(protocol: 'udp' | 'tcp', port: number): Promise<PortUse> {
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const wanted = new Set(
    tables.flatMap((table) => inodesOf(table, protocol, port)).map((inode) => `socket:[${inode}]`),
  );
  return { sockets: wanted.size, holders: await holdersOf(wanted) };
}

/** The processes, without this one, that have one of these sockets (`socket:[INODE]`) open. */
async function holdersOf(sockets: ReadonlySet<string>): Promise<readonly PortHolder[]> {
  const holders: PortHolder[] = [];
  if (sockets.size === 0) return holders;
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid || !(await hasOneOf(pid, sockets))) continue;
    const [comm, commandLine] = await Promise.all(
      ['comm', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    holders.push({ pid, name: nameOfProcess(comm ?? '', commandLine ?? '') });
  }
  return holders;
}

const OWN_ENTRIES = ['src/cli/main.ts', 'scripts/ironwake.js'];

/**
 * @param comm of /proc/PID/comm. Of a Node process it is the name of a thread, `MainThread`
 * @param commandLine of /proc/PID/cmdline: arguments that end with NUL
 */
export function nameOfProcess(comm: string, commandLine: string): string {
  const short = comm.trim();
  const [program = '', ...rest] = commandLine.split('\0').filter((argument) => argument !== '');
  if (short in REMEDIES || program === '') return short === '' ? '?' : short;
  const name = basename(program);
  if (!/^node(js|-?\d+)?$/.test(name)) return name;
  const at = rest.findIndex((argument) => !argument.startsWith('-'));
  const script = rest[at];
  if (script === undefined || !/\.[cm]?[jt]s$/.test(script)) return name;
  if (OWN_ENTRIES.some((entry) => script.endsWith(entry))) return `ironwake ${rest[at + 1] ?? ''}`.trimEnd();
  return `${name} ${basename(script)}`;
}

async function hasOneOf(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    if (sockets.has(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''))) return true;
  }
  return false;
}

/**
 * The process that holds a UDP or listening TCP port in our network namespace, on any address; this process itself is left out. Undefined when
 * there is none, or when it belongs to another user and we may not look (no root).
 */
export async function holderOfPort(protocol: 'udp' | 'tcp', port: number): Promise<PortHolder | undefined> {
  return (await useOfPort(protocol, port)).holders[0];
}

/** What to do about a program that is known to take our ports. Others get the general advice. */
const REMEDIES: Readonly<Record<string, string>> = {
  dnsmasq:
    'Set bind-dynamic in its configuration (/etc/dnsmasq.conf) and restart it; for TFTP also remove enable-tftp. Both then serve side by side.',
  dhcpd: 'Stop isc-dhcp-server, or let it serve other interfaces only (INTERFACESv4 in /etc/default/isc-dhcp-server).',
  'kea-dhcp4': 'Let Kea use raw sockets on its own interfaces ("dhcp-socket-type": "raw"), or stop it on this host.',
  'in.tftpd': 'Stop it: systemctl disable --now tftpd-hpa.',
  atftpd: 'Stop it: systemctl disable --now atftpd.',
  inetd: 'Remove the tftp line from /etc/inetd.conf and restart inetd.',
  xinetd: 'Disable the tftp service in /etc/xinetd.d and restart xinetd.',
  systemd: 'A socket unit holds it: find it with systemctl list-sockets and disable it.',
};

/** What to do about the program that holds a port. */
export function remedyAgainst(holder: PortHolder): string {
  const own = holder.name.startsWith('ironwake');
  return (
    REMEDIES[holder.name] ??
    `Stop it (kill ${holder.pid})${own ? ': it is another Ironwake,' : ''} or choose another ${own ? 'interface or ' : ''}port.`
  );
}

/**
 * Turns the failure of a bind into one clear line.
 * @param where what was to be bound, for people: `10.0.0.2:4011`, `UDP port 67 on eno1`
 * @returns IronwakeError `net.port-in-use` (naming the holder), `net.port-forbidden`, or `net.bind-failed`
 */
export async function bindError(
  protocol: 'udp' | 'tcp',
  port: number,
  where: string,
  cause: unknown,
): Promise<IronwakeError> {
  const code = systemCode(cause);
  if (code === 'EADDRINUSE') return portInUse(protocol, port, where, undefined, cause);
  if (code === 'EACCES' || code === 'EPERM')
    return new IronwakeError({
      kind: 'refused',
      code: 'net.port-forbidden',
      message: `${where} may not be bound by this user: ports below 1024 need a right`,
      remedy: 'Type: sudo npm run serve. (The systemd unit needs no root: it brings CAP_NET_BIND_SERVICE.)',
      cause,
    });
  return new IronwakeError({
    kind: 'unavailable',
    code: 'net.bind-failed',
    message: `${where} cannot be bound (${code ?? 'unknown error'})`,
    remedy: 'Check that the interface is up and still has its address: ip address.',
    cause,
  });
}

/**
 * @param inode of the socket that is in the way, where it is known; else any on this port is taken for it
 * @returns IronwakeError `net.port-in-use`, naming the holder
 */
export async function portInUse(
  protocol: 'udp' | 'tcp',
  port: number,
  where: string,
  inode?: string,
  cause?: unknown,
): Promise<IronwakeError> {
  const holder =
    inode === undefined ? await holderOfPort(protocol, port) : (await holdersOf(new Set([`socket:[${inode}]`])))[0];
  return new IronwakeError({
    kind: 'conflict',
    code: 'net.port-in-use',
    message: `${where} is taken by ${holder === undefined ? 'another process' : `${holder.name} (pid ${holder.pid})`}`,
    remedy:
      holder === undefined
        ? `Find it with: sudo ss -lnp${protocol === 'udp' ? 'u' : 't'} 'sport = :${port}', and stop it or choose another port.`
        : remedyAgainst(holder),
    cause,
  });
}
