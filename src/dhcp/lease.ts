/**
 * What a boot server hears of the leases of others: a client that takes an offer says so in a broadcast, with the address (option 50) and the server
 * (option 54), so that the other servers withdraw theirs (RFC 2131, 3.1 and 4.3.2). Pure.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import { MESSAGE, OPTION, readIpv4 } from './options.ts';
import type { DhcpPacket } from './packet.ts';

/** @returns undefined for every other message */
export function takenLease(packet: DhcpPacket): { readonly server: Ipv4; readonly address: Ipv4 } | undefined {
  const { options } = packet;
  if (options.get(OPTION.messageType)?.[0] !== MESSAGE.request) return undefined;
  const address = readIpv4(options, OPTION.requestedAddress);
  const server = readIpv4(options, OPTION.serverId);
  return address === undefined || server === undefined ? undefined : { server, address };
}
