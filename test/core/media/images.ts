/** Images for the tests of this room: the fixtures, and the smallest image that can be written by hand. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { concatenate, zeros } from '../../../src/media/concatenation.ts';
import { readExactly } from '../../../src/media/reading.ts';
import { type ByteSource, bytesSource } from '../../../src/media/source.ts';

/** A fixture's bytes, fresh: to be mutated at will. */
export function fixture(name: 'plain' | 'joliet'): Buffer {
  return gunzipSync(readFileSync(new URL(`fixtures/${name}.iso.gz`, import.meta.url)));
}

/** Replaces every occurrence of a text by one of the same length. */
export function replaced(bytes: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new RangeError('same length, or everything moves');
  let found = 0;
  for (let at = bytes.indexOf(from, 0, 'latin1'); at >= 0; at = bytes.indexOf(from, at + 1, 'latin1')) {
    bytes.write(to, at, 'latin1');
    found++;
  }
  if (found === 0) throw new RangeError(`${from} is not in the image`);
  return bytes;
}

export interface RecordParts {
  readonly identifier: string;
  readonly sector: number;
  readonly sizeBytes: number;
  readonly flags?: number;
  readonly systemUse?: Uint8Array;
}

/** A directory record, written independently of the code under test. */
export function record({
  identifier,
  sector,
  sizeBytes,
  flags = 0,
  systemUse = new Uint8Array(0),
}: RecordParts): Buffer {
  const nameEnd = 33 + identifier.length;
  const bytes = Buffer.alloc(nameEnd + (nameEnd % 2) + systemUse.byteLength);
  bytes[0] = bytes.byteLength;
  bytes.writeUInt32LE(sector, 2);
  bytes.writeUInt32BE(sector, 6);
  bytes.writeUInt32LE(sizeBytes, 10);
  bytes.writeUInt32BE(sizeBytes, 14);
  bytes[25] = flags;
  bytes.writeUInt16LE(1, 28);
  bytes.writeUInt16BE(1, 30);
  bytes[32] = identifier.length;
  bytes.write(identifier, 33, 'latin1');
  bytes.set(systemUse, nameEnd + (nameEnd % 2));
  return bytes;
}

export const SECTOR = 2048;

/**
 * An image of 16 empty sectors, a primary descriptor, a terminator, the root directory (sector 18), and `data` from sector 19 on. The
 * root's own record carries `selfUse` as its system use area.
 */
export function tinyIso(
  records: readonly RecordParts[],
  data: readonly Uint8Array[] = [],
  selfUse?: Uint8Array,
): Buffer {
  const root = Buffer.alloc(SECTOR);
  const own = { identifier: '\0', sector: 18, sizeBytes: SECTOR, flags: 2 };
  const all = [
    { ...own, ...(selfUse === undefined ? {} : { systemUse: selfUse }) },
    { ...own, identifier: '\x01' },
    ...records,
  ];
  let end = 0;
  for (const parts of all) end += record(parts).copy(root, end);

  const sectors = data.map((bytes) => Buffer.concat([bytes], Math.ceil(bytes.byteLength / SECTOR) * SECTOR));
  const body = Buffer.concat([root, ...sectors]);
  const primary = Buffer.alloc(SECTOR);
  primary[0] = 1;
  primary.write('CD001\x01', 1, 'latin1');
  primary.write('TINY'.padEnd(32), 40, 'latin1');
  primary.writeUInt32LE(18 + body.byteLength / SECTOR, 80);
  primary.writeUInt16LE(SECTOR, 128);
  record(own).copy(primary, 156);
  const terminator = Buffer.alloc(SECTOR);
  terminator[0] = 255;
  terminator.write('CD001\x01', 1, 'latin1');
  return Buffer.concat([Buffer.alloc(16 * SECTOR), primary, terminator, body]);
}

export async function wholeOf(source: ByteSource): Promise<Buffer> {
  return Buffer.from(await readExactly(source, 0, source.sizeBytes));
}

/** The same bytes, but in parts of at most `partBytes`, and each with a promise: as a file answers. */
export function slowly(source: ByteSource, partBytes: number): ByteSource {
  return {
    sizeBytes: source.sizeBytes,
    read: async (offset, maxBytes) => source.read(offset, Math.min(maxBytes, partBytes)),
  };
}

export function sourceOf(bytes: Uint8Array): ByteSource {
  return bytesSource(bytes);
}

/** Many zeros before and after: something that is no image. */
export function noise(sizeBytes: number): ByteSource {
  return concatenate([bytesSource(Buffer.from('noise')), zeros(sizeBytes - 5)]);
}
