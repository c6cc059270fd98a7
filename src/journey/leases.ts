/**
 * Addresses that the network's own DHCP server hands out, as far as a boot server beside it sees them: clients name the address and the server when
 * they take an offer, in a broadcast to port 67 (RFC 2131, 4.3.2). Offers and acknowledgements themselves go to the clients. Hints for warnings, in
 * memory, bounded: anybody can send such a packet.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import { addressToNumber, numberToAddress } from '../profiles/pools.ts';

export interface SeenLease {
  /** The DHCP server whose offer is taken. */
  readonly server: Ipv4;
  readonly address: Ipv4;
}

export interface LeaseRange {
  readonly server: Ipv4;
  readonly from: Ipv4;
  readonly to: Ipv4;
}

export interface Leases {
  note(lease: SeenLease): void;
  /** The range of a server that this address lies in: between the lowest and the highest that it was seen to give. */
  rangeAround(address: Ipv4): LeaseRange | undefined;
}

const SERVERS = 16;
const ADDRESSES = 4096;
/** Two addresses that are far apart are reservations more often than the ends of a range. */
const NEAR = 256;

export function createLeases(): Leases {
  const servers = new Map<Ipv4, Set<number>>();
  return {
    note({ server, address }) {
      const seen = servers.get(server) ?? new Set<number>();
      servers.delete(server);
      servers.set(server, seen);
      if (servers.size > SERVERS) forgetFirst(servers);
      const number = addressToNumber(address);
      seen.delete(number);
      seen.add(number);
      if (seen.size > ADDRESSES) forgetFirst(seen);
    },
    rangeAround(address) {
      const number = addressToNumber(address);
      for (const [server, seen] of servers) {
        const below = nearest(seen, number, (a) => a <= number);
        const above = nearest(seen, number, (a) => a >= number);
        if (below === undefined || above === undefined || above - below > NEAR) continue;
        return { server, from: numberToAddress(below), to: numberToAddress(above) };
      }
      return undefined;
    },
  };
}

function nearest(seen: ReadonlySet<number>, to: number, side: (number: number) => boolean): number | undefined {
  let found: number | undefined;
  for (const number of seen)
    if (side(number) && (found === undefined || Math.abs(number - to) < Math.abs(found - to))) found = number;
  return found;
}

function forgetFirst(all: { keys(): Iterator<unknown>; delete(key: never): boolean }): void {
  const first = all.keys().next();
  if (first.done !== true) all.delete(first.value as never);
}
