/**
 * One directory record of ISO 9660 (ECMA-119, 9.1) with its system use area (SUSP 1.12, RRIP 1.12). Numbers are stored twice, little and
 * big endian: the little one is read, as Linux does, and both are written.
 */

import { damaged } from './broken.ts';

export const SECTOR_BYTES = 2048;

const IDENTIFIER_OFFSET = 33;
const SMALLEST_RECORD = 34;

export const FLAG_DIRECTORY = 0x02;
/** The file goes on in the next record (ECMA-119, 9.1.6). */
export const FLAG_MULTI_EXTENT = 0x80;

export interface DirectoryRecord {
  /** The whole record, as it stands in the directory. */
  readonly bytes: Uint8Array;
  /** Where it begins, in bytes from the beginning of the directory. */
  readonly offset: number;
  readonly sector: number;
  readonly sizeBytes: number;
  readonly flags: number;
  /** Both zero unless the file is interleaved, which no installer image is. */
  readonly interleaved: boolean;
  /** One byte 0 for the directory itself, one byte 1 for its parent; else `NAME.EXT;1`. */
  readonly identifier: Uint8Array;
  readonly systemUse: Uint8Array;
}

/**
 * The records of a directory, in order.
 *
 * @throws IronwakeError `media.damaged` when a record does not fit its sector
 */
export function parseDirectory(directory: Uint8Array): DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  let offset = 0;
  while (offset < directory.byteLength) {
    const length = directory[offset] ?? 0;
    if (length === 0) {
      // Records do not cross sectors: zeros up to the end of this one.
      offset += SECTOR_BYTES - (offset % SECTOR_BYTES);
      continue;
    }
    const sectorEnd = offset - (offset % SECTOR_BYTES) + SECTOR_BYTES;
    if (length < SMALLEST_RECORD || offset + length > Math.min(sectorEnd, directory.byteLength)) {
      throw damaged(`a directory record of ${length} bytes at ${offset} does not fit its sector`);
    }
    records.push(parseRecord(directory.subarray(offset, offset + length), offset));
    offset += length;
  }
  return records;
}

/** @throws IronwakeError `media.damaged` */
export function parseRecord(bytes: Uint8Array, offset: number): DirectoryRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const identifierBytes = view.getUint8(32);
  if (identifierBytes === 0 || IDENTIFIER_OFFSET + identifierBytes > bytes.byteLength) {
    throw damaged(`a directory record at ${offset} has a name of ${identifierBytes} bytes`);
  }
  // A pad byte makes the name field's end even.
  const systemUseOffset = IDENTIFIER_OFFSET + identifierBytes + (identifierBytes % 2 === 0 ? 1 : 0);
  return {
    bytes,
    offset,
    // Extended attributes, if any, come before the data.
    sector: view.getUint32(2, true) + view.getUint8(1),
    sizeBytes: view.getUint32(10, true),
    flags: view.getUint8(25),
    interleaved: view.getUint8(26) !== 0 || view.getUint8(27) !== 0,
    identifier: bytes.subarray(IDENTIFIER_OFFSET, IDENTIFIER_OFFSET + identifierBytes),
    systemUse: bytes.subarray(Math.min(systemUseOffset, bytes.byteLength)),
  };
}

export function isSelf(record: DirectoryRecord): boolean {
  return record.identifier.byteLength === 1 && record.identifier[0] === 0;
}

export function isParent(record: DirectoryRecord): boolean {
  return record.identifier.byteLength === 1 && record.identifier[0] === 1;
}

/** Points the record at `offset` of `target` to another extent: both byte orders of place and size. */
export function pointRecord(target: Uint8Array, offset: number, sector: number, sizeBytes: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(offset + 2, sector, true);
  view.setUint32(offset + 6, sector, false);
  view.setUint32(offset + 10, sizeBytes, true);
  view.setUint32(offset + 14, sizeBytes, false);
}

export interface NewFileRecord {
  readonly sector: number;
  readonly sizeBytes: number;
  /** Seven bytes, as in other records of the image (ECMA-119, 9.1.5). */
  readonly date: Uint8Array;
  /** `NAME.EXT;1` in d-characters. */
  readonly identifier: Uint8Array;
  readonly systemUse: Uint8Array;
}

/** A record of a plain file in one extent. @throws RangeError when it would be longer than a record can be */
export function encodeFileRecord(file: NewFileRecord): Uint8Array {
  const identifierEnd = IDENTIFIER_OFFSET + file.identifier.byteLength;
  const systemUseOffset = identifierEnd + (identifierEnd % 2);
  const unpadded = systemUseOffset + file.systemUse.byteLength;
  const bytes = new Uint8Array(unpadded + (unpadded % 2));
  if (bytes.byteLength > 254) throw new RangeError(`a directory record cannot hold ${bytes.byteLength} bytes`);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, bytes.byteLength);
  pointRecord(bytes, 0, file.sector, file.sizeBytes);
  bytes.set(file.date, 18);
  view.setUint16(28, 1, true);
  view.setUint16(30, 1, false);
  view.setUint8(32, file.identifier.byteLength);
  bytes.set(file.identifier, IDENTIFIER_OFFSET);
  bytes.set(file.systemUse, systemUseOffset);
  return bytes;
}

export interface SystemUseEntry {
  /** Two letters: `NM`, `PX`, `CE`. */
  readonly signature: string;
  /** What follows signature, length and version. */
  readonly body: Uint8Array;
}

/** The entries of a system use area up to its terminator; whatever does not parse ends the list, as in Linux. */
export function parseSystemUse(area: Uint8Array): SystemUseEntry[] {
  const entries: SystemUseEntry[] = [];
  let offset = 0;
  while (offset + 4 <= area.byteLength) {
    const length = area[offset + 2] ?? 0;
    if (length < 4 || offset + length > area.byteLength) break;
    const signature = String.fromCharCode(area[offset] ?? 0, area[offset + 1] ?? 0);
    if (signature === 'ST') break;
    entries.push({ signature, body: area.subarray(offset + 4, offset + length) });
    offset += length;
  }
  return entries;
}

/** Where a system use area goes on (SUSP 5.1), or undefined for a malformed entry. */
export function parseContinuation(
  body: Uint8Array,
): { readonly sector: number; readonly offset: number; readonly lengthBytes: number } | undefined {
  if (body.byteLength < 24) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return { sector: view.getUint32(0, true), offset: view.getUint32(8, true), lengthBytes: view.getUint32(16, true) };
}
