/**
 * Reading an ISO 9660 image (ECMA-119) with Rock Ridge names (SUSP and RRIP 1.12). Everything in an image is foreign input: sizes are
 * bounded, chains are counted, and whatever contradicts itself is `media.damaged`.
 */

import { damaged, fileMissing, notIso, truncated } from './broken.ts';
import { concatenate } from './concatenation.ts';
import {
  type DirectoryRecord,
  FLAG_DIRECTORY,
  FLAG_MULTI_EXTENT,
  isParent,
  isSelf,
  parseContinuation,
  parseDirectory,
  parseRecord,
  parseSystemUse,
  SECTOR_BYTES,
  type SystemUseEntry,
} from './directory-record.ts';
import { readExactly } from './reading.ts';
import type { ByteSource } from './source.ts';
import { windowOf } from './window.ts';

const FIRST_DESCRIPTOR = 16;
/** Real images have three to five. */
const DESCRIPTORS_AT_MOST = 64;
/** The biggest directory of an installer image, its package pool, has some 300 KB. */
const DIRECTORY_BYTES_AT_MOST = 4 * 1024 * 1024;
/** A continuation area lies inside one sector (SUSP 5.1). Long names need one; more than a few are a loop. */
const CONTINUATIONS_PER_RECORD = 16;
const CONTINUATIONS_PER_DIRECTORY = 100_000;

export interface Extent {
  readonly sector: number;
  readonly sizeBytes: number;
}

export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';

export interface IsoEntry {
  /** The Rock Ridge name, or the ISO name in lower case without its version where there is none. */
  readonly name: string;
  readonly kind: EntryKind;
  /** In order; more than one only for files of 4 GiB and more. */
  readonly extents: readonly Extent[];
  readonly sizeBytes: number;
  /** The records it consists of, for whoever rewrites the directory. */
  readonly records: readonly DirectoryRecord[];
}

/** A path table: the same list in two byte orders, each perhaps with a copy; 0 where there is none. */
export interface PathTables {
  readonly sizeBytes: number;
  readonly little: readonly number[];
  readonly big: readonly number[];
}

export interface IsoImage {
  readonly volumeId: string;
  /** Where the primary volume descriptor lies; its root record is at 156 in it. */
  readonly descriptorSector: number;
  /** Every descriptor that states the volume's size at 80: the primary one, and those of further trees. */
  readonly sizedDescriptors: readonly number[];
  /** The size that the image says it has; never more than the source has. */
  readonly volumeBytes: number;
  readonly root: Extent;
  readonly pathTables: PathTables;
  /** Undefined without Rock Ridge. `skipBytes` come before the system use entries in every record but the root's own (SUSP 5.3). */
  readonly rockRidge: { readonly skipBytes: number; readonly pxBytes: number } | undefined;
  /** A second tree for other systems (Joliet) exists. */
  readonly joliet: boolean;
}

/**
 * Reads the volume descriptors and the root directory's own record.
 *
 * @throws IronwakeError `media.not-iso`, `media.truncated`, `media.damaged`
 */
export async function readIso(source: ByteSource): Promise<IsoImage> {
  if (source.sizeBytes < (FIRST_DESCRIPTOR + 1) * SECTOR_BYTES) throw notIso('it is too small');
  let primary: { readonly sector: number; readonly bytes: Uint8Array } | undefined;
  const sizedDescriptors: number[] = [];
  let joliet = false;
  for (let index = 0; index < DESCRIPTORS_AT_MOST; index++) {
    const sector = FIRST_DESCRIPTOR + index;
    if ((sector + 1) * SECTOR_BYTES > source.sizeBytes) break;
    const bytes = await readExactly(source, sector * SECTOR_BYTES, SECTOR_BYTES);
    if (latin1(bytes.subarray(1, 6)) !== 'CD001') break;
    const type = bytes[0];
    if (type === 255) break;
    if (type === 1 || type === 2) sizedDescriptors.push(sector);
    if (type === 1 && primary === undefined) primary = { sector, bytes };
    // Escape sequences %/@, %/C and %/E of UCS-2: Joliet.
    if (type === 2 && bytes[88] === 0x25 && bytes[89] === 0x2f) joliet = true;
  }
  if (primary === undefined) throw notIso('it has no primary volume descriptor');

  const view = viewOf(primary.bytes);
  const blockBytes = view.getUint16(128, true);
  if (blockBytes !== SECTOR_BYTES) throw damaged(`its blocks have ${blockBytes} bytes instead of ${SECTOR_BYTES}`);
  const volumeBytes = view.getUint32(80, true) * SECTOR_BYTES;
  if (volumeBytes > source.sizeBytes) throw truncated(volumeBytes - source.sizeBytes);
  const rootRecord = parseRecord(primary.bytes.subarray(156, 190), 156);
  const root: Extent = { sector: rootRecord.sector, sizeBytes: rootRecord.sizeBytes };
  if (root.sizeBytes === 0) throw damaged('its root directory is empty');
  const directory = await readDirectory(source, root);

  return {
    volumeId: latin1(primary.bytes.subarray(40, 72)).trimEnd(),
    descriptorSector: primary.sector,
    sizedDescriptors,
    volumeBytes,
    root,
    pathTables: {
      sizeBytes: view.getUint32(132, true),
      little: [view.getUint32(140, true), view.getUint32(144, true)],
      big: [view.getUint32(148, false), view.getUint32(152, false)],
    },
    rockRidge: rockRidgeOf(directory[0]),
    joliet,
  };
}

/** The SP entry must be the first of the root's own record (SUSP 5.3). */
function rockRidgeOf(self: DirectoryRecord | undefined): IsoImage['rockRidge'] {
  if (self === undefined || !isSelf(self)) return undefined;
  const entries = parseSystemUse(self.systemUse);
  const sp = entries.find((entry) => entry.signature === 'SP');
  if (sp === undefined || sp.body[0] !== 0xbe || sp.body[1] !== 0xef) return undefined;
  const px = entries.find((entry) => entry.signature === 'PX');
  return { skipBytes: sp.body[2] ?? 0, pxBytes: px === undefined ? 36 : px.body.byteLength + 4 };
}

/** The records of a directory. @throws IronwakeError `media.damaged` */
export async function readDirectory(source: ByteSource, extent: Extent): Promise<DirectoryRecord[]> {
  if (extent.sizeBytes > DIRECTORY_BYTES_AT_MOST) throw damaged(`a directory of ${extent.sizeBytes} bytes`);
  if (extent.sector * SECTOR_BYTES + extent.sizeBytes > source.sizeBytes)
    throw damaged('a directory lies beyond its end');
  return parseDirectory(await readExactly(source, extent.sector * SECTOR_BYTES, extent.sizeBytes));
}

/**
 * What a directory holds, without itself and its parent, in the order of the image.
 *
 * @throws IronwakeError `media.damaged`
 */
export async function listDirectory(source: ByteSource, image: IsoImage, extent: Extent): Promise<IsoEntry[]> {
  const entries: IsoEntry[] = [];
  const budget = { continuations: CONTINUATIONS_PER_DIRECTORY };
  let pending: DirectoryRecord[] = [];
  for (const record of await readDirectory(source, extent)) {
    if (isSelf(record) || isParent(record)) continue;
    const first = pending[0];
    if (first !== undefined && !sameBytes(first.identifier, record.identifier)) {
      throw damaged('a file of several extents breaks off');
    }
    pending.push(record);
    if ((record.flags & FLAG_MULTI_EXTENT) !== 0) continue;
    const entry = await entryOf(source, image, pending, budget);
    if (entry !== undefined) entries.push(entry);
    pending = [];
  }
  if (pending.length > 0) throw damaged('a file of several extents breaks off');
  return entries;
}

async function entryOf(
  source: ByteSource,
  image: IsoImage,
  records: readonly DirectoryRecord[],
  budget: { continuations: number },
): Promise<IsoEntry | undefined> {
  const first = records[0];
  if (first === undefined) return undefined;
  if (records.some((record) => record.interleaved)) throw damaged('an interleaved file');
  const extents = records.map((record) => ({ sector: record.sector, sizeBytes: record.sizeBytes }));
  const entry: IsoEntry = {
    name: plainName(first.identifier),
    kind: (first.flags & FLAG_DIRECTORY) !== 0 ? 'directory' : 'file',
    extents,
    sizeBytes: extents.reduce((sum, extent) => sum + extent.sizeBytes, 0),
    records,
  };
  if (image.rockRidge === undefined) return entry;
  const systemUse = await readSystemUse(source, first.systemUse.subarray(image.rockRidge.skipBytes), budget);
  return withRockRidge(source, entry, systemUse);
}

/** All system use entries of a record, continuations included. */
async function readSystemUse(
  source: ByteSource,
  area: Uint8Array,
  budget: { continuations: number },
): Promise<SystemUseEntry[]> {
  const all: SystemUseEntry[] = [];
  let next: Uint8Array | undefined = area;
  for (let count = 0; next !== undefined; count++) {
    const entries: SystemUseEntry[] = parseSystemUse(next);
    all.push(...entries);
    next = undefined;
    const body = entries.find((entry) => entry.signature === 'CE')?.body;
    const continuation = body === undefined ? undefined : parseContinuation(body);
    if (continuation === undefined) break;
    if (count === CONTINUATIONS_PER_RECORD || budget.continuations-- === 0) throw damaged('its names run in a circle');
    const { sector, offset, lengthBytes } = continuation;
    const start = sector * SECTOR_BYTES + offset;
    if (offset + lengthBytes > SECTOR_BYTES || start + lengthBytes > source.sizeBytes) {
      throw damaged('a name goes on beyond its sector');
    }
    next = await readExactly(source, start, lengthBytes);
  }
  return all;
}

async function withRockRidge(
  source: ByteSource,
  entry: IsoEntry,
  systemUse: readonly SystemUseEntry[],
): Promise<IsoEntry | undefined> {
  const name: Uint8Array[] = [];
  let result = entry;
  for (const { signature, body } of systemUse) {
    if (signature === 'RE') return undefined; // shown where it was moved from
    if (signature === 'NM' && body.byteLength > 0 && ((body[0] ?? 0) & 0x06) === 0) name.push(body.subarray(1));
    if (signature === 'PX' && body.byteLength >= 4)
      result = { ...result, kind: kindOfMode(viewOf(body).getUint32(0, true)) };
    if (signature === 'CL' && body.byteLength >= 4)
      result = await movedDirectory(source, result, viewOf(body).getUint32(0, true));
  }
  if (name.length === 0) return result;
  return { ...result, name: new TextDecoder().decode(joined(name)) };
}

/** A directory that lies too deep for ISO 9660 is moved; a plain record with a child link stands in its place (RRIP 4.1.5). */
async function movedDirectory(source: ByteSource, entry: IsoEntry, sector: number): Promise<IsoEntry> {
  const [self] = await readDirectory(source, { sector, sizeBytes: SECTOR_BYTES });
  if (self === undefined || !isSelf(self)) throw damaged('a moved directory is missing');
  return { ...entry, kind: 'directory', extents: [{ sector, sizeBytes: self.sizeBytes }], sizeBytes: self.sizeBytes };
}

function kindOfMode(mode: number): EntryKind {
  switch (mode & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    default:
      return 'other';
  }
}

/**
 * The entry of a path (`/boot/linux26`), or undefined when there is none. Symbolic links are not followed.
 *
 * @throws IronwakeError `media.damaged`
 */
export async function lookUp(source: ByteSource, image: IsoImage, path: string): Promise<IsoEntry | undefined> {
  let entry: IsoEntry = {
    name: '/',
    kind: 'directory',
    extents: [image.root],
    sizeBytes: image.root.sizeBytes,
    records: [],
  };
  for (const name of path.split('/').filter((part) => part !== '')) {
    const extent = entry.extents[0];
    if (entry.kind !== 'directory' || extent === undefined) return undefined;
    const found = (await listDirectory(source, image, extent)).find((child) => child.name === name);
    if (found === undefined) return undefined;
    entry = found;
  }
  return entry;
}

/**
 * The bytes of a file in the image.
 *
 * @throws IronwakeError `media.file-missing` when there is no such file, `media.damaged` when it lies beyond the end of the image
 */
export async function openFile(source: ByteSource, image: IsoImage, path: string): Promise<ByteSource> {
  const entry = await lookUp(source, image, path);
  if (entry === undefined) throw fileMissing(path, 'is not in the image');
  if (entry.kind !== 'file') throw fileMissing(path, 'is not a plain file in the image');
  return concatenate(
    entry.extents.map(({ sector, sizeBytes }) => {
      if (sizeBytes === 0) return windowOf(source, 0, 0);
      if (sector * SECTOR_BYTES + sizeBytes > source.sizeBytes) throw damaged(`${path} lies beyond its end`);
      return windowOf(source, sector * SECTOR_BYTES, sizeBytes);
    }),
  );
}

/** As Linux shows names without Rock Ridge: lower case, no version, no trailing dot. */
function plainName(identifier: Uint8Array): string {
  return latin1(identifier).replace(/;\d*$/, '').replace(/\.$/, '').toLowerCase();
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] ?? new Uint8Array(0)) : Buffer.concat(parts);
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
