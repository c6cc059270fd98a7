/**
 * The BOOTP/DHCP message: bytes <-> value. Pure. RFC 951 and 2131 (header), 2132 (option fields, overload), 3396 (options longer than 255
 * bytes, split options). What an option means stands in options.ts and pxe.ts.
 */
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../net/ipv4.ts';

/** Values by option code, in the order of the wire. Pad (0) and end (255) are never in it. */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

export interface DhcpPacket {
  /** 1 = BOOTREQUEST, 2 = BOOTREPLY. */
  readonly op: 1 | 2;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  /** 0x8000 = answer by broadcast. */
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** All 16 bytes, whatever `hlen` says: firmware compares the whole field. */
  readonly chaddr: Uint8Array;
  /** At most 63 Latin-1 characters; empty when the field carries options (overload). */
  readonly sname: string;
  /** At most 127 Latin-1 characters; empty when the field carries options (overload). */
  readonly file: string;
  readonly options: DhcpOptions;
}

/** Why bytes are not a DHCP message: the label of the counter and of the log line. */
export type PacketFault =
  | 'too-short'
  | 'too-long'
  | 'not-bootp'
  | 'no-cookie'
  | 'bad-hardware-length'
  | 'option-overrun'
  | 'bad-overload';

export type PacketResult =
  | { readonly ok: true; readonly packet: DhcpPacket }
  | { readonly ok: false; readonly fault: PacketFault };

export const NO_ADDRESS = '0.0.0.0' as Ipv4;
export const BROADCAST_FLAG = 0x8000;

const SNAME_AT = 44;
const FILE_AT = 108;
const COOKIE_AT = 236;
const OPTIONS_AT = 240;
const COOKIE = 0x63825363;
const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const BOOT_FILE = 67;

/** No client needs more (edk2 drops replies above 1472); a longer datagram is not worth reading. */
export const MAX_PACKET_BYTES = 4096;
/** BOOTP's own size (RFC 951): some ROMs and relays drop what is shorter. */
const MIN_PACKET_BYTES = 300;

/** Reads one datagram. Never throws: what is not a DHCP message comes back as its fault. A missing end option is accepted (old ROMs). */
export function parsePacket(datagram: Uint8Array): PacketResult {
  if (datagram.length < OPTIONS_AT) return { ok: false, fault: 'too-short' };
  if (datagram.length > MAX_PACKET_BYTES) return { ok: false, fault: 'too-long' };
  // One copy: values are views of it and outlive the socket's buffer; and Node's Buffer would bring its own slice().
  const bytes = Uint8Array.from(datagram);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if (op !== 1 && op !== 2) return { ok: false, fault: 'not-bootp' };
  if (view.getUint32(COOKIE_AT) !== COOKIE) return { ok: false, fault: 'no-cookie' };
  const hlen = view.getUint8(2);
  if (hlen > 16) return { ok: false, fault: 'bad-hardware-length' };

  const parts = new Map<number, Uint8Array[]>();
  if (!collect(bytes.subarray(OPTIONS_AT), parts)) return { ok: false, fault: 'option-overrun' };
  const overload = parts.get(OVERLOAD);
  let used = 0;
  if (overload !== undefined) {
    used = overload.length === 1 && overload[0]?.length === 1 ? (overload[0][0] ?? 0) : 0;
    if (used < 1 || used > 3) return { ok: false, fault: 'bad-overload' };
    parts.delete(OVERLOAD);
    // RFC 3396 section 5: the aggregate is options field, then file, then sname.
    if ((used & 1) !== 0 && !collect(bytes.subarray(FILE_AT, COOKIE_AT), parts))
      return { ok: false, fault: 'option-overrun' };
    if ((used & 2) !== 0 && !collect(bytes.subarray(SNAME_AT, FILE_AT), parts))
      return { ok: false, fault: 'option-overrun' };
    // An overload that names itself once more inside file or sname means nothing.
    parts.delete(OVERLOAD);
  }

  const options = new Map<number, Uint8Array>();
  for (const [code, list] of parts)
    options.set(code, list.length === 1 && list[0] ? list[0] : Uint8Array.from(Buffer.concat(list)));
  return {
    ok: true,
    packet: {
      op,
      htype: view.getUint8(1),
      hlen,
      hops: view.getUint8(3),
      xid: view.getUint32(4),
      secs: view.getUint16(8),
      flags: view.getUint16(10),
      ciaddr: ipv4FromBytes(bytes, 12),
      yiaddr: ipv4FromBytes(bytes, 16),
      siaddr: ipv4FromBytes(bytes, 20),
      giaddr: ipv4FromBytes(bytes, 24),
      chaddr: bytes.subarray(28, SNAME_AT),
      sname: (used & 2) === 0 ? fieldText(bytes.subarray(SNAME_AT, FILE_AT)) : '',
      file: (used & 1) === 0 ? fieldText(bytes.subarray(FILE_AT, COOKIE_AT)) : '',
      options,
    },
  };
}

/** Walks one option field. False when an option runs over the end. */
function collect(field: Uint8Array, parts: Map<number, Uint8Array[]>): boolean {
  let at = 0;
  while (at < field.length) {
    const code = field[at];
    if (code === undefined || code === END) return true;
    at += 1;
    if (code === PAD) continue;
    const length = field[at];
    if (length === undefined || at + 1 + length > field.length) return false;
    const value = field.subarray(at + 1, at + 1 + length);
    const list = parts.get(code);
    if (list === undefined) parts.set(code, [value]);
    else list.push(value);
    at += 1 + length;
  }
  return true;
}

function fieldText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('latin1');
}

/**
 * Writes a message, options in the order of the map, padded with zeros to 300 bytes. Values above 255 bytes are split (RFC 3396).
 * Option 67 is followed by a pad when it comes last: ROMs that read it as a C string would take the end mark into the name, and edk2 writes a
 * NUL over the byte after it.
 * @throws RangeError when `sname` or `file` does not fit with its NUL, or `chaddr` is not 16 bytes: a defect of the caller
 */
export function encodePacket(packet: DhcpPacket): Uint8Array {
  if (packet.sname.length > 63 || packet.file.length > 127 || packet.chaddr.length !== 16)
    throw new RangeError('DHCP header field too long');
  let length = OPTIONS_AT + 1;
  let last = PAD;
  for (const [code, value] of packet.options) {
    length += value.length + 2 * Math.max(1, Math.ceil(value.length / 255));
    last = code;
  }
  if (last === BOOT_FILE) length += 1;

  const bytes = new Uint8Array(Math.max(MIN_PACKET_BYTES, length));
  const view = new DataView(bytes.buffer);
  bytes.set([packet.op, packet.htype, packet.hlen, packet.hops]);
  view.setUint32(4, packet.xid);
  view.setUint16(8, packet.secs);
  view.setUint16(10, packet.flags);
  bytes.set(ipv4ToBytes(packet.ciaddr), 12);
  bytes.set(ipv4ToBytes(packet.yiaddr), 16);
  bytes.set(ipv4ToBytes(packet.siaddr), 20);
  bytes.set(ipv4ToBytes(packet.giaddr), 24);
  bytes.set(packet.chaddr, 28);
  bytes.set(Buffer.from(packet.sname, 'latin1'), SNAME_AT);
  bytes.set(Buffer.from(packet.file, 'latin1'), FILE_AT);
  view.setUint32(COOKIE_AT, COOKIE);
  let at = OPTIONS_AT;
  for (const [code, value] of packet.options) {
    for (let from = 0; from === 0 || from < value.length; from += 255) {
      const part = value.subarray(from, from + 255);
      bytes.set([code, part.length], at);
      bytes.set(part, at + 2);
      at += 2 + part.length;
    }
  }
  if (last === BOOT_FILE) at += 1;
  bytes[at] = END;
  return bytes;
}
