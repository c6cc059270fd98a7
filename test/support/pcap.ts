/**
 * A small reader of pcap files (libpcap's classic format): the UDP datagrams over IPv4 in them. Run as a program it prints a capture in the form
 * of test/fixtures/dhcp/*.hex: `node test/support/pcap.ts FILE.pcap`.
 */
import { readFileSync } from 'node:fs';

export interface Datagram {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  /** As long as the UDP header says; what the capture's snap length cut off is zeros. */
  readonly payload: Uint8Array;
  /** Bytes that the capture does not hold. */
  readonly missing: number;
}

const ETHERNET = 1;

/** @throws Error when the file is not a pcap of Ethernet frames */
export function readPcap(bytes: Buffer): readonly Datagram[] {
  const magic = bytes.length < 24 ? 0 : bytes.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const swapped = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
  if (!little && !swapped) throw new Error('not a pcap file');
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const fraction = magic === 0xa1b23c4d || magic === 0x4d3cb2a1 ? 1e9 : 1e6;
  if (u32(20) !== ETHERNET) throw new Error(`link type ${u32(20)} is not Ethernet`);
  const found: Datagram[] = [];
  let at = 24;
  while (at + 16 <= bytes.length) {
    const length = u32(at + 8);
    const frame = bytes.subarray(at + 16, at + 16 + length);
    const datagram = udpOf(frame);
    if (datagram !== undefined) found.push({ at: u32(at) + u32(at + 4) / fraction, ...datagram });
    at += 16 + length;
  }
  return found;
}

function udpOf(frame: Buffer): Omit<Datagram, 'at'> | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== 0x0800) return undefined;
  const ip = frame.subarray(14);
  const headerLength = (ip.readUInt8(0) & 0x0f) * 4;
  const fragmented = (ip.readUInt16BE(6) & 0x3fff) !== 0;
  if (ip.readUInt8(9) !== 17 || fragmented) return undefined;
  const udp = ip.subarray(headerLength);
  const held = udp.subarray(8, udp.readUInt16BE(4));
  const missing = udp.readUInt16BE(4) - 8 - held.length;
  return {
    from: ip.subarray(12, 16).join('.'),
    to: ip.subarray(16, 20).join('.'),
    fromPort: udp.readUInt16BE(0),
    toPort: udp.readUInt16BE(2),
    payload: Buffer.concat([held, Buffer.alloc(missing)]),
    missing,
  };
}

/** The fixture form: one `> from -> to` line per datagram, then its bytes, 32 a line. */
export function toFixture(datagrams: readonly Datagram[]): string {
  const start = datagrams[0]?.at ?? 0;
  return datagrams
    .map((d) => {
      const lines =
        Buffer.from(d.payload)
          .toString('hex')
          .match(/.{1,64}/g) ?? [];
      const cut = d.missing === 0 ? '' : ` (last ${d.missing} bytes not captured: zeros)`;
      return `> ${d.from}:${d.fromPort} -> ${d.to}:${d.toPort} at ${(d.at - start).toFixed(3)}${cut}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

const file = process.argv[2];
if (import.meta.main && file !== undefined) process.stdout.write(toFixture(readPcap(readFileSync(file))));
