/** DHCP options that this project reads or writes (RFC 2132, 3004, 3046, 4578): codes, and values in and out of bytes. Pure. */
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../net/ipv4.ts';
import type { DhcpOptions } from './packet.ts';

export const OPTION = {
  hostName: 12,
  vendorSpecific: 43,
  requestedAddress: 50,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  maxMessageSize: 57,
  vendorClass: 60,
  clientId: 61,
  tftpServerName: 66,
  bootFile: 67,
  userClass: 77,
  relayAgent: 82,
  clientArch: 93,
  clientNdi: 94,
  clientUuid: 97,
  ipxe: 175,
  /** Asked for by the Proxmox installer's own DHCP client: answer URL and certificate fingerprint. */
  proxmoxAnswerUrl: 250,
  proxmoxFingerprint: 251,
} as const;

/** Option 53. */
export const MESSAGE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** A 16-bit big-endian value, or undefined when absent or too short. */
export function readUint16(options: DhcpOptions, code: number): number | undefined {
  return readUint16List(options, code)[0];
}

/** A list of 16-bit values (option 93 may hold several); an odd last byte is ignored. */
export function readUint16List(options: DhcpOptions, code: number): readonly number[] {
  const value = options.get(code);
  const list: number[] = [];
  for (let at = 0; value !== undefined && at + 1 < value.length; at += 2)
    list.push(((value[at] ?? 0) << 8) | (value[at + 1] ?? 0));
  return list;
}

export function readIpv4(options: DhcpOptions, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** Text of a value for people: Latin-1 up to a NUL, at most 128 characters; whatever is not printable ASCII becomes `?` (it goes to logs and pages). */
export function printable(value: Uint8Array): string {
  const end = value.indexOf(0);
  return Buffer.from(end === -1 ? value : value.subarray(0, end))
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 128);
}

/** The option as printable text; undefined when absent or empty. */
export function readText(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : printable(value) || undefined;
}

export const byte = (value: number): Uint8Array => Uint8Array.of(value);
export const uint16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
export const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const address = (value: Ipv4): Uint8Array => ipv4ToBytes(value);
