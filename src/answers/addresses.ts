/** Addresses of both families as the answer writes them. Numbers are bigint: an IPv6 address has 128 bits. */
import { isIP, isIPv4 } from 'node:net';

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Cidr extends Address {
  readonly prefix: number;
}

/** An IPv4 or IPv6 address without zone, or undefined. */
export function readAddress(text: string): Address | undefined {
  if (text.includes('%') || isIP(text) === 0) return undefined;
  return isIPv4(text) ? { family: 4, value: ipv4Value(text) } : { family: 6, value: ipv6Value(text) };
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  // An embedded IPv4 tail (`::ffff:10.0.0.1`) counts as two groups.
  const plain = text.replace(/[\d.]+$/, (tail) => {
    if (!tail.includes('.')) return tail;
    const value = ipv4Value(tail);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [left = [], right = []] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

export function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** `192.0.2.7/24` with its host part kept, or undefined. The installer takes `/+24` and `/024` too. */
export function readCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/\+?(\d+)$/.exec(text);
  const address = match?.[1] === undefined ? undefined : readAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > bitsOf(address.family)) return undefined;
  return { ...address, prefix };
}

function network(address: Address, prefix: number): bigint {
  return address.value >> BigInt(bitsOf(address.family) - prefix);
}

/** Whether an address lies in the network of `cidr`. */
export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && network(cidr, cidr.prefix) === network(address, cidr.prefix);
}

/** fe80::/10 or 169.254.0.0/16: reachable on the link whatever the prefix says. */
export function isLinkLocal(address: Address): boolean {
  return address.family === 6 ? address.value >> 118n === 0x3fan : address.value >> 16n === 0xa9fen;
}

/** Whether the host part is all zeros (the network itself) or, for IPv4, all ones (its broadcast). /31, /32 and their like have none. */
export function isNetworkOrBroadcast(cidr: Cidr): boolean {
  const hostBits = bitsOf(cidr.family) - cidr.prefix;
  if (hostBits < 2) return false;
  const ones = (1n << BigInt(hostBits)) - 1n;
  const host = cidr.value & ones;
  return host === 0n || (cidr.family === 4 && host === ones);
}
