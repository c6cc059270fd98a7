/** Records of the root directory: made for new files, put into their place, packed into sectors (ECMA-119, 6.8.1.1 and 9.3). */

import {
  type DirectoryRecord,
  encodeFileRecord,
  FLAG_MULTI_EXTENT,
  isParent,
  isSelf,
  parseRecord,
  parseSystemUse,
  SECTOR_BYTES,
} from './directory-record.ts';

const NAME_BYTES_AT_MOST = 128;
/** A plain file that everybody may read, as `mkisofs -r` writes them. */
const MODE = 0o100444;

/**
 * The ISO 9660 name of a new file: at most 8.3 d-characters (level 1), and not one of `taken`. Nobody looks at it where Rock Ridge is
 * understood; it must only be valid and unique.
 */
export function isoIdentifier(name: string, taken: ReadonlySet<string>): string {
  const dot = name.lastIndexOf('.');
  const stem = dCharacters(dot > 0 ? name.slice(0, dot) : name) || '_';
  const extension = dot > 0 ? dCharacters(name.slice(dot + 1)).slice(0, 3) : '';
  for (let attempt = 0; ; attempt++) {
    const suffix = attempt === 0 ? '' : String(attempt);
    const identifier = `${stem.slice(0, 8 - suffix.length)}${suffix}.${extension};1`;
    if (!taken.has(identifier)) return identifier;
  }
}

function dCharacters(text: string): string {
  return text.toUpperCase().replace(/[^A-Z0-9_]/g, '_');
}

export interface RootFile {
  readonly name: string;
  readonly identifier: string;
  readonly sector: number;
  readonly sizeBytes: number;
  readonly date: Uint8Array;
  /** Length of the PX entries of this image: 36 (RRIP 1.09) or 44 (1.12, with a serial number). */
  readonly pxBytes: number;
  /** Unique among the files that are added. */
  readonly index: number;
}

/**
 * The directory record of an added file, with PX and NM entries (RRIP 4.1.1, 4.1.4).
 *
 * @throws RangeError for a name that is empty, too long, or no name of a file
 */
export function rootFileRecord(file: RootFile): Uint8Array {
  const name = new TextEncoder().encode(file.name);
  if (name.byteLength === 0 || name.byteLength > NAME_BYTES_AT_MOST || /[/\0]|^\.{1,2}$/.test(file.name)) {
    throw new RangeError(`an overlay file cannot be called ${JSON.stringify(file.name)}`);
  }
  const pxBytes = file.pxBytes >= 44 ? 44 : 36;
  const systemUse = new Uint8Array(pxBytes + 5 + name.byteLength);
  systemUse.set([0x50, 0x58, pxBytes, 1]);
  writeBothEndian(systemUse, 4, MODE);
  writeBothEndian(systemUse, 12, 1);
  // User and group 0 follow. The serial number counts down from a height that no image reaches: readers take equal ones for hard links.
  if (pxBytes === 44) writeBothEndian(systemUse, 36, 0x7fff_ffff - file.index);
  systemUse.set([0x4e, 0x4d, 5 + name.byteLength, 1, 0], pxBytes);
  systemUse.set(name, pxBytes + 5);
  return encodeFileRecord({
    sector: file.sector,
    sizeBytes: file.sizeBytes,
    date: file.date,
    identifier: new TextEncoder().encode(file.identifier),
    systemUse,
  });
}

function writeBothEndian(target: Uint8Array, offset: number, value: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, value, false);
}

/**
 * The record without its TF entry (RRIP 4.1.6): what it says is in the record's own date, in one time instead of three.
 *
 * @param skipBytes what comes before the system use entries in every record (SUSP 5.3)
 */
export function withoutTimes(record: DirectoryRecord, skipBytes: number): DirectoryRecord {
  if (isSelf(record) || isParent(record)) return record;
  const { bytes, systemUse } = record;
  const systemUseOffset = bytes.byteLength - systemUse.byteLength;
  let offset = skipBytes;
  for (const { signature, body } of parseSystemUse(systemUse.subarray(skipBytes))) {
    const length = body.byteLength + 4;
    if (signature === 'TF') {
      const start = systemUseOffset + offset;
      const shorter = Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
      // Records have an even length; the byte after the last entry belongs to none.
      const even = shorter.byteLength % 2 === 0 ? shorter : Buffer.concat([shorter, Buffer.alloc(1)]);
      even[0] = even.byteLength;
      return parseRecord(even, record.offset);
    }
    offset += length;
  }
  return record;
}

/** The record where `identifier` belongs before, as an index into `records`: self and parent come first, the rest keeps its order. */
export function positionOf(records: readonly DirectoryRecord[], identifier: Uint8Array): number {
  let previousGoesOn = false;
  for (const [index, record] of records.entries()) {
    const splitsFile = previousGoesOn;
    previousGoesOn = (record.flags & FLAG_MULTI_EXTENT) !== 0;
    if (isSelf(record) || isParent(record) || splitsFile) continue;
    if (compareIdentifiers(record.identifier, identifier) > 0) return index;
  }
  return records.length;
}

/** Order of records: name, extension (each filled with spaces), then version, highest first. */
function compareIdentifiers(left: Uint8Array, right: Uint8Array): number {
  const [leftName, leftExtension, leftVersion] = partsOf(left);
  const [rightName, rightExtension, rightVersion] = partsOf(right);
  return (
    comparePadded(leftName, rightName) || comparePadded(leftExtension, rightExtension) || rightVersion - leftVersion
  );
}

function partsOf(identifier: Uint8Array): [name: string, extension: string, version: number] {
  const text = Buffer.from(identifier).toString('latin1');
  const [file = '', version = '1'] = text.split(';', 2);
  const dot = file.indexOf('.');
  return dot < 0 ? [file, '', Number(version) || 0] : [file.slice(0, dot), file.slice(dot + 1), Number(version) || 0];
}

function comparePadded(left: string, right: string): number {
  const length = Math.max(left.length, right.length);
  const paddedLeft = left.padEnd(length, ' ');
  const paddedRight = right.padEnd(length, ' ');
  return paddedLeft < paddedRight ? -1 : paddedLeft > paddedRight ? 1 : 0;
}

/** Records one after another, none across the border of a sector; whole sectors. */
export function packRecords(records: readonly Uint8Array[]): Uint8Array {
  const offsets: number[] = [];
  let end = 0;
  for (const record of records) {
    const left = SECTOR_BYTES - (end % SECTOR_BYTES);
    if (record.byteLength > left) end += left;
    offsets.push(end);
    end += record.byteLength;
  }
  const packed = new Uint8Array(Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES);
  for (const [index, record] of records.entries()) packed.set(record, offsets[index]);
  return packed;
}
