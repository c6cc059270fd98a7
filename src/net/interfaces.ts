/**
 * Which interfaces of this host are served. `readHost` asks the kernel, everything else is pure and works on what it found, so that the choice
 * can be explained and tested.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import { IronwakeError } from '../errors.ts';
import type { Ipv4 } from './ipv4.ts';
import { isIpv4 } from './ipv4.ts';
import type { Segment } from './segment.ts';

export interface HostInterface {
  readonly name: string;
  /** The kernel's number: a device that is made again under its old name has a new one, and sockets bound to the old one are deaf. */
  readonly index: number;
  /** False for tunnels and the like, where DHCP has no broadcast to answer. Loopback counts as able (tests). */
  readonly ethernet: boolean;
  readonly loopback: boolean;
  /** The bridge that this interface is a port of. */
  readonly bridge: string | undefined;
  readonly addresses: ReadonlyArray<{ readonly address: Ipv4; readonly prefixLength: number }>;
}

export interface HostNetwork {
  readonly interfaces: readonly HostInterface[];
  /** Names of the interfaces that hold the default route of the lowest metric: none, one, or several of equal metric. */
  readonly defaultRoutes: readonly string[];
}

/** TCP ports that URLs of a segment name. */
export interface SegmentPorts {
  readonly http: number;
  readonly https: number;
}

const ARPHRD_ETHER = '1';
const ARPHRD_LOOPBACK = '772';

/** Reads interfaces (/sys/class/net), addresses (getifaddrs) and the IPv4 default route (/proc/net/route). A fraction of a millisecond. */
export async function readHost(): Promise<HostNetwork> {
  const addresses = networkInterfaces();
  const names = await readdir('/sys/class/net');
  const interfaces = await Promise.all(
    names.map(async (name): Promise<HostInterface | undefined> => {
      const index = Number(await attribute(name, 'ifindex'));
      // bonding_masters is a file in there; and an interface may go while we look.
      if (!Number.isInteger(index) || index === 0) return undefined;
      const type = await attribute(name, 'type');
      return {
        name,
        index,
        loopback: type === ARPHRD_LOOPBACK,
        ethernet: type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK,
        bridge: await bridgeOf(name),
        addresses: (addresses[name] ?? []).flatMap((a) =>
          a.family === 'IPv4' && isIpv4(a.address)
            ? [{ address: a.address, prefixLength: Number(a.cidr?.split('/')[1] ?? 32) }]
            : [],
        ),
      };
    }),
  );
  return {
    interfaces: interfaces.filter((i) => i !== undefined).sort((a, b) => a.index - b.index),
    defaultRoutes: defaultRoutesOf(await readFile('/proc/net/route', 'utf8').catch(() => '')),
  };
}

/** The kernel's number of an interface; undefined when it is not there. */
export async function indexOfInterface(name: string): Promise<number | undefined> {
  const text = await attribute(name, 'ifindex');
  return text === undefined ? undefined : Number(text);
}

async function attribute(name: string, file: string): Promise<string | undefined> {
  return readFile(`/sys/class/net/${name}/${file}`, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function bridgeOf(name: string): Promise<string | undefined> {
  return readlink(`/sys/class/net/${name}/brport/bridge`).then(
    (target) => basename(target),
    () => undefined,
  );
}

/** The devices of the default routes with the lowest metric in the text of /proc/net/route (columns: proc(5); RTF_UP = 1). */
export function defaultRoutesOf(table: string): readonly string[] {
  const routes = table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , flags, , , metric, mask] = line.trim().split(/\s+/);
      const isDefault = destination === '00000000' && mask === '00000000';
      const isUp = (Number.parseInt(flags ?? '0', 16) & 1) === 1;
      return name !== undefined && isDefault && isUp ? [{ name, metric: Number(metric) }] : [];
    });
  const lowest = Math.min(...routes.map(({ metric }) => metric));
  return [...new Set(routes.filter(({ metric }) => metric === lowest).map(({ name }) => name))];
}

/**
 * The interfaces to serve: those that were named, else the one of the default route, else the only one with an IPv4 address.
 * @throws IronwakeError `net.interface-ambiguous` (lists the candidates), `net.no-interface`, `net.interface-missing`,
 *   `net.bridge-port`, `net.no-address`, `net.not-ethernet`
 */
export function chooseInterfaces(requested: readonly string[], host: HostNetwork): readonly HostInterface[] {
  if (requested.length > 0) return [...new Set(requested)].map((name) => usable(name, host));
  const candidates = host.interfaces.filter(
    (i) => !i.loopback && i.ethernet && i.bridge === undefined && i.addresses.length > 0,
  );
  const routed = candidates.filter((i) => host.defaultRoutes.includes(i.name));
  const [first, another] = routed.length > 0 ? routed : candidates;
  if (first === undefined)
    throw new IronwakeError({
      kind: 'invalid',
      code: 'net.no-interface',
      field: 'interface',
      message: 'no network interface of this host has an IPv4 address',
      remedy:
        'Give the interface towards the machines an address (ip address add 10.0.0.2/24 dev eno1) and start again.',
    });
  if (another === undefined) return [first];
  throw new IronwakeError({
    kind: 'invalid',
    code: 'net.interface-ambiguous',
    field: 'interface',
    message: `${describeRoutes(host.defaultRoutes, routed.length)}, and several interfaces could be served: ${describe(candidates)}`,
    remedy: `Name the one towards the machines: --interface ${first.name}.`,
  });
}

/** Why the default route does not decide. @param served how many of its interfaces could be served */
function describeRoutes(routes: readonly string[], served: number): string {
  if (routes.length === 0) return 'there is no default route';
  const over = `over ${routes.join(' and ')}`;
  if (served > 1) return `default routes of the same metric go ${over}`;
  return `the default route goes ${over}, which cannot be served`;
}

function usable(name: string, host: HostNetwork): HostInterface {
  const found = host.interfaces.find((i) => i.name === name);
  const fail = (code: string, message: string, remedy: string) =>
    new IronwakeError({ kind: 'invalid', code, field: 'interface', message, remedy });
  if (found === undefined)
    throw fail(
      'net.interface-missing',
      `this host has no interface '${name}'`,
      `Name one of: ${describe(host.interfaces.filter((i) => !i.loopback && i.addresses.length > 0)) || 'none has an address'}.`,
    );
  if (found.bridge !== undefined)
    throw fail(
      'net.bridge-port',
      `${name} is a port of the bridge ${found.bridge}, and a socket on a bridge port hears nothing`,
      `Name the bridge: --interface ${found.bridge}.`,
    );
  if (!found.ethernet)
    throw fail('net.not-ethernet', `${name} is not an Ethernet interface`, 'Name an Ethernet interface or a bridge.');
  if (found.addresses.length === 0)
    throw fail(
      'net.no-address',
      `${name} has no IPv4 address`,
      `Give it one: ip address add 10.0.0.2/24 dev ${name} (machines boot over IPv4).`,
    );
  return found;
}

function describe(interfaces: readonly HostInterface[]): string {
  return interfaces.map((i) => `${i.name} (${i.addresses[0]?.address})`).join(', ');
}

/** The segment of an interface: its first address that is not link-local, and the URLs on it. */
export function segmentOf(served: HostInterface, ports: SegmentPorts): Segment {
  const chosen = served.addresses.find((a) => !a.address.startsWith('169.254.')) ?? served.addresses[0];
  if (chosen === undefined) throw new RangeError(`interface ${served.name} without an address`);
  return {
    interfaceName: served.name,
    address: chosen.address,
    prefixLength: chosen.prefixLength,
    httpUrl: `http://${chosen.address}:${ports.http}`,
    httpsUrl: `https://${chosen.address}:${ports.https}`,
  };
}

/** `chooseInterfaces` and `segmentOf` over the present host. @throws what `chooseInterfaces` throws */
export async function findSegments(requested: readonly string[], ports: SegmentPorts): Promise<readonly Segment[]> {
  return chooseInterfaces(requested, await readHost()).map((served) => segmentOf(served, ports));
}

/** What became of a served interface since its sockets were made. */
export type SegmentChange =
  | { readonly kind: 'same' }
  | { readonly kind: 'gone'; readonly because: 'interface' | 'address' }
  /** Made again, or another address: sockets have to be made anew, on this segment. */
  | { readonly kind: 'changed'; readonly segment: Segment; readonly index: number };

/** Compares a segment and the interface index its sockets were made on with the host as it is now. */
export function changeOf(segment: Segment, index: number, host: HostNetwork): SegmentChange {
  const now = host.interfaces.find((i) => i.name === segment.interfaceName);
  if (now === undefined) return { kind: 'gone', because: 'interface' };
  if (now.addresses.some((a) => a.address === segment.address))
    return now.index === index ? { kind: 'same' } : { kind: 'changed', segment, index: now.index };
  if (now.addresses.length === 0) return { kind: 'gone', because: 'address' };
  const moved = segmentOf(now, { http: portOf(segment.httpUrl), https: portOf(segment.httpsUrl) });
  return { kind: 'changed', segment: moved, index: now.index };
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
