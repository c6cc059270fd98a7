import { invalid } from '../errors.ts';

/** An IPv4 address in dotted decimal. */
export type Ipv4 = string & { readonly __brand: 'Ipv4' };

const OCTET = /^(0|[1-9]\d{0,2})$/;

/** The address as an unsigned 32-bit number, or undefined when it is not one (leading zeros are refused: some readers take them as octal). */
function toNumber(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!OCTET.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function isIpv4(text: string): text is Ipv4 {
  return toNumber(text) !== undefined;
}

/** @throws IronwakeError `ipv4.malformed` */
export function parseIpv4(text: string, field = 'address'): Ipv4 {
  if (!isIpv4(text))
    throw invalid(
      'ipv4.malformed',
      field,
      `'${text.slice(0, 40)}' is not an IPv4 address`,
      'Write four numbers from 0 to 255, for example 192.168.1.10.',
    );
  return text;
}

export function ipv4FromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}` as Ipv4;
}

export function ipv4ToBytes(address: Ipv4): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

/** Whether `address` lies in the network of `base`/`prefixLength`. */
export function inNetwork(address: Ipv4, base: Ipv4, prefixLength: number): boolean {
  const size = 2 ** (32 - prefixLength);
  return Math.floor((toNumber(address) ?? 0) / size) === Math.floor((toNumber(base) ?? -1) / size);
}

/** Node prints IPv4 peers of a dual-stack socket as `::ffff:10.0.0.5`; this is the address as people write it. */
export function fromPeerAddress(text: string | undefined): Ipv4 | undefined {
  const plain = text?.startsWith('::ffff:') ? text.slice(7) : text;
  return plain !== undefined && isIpv4(plain) ? plain : undefined;
}
