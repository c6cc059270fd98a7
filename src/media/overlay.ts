/**
 * One image as one run sees it: the base, unchanged at its offsets, with files added to its root directory. A few sectors are patched
 * (volume size, root records, where needed the path tables and the subdirectories' way back), the rest is appended after the last sector.
 *
 * The root's records stay in their extent where there is room; if not, the time stamps of its entries go (Rock Ridge keeps three a file, the
 * record itself has one), which makes room for a file for about every five entries. Only when that is not enough, a new extent is appended,
 * and all that points to the root follows it. Linux and xorriso read that as well, but libarchive, which reads forwards only, does not.
 *
 * The Joliet tree, when there is one, is left alone but for the volume's size: it shows the base. Linux, xorriso and libarchive prefer Rock Ridge, which is what the
 * installer sees.
 */

import { damaged } from './broken.ts';
import { concatenate, paddingTo, zeros } from './concatenation.ts';
import {
  type DirectoryRecord,
  isParent,
  isSelf,
  parseContinuation,
  parseDirectory,
  parseSystemUse,
  pointRecord,
  SECTOR_BYTES,
} from './directory-record.ts';
import { type Extent, type IsoImage, listDirectory, readDirectory } from './iso9660.ts';
import { readExactly } from './reading.ts';
import type { OverlayFile } from './record.ts';
import { isoIdentifier, packRecords, positionOf, rootFileRecord, withoutTimes } from './root-records.ts';
import { type ByteSource, bytesSource } from './source.ts';
import { windowOf } from './window.ts';

/** Sectors of the base that read differently. */
type Patches = Map<number, Uint8Array>;

/**
 * The base with `files` in its root; a file that is there already is replaced. Same base and files, same bytes, whatever the order of the
 * files. The size is a multiple of 2048.
 *
 * @throws IronwakeError `media.damaged` when the image has no Rock Ridge names or its directories contradict themselves
 * @throws RangeError for two files of one name, or a name that is none
 */
export async function overlayImage(
  base: ByteSource,
  image: IsoImage,
  files: readonly OverlayFile[],
): Promise<ByteSource> {
  if (image.rockRidge === undefined) throw damaged('it has no Rock Ridge names');
  const baseSectors = Math.ceil(base.sizeBytes / SECTOR_BYTES);
  const ordered = files.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  if (new Set(ordered.map((file) => file.name)).size !== ordered.length)
    throw new RangeError('two overlay files of one name');

  const before = await readDirectory(base, image.root);
  const { pxBytes, skipBytes } = image.rockRidge;
  const original = await withoutFiles(base, image, before, ordered);
  const fits = (kept: readonly DirectoryRecord[]) =>
    packRecords(rootRecords(kept, ordered, pxBytes, 0)).byteLength <= image.root.sizeBytes;
  // In place as it is, or with less in it, or anew: see the first lines of this file.
  const inPlace = continuesInside(before, image.root)
    ? undefined
    : [original, original.map((record) => withoutTimes(record, skipBytes))].find(fits);
  const staysInPlace = inPlace !== undefined;
  const kept = inPlace ?? original;
  const rootBytes = packRecords(rootRecords(kept, ordered, pxBytes, 0)).byteLength;
  const root: Extent = staysInPlace ? image.root : { sector: baseSectors, sizeBytes: rootBytes };
  const firstFileSector = baseSectors + (staysInPlace ? 0 : rootBytes / SECTOR_BYTES);
  const records = packRecords(rootRecords(kept, ordered, pxBytes, firstFileSector));

  const appended: ByteSource[] = [];
  const patches: Patches = new Map();
  if (staysInPlace) {
    const whole = new Uint8Array(Math.ceil(root.sizeBytes / SECTOR_BYTES) * SECTOR_BYTES);
    whole.set(records);
    for (let index = 0; index * SECTOR_BYTES < whole.byteLength; index++) {
      patches.set(root.sector + index, whole.subarray(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES));
    }
  } else {
    for (const record of parseDirectory(records).filter((each) => isSelf(each) || isParent(each))) {
      pointRecord(records, record.offset, root.sector, root.sizeBytes);
    }
    appended.push(bytesSource(records));
    await followRoot(base, image, root, kept, patches);
  }
  for (const file of ordered) {
    // An empty file gets a sector of its own as well: some readers take files of one place for one file.
    const padding = file.content.byteLength === 0 ? SECTOR_BYTES : paddingTo(SECTOR_BYTES, file.content.byteLength);
    appended.push(bytesSource(file.content), zeros(padding));
  }

  const padded = concatenate([base, zeros(paddingTo(SECTOR_BYTES, base.sizeBytes))]);
  const tail = concatenate(appended);
  for (const sector of image.sizedDescriptors) {
    // Joliet's descriptor too: libarchive keeps the size it read last and refuses extents beyond it.
    writeBothEndian(await patched(base, patches, sector), 80, (padded.sizeBytes + tail.sizeBytes) / SECTOR_BYTES);
  }
  if (!staysInPlace) {
    pointRecord(await patched(base, patches, image.descriptorSector), 156, root.sector, root.sizeBytes);
  }
  return concatenate([withPatches(padded, patches), tail]);
}

/** The root's records without those of the files that are replaced. */
async function withoutFiles(
  base: ByteSource,
  image: IsoImage,
  records: readonly DirectoryRecord[],
  files: readonly OverlayFile[],
): Promise<DirectoryRecord[]> {
  const names = new Set(files.map((file) => file.name));
  const replaced = new Set<number>();
  for (const entry of await listDirectory(base, image, image.root)) {
    if (!names.has(entry.name)) continue;
    if (entry.kind === 'directory') throw damaged(`${entry.name} in its root is a directory`);
    for (const record of entry.records) replaced.add(record.offset);
  }
  return records.filter((record) => !replaced.has(record.offset));
}

/** All records of the new root, in order: those of the base as they are, and the added files' from `firstSector` on. */
function rootRecords(
  kept: readonly DirectoryRecord[],
  files: readonly OverlayFile[],
  pxBytes: number,
  firstSector: number,
): Uint8Array[] {
  const [self] = kept;
  if (self === undefined || !isSelf(self)) throw damaged('its root directory does not begin with itself');
  const taken = new Set(kept.map((record) => Buffer.from(record.identifier).toString('latin1')));
  const result = kept.map((record) => record.bytes);
  const identifiers = [...kept];
  let sector = firstSector;
  for (const [index, file] of files.entries()) {
    const identifier = isoIdentifier(file.name, taken);
    taken.add(identifier);
    const encoded = new TextEncoder().encode(identifier);
    const sizeBytes = file.content.byteLength;
    // The root's own date: the same for every run, and nothing that changes with the clock.
    const date = self.bytes.subarray(18, 25);
    const bytes = rootFileRecord({ name: file.name, identifier, sector, sizeBytes, date, pxBytes, index });
    const position = positionOf(identifiers, encoded);
    result.splice(position, 0, bytes);
    identifiers.splice(position, 0, { ...self, identifier: encoded, flags: 0 });
    sector += Math.max(1, Math.ceil(sizeBytes / SECTOR_BYTES));
  }
  return result;
}

/** Some writers put names' continuations behind the records; if they lie inside the directory's extent, it must not be packed anew. */
function continuesInside(records: readonly DirectoryRecord[], root: Extent): boolean {
  return records.some((record) =>
    parseSystemUse(record.systemUse).some(({ signature, body }) => {
      const continuation = signature === 'CE' ? parseContinuation(body) : undefined;
      if (continuation === undefined) return false;
      const offset = (continuation.sector - root.sector) * SECTOR_BYTES + continuation.offset;
      return offset >= 0 && offset < root.sizeBytes;
    }),
  );
}

/** What else points to the root: the path tables' first entry, and `..` of the directories in it. */
async function followRoot(
  base: ByteSource,
  image: IsoImage,
  root: Extent,
  records: readonly DirectoryRecord[],
  patches: Patches,
): Promise<void> {
  for (const littleEndian of [true, false]) {
    for (const sector of littleEndian ? image.pathTables.little : image.pathTables.big) {
      if (sector === 0) continue;
      const table = await patched(base, patches, sector);
      const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
      if (view.getUint32(2, littleEndian) === image.root.sector) view.setUint32(2, root.sector, littleEndian);
    }
  }
  for (const directory of records) {
    if ((directory.flags & 0x02) === 0 || isSelf(directory) || isParent(directory)) continue;
    const extent = { sector: directory.sector, sizeBytes: Math.min(directory.sizeBytes, SECTOR_BYTES) };
    const parent = (await readDirectory(base, extent)).find(isParent);
    if (parent === undefined || parent.sector !== image.root.sector) continue;
    pointRecord(await patched(base, patches, directory.sector), parent.offset, root.sector, root.sizeBytes);
  }
}

/** A sector of the base to be written to: the one patched already, or a copy. @throws IronwakeError `media.damaged` */
async function patched(base: ByteSource, patches: Patches, sector: number): Promise<Uint8Array> {
  const existing = patches.get(sector);
  if (existing !== undefined) return existing;
  if ((sector + 1) * SECTOR_BYTES > base.sizeBytes) throw damaged(`sector ${sector} lies beyond its end`);
  const copy = new Uint8Array(await readExactly(base, sector * SECTOR_BYTES, SECTOR_BYTES));
  patches.set(sector, copy);
  return copy;
}

/** The base cut at its patches. */
function withPatches(base: ByteSource, patches: Patches): ByteSource {
  const parts: ByteSource[] = [];
  let end = 0;
  for (const [sector, bytes] of [...patches].toSorted(([left], [right]) => left - right)) {
    const start = sector * SECTOR_BYTES;
    parts.push(windowOf(base, end, start - end), bytesSource(bytes));
    end = start + bytes.byteLength;
  }
  parts.push(windowOf(base, end, base.sizeBytes - end));
  return concatenate(parts);
}

function writeBothEndian(target: Uint8Array, offset: number, value: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, value, false);
}
