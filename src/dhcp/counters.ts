/** What the DHCP server did with the packets it got: every packet ends in exactly one of these, so an ignored one is a counted decision. */
import type { ClientFault } from './client.ts';
import type { PacketFault } from './packet.ts';

export interface DhcpCounters {
  received: number;
  /** Replies that the kernel took. */
  answered: number;
  /** Netboot clients that get no reply, by decision. */
  silent: number;
  /** Other DHCP clients: their DHCP server's business. */
  ignored: number;
  /** The decision or the sending failed. */
  failed: number;
  /** Too many decisions pending. */
  dropped: number;
  readonly malformed: Map<PacketFault | ClientFault, number>;
}

export function newDhcpCounters(): DhcpCounters {
  return { received: 0, answered: 0, silent: 0, ignored: 0, failed: 0, dropped: 0, malformed: new Map() };
}
