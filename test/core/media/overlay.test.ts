import fc from 'fast-check';
import { test } from 'tap';
import { parseDirectory } from '../../../src/media/directory-record.ts';
import { listDirectory, openFile, readIso } from '../../../src/media/iso9660.ts';
import { overlayImage } from '../../../src/media/overlay.ts';
import { readExactly } from '../../../src/media/reading.ts';
import type { OverlayFile } from '../../../src/media/record.ts';
import { isoIdentifier } from '../../../src/media/root-records.ts';
import { fixture, SECTOR, slowly, sourceOf, tinyIso, wholeOf } from './images.ts';

const mode: OverlayFile = { name: 'auto-installer-mode.toml', content: Buffer.from('mode = "http"\n') };
const hook: OverlayFile = { name: 'proxmox-first-boot', content: Buffer.alloc(5000, 'x') };
const empty: OverlayFile = { name: 'empty', content: Buffer.alloc(0) };
/** So many that the root extent of the fixtures cannot hold them. */
const many: readonly OverlayFile[] = Array.from({ length: 60 }, (_, index) => ({
  name: `some-file-with-a-name-${index}.text`,
  content: Buffer.from(`content ${index}`),
}));

async function overlaid(bytes: Buffer, files: readonly OverlayFile[]) {
  const base = sourceOf(bytes);
  const source = await overlayImage(base, await readIso(base), files);
  return { source, image: await readIso(source) };
}

for (const name of ['plain', 'joliet'] as const) {
  for (const [room, files] of [
    ['room in the root', [mode, hook, empty]],
    ['a root that moves', [mode, ...many, hook, empty]],
  ] as const) {
    test(`${name}, ${room}: base and added files, all readable`, async (t) => {
      const bytes = fixture(name);
      const before = await readIso(sourceOf(bytes));
      const { source, image } = await overlaid(bytes, files);
      t.equal(source.sizeBytes % SECTOR, 0);
      t.equal(image.volumeBytes, source.sizeBytes);
      t.equal(image.root.sector === before.root.sector, room === 'room in the root', 'the root is where it should be');
      for (const file of files) {
        t.ok((await wholeOf(await openFile(source, image, `/${file.name}`))).equals(file.content), file.name);
      }
      t.equal((await wholeOf(await openFile(source, image, '/boot/linux26'))).toString(), 'kernel-bytes\n');
      const names = (await listDirectory(source, image, image.root)).map((entry) => entry.name);
      t.equal(names.length, 10 + files.length);
      t.equal(new Set(names).size, names.length);

      // Both byte orders say the same, the order of names is right, and records fill no sector over its end.
      const view = Buffer.from(await readExactly(source, image.root.sector * SECTOR, image.root.sizeBytes));
      const records = parseDirectory(view);
      const identifiers = records.slice(2).map((record) => Buffer.from(record.identifier).toString('latin1'));
      t.same(identifiers, identifiers.toSorted(), 'sorted');
      for (const { offset } of records) {
        t.equal(view.readUInt32LE(offset + 2), view.readUInt32BE(offset + 6));
        t.equal(view.readUInt32LE(offset + 10), view.readUInt32BE(offset + 14));
      }
      for (const record of records.slice(0, 2)) {
        t.equal(record.sector, image.root.sector);
        t.equal(record.sizeBytes, image.root.sizeBytes);
      }
    });
  }
}

test('everything that points to the root follows it', async (t) => {
  const bytes = fixture('joliet');
  const before = await readIso(sourceOf(bytes));
  const { source, image } = await overlaid(bytes, many);
  t.not(image.root.sector, before.root.sector);
  for (const sector of image.pathTables.little.filter((each) => each !== 0)) {
    t.equal(
      Buffer.from(await readExactly(source, sector * SECTOR, 8)).readUInt32LE(2),
      image.root.sector,
      'path table L',
    );
  }
  for (const sector of image.pathTables.big.filter((each) => each !== 0)) {
    t.equal(
      Buffer.from(await readExactly(source, sector * SECTOR, 8)).readUInt32BE(2),
      image.root.sector,
      'path table M',
    );
  }
  let directories = 0;
  for (const entry of await listDirectory(source, image, image.root)) {
    const [extent] = entry.extents;
    if (entry.kind !== 'directory' || extent === undefined) continue;
    const [, parent] = parseDirectory(await readExactly(source, extent.sector * SECTOR, SECTOR));
    t.equal(parent?.sector, image.root.sector, `${entry.name}/..`);
    t.equal(parent?.sizeBytes, image.root.sizeBytes, `${entry.name}/..`);
    directories++;
  }
  t.equal(directories, 7);
});

test('same base and files, same bytes, in whatever order and from whatever kind of source', async (t) => {
  const bytes = fixture('joliet');
  const one = await wholeOf((await overlaid(bytes, [mode, hook, empty])).source);
  const base = slowly(sourceOf(bytes), 333);
  const other = await wholeOf(await overlayImage(base, await readIso(base), [empty, hook, mode]));
  t.ok(one.equals(other));
});

test('the base keeps its bytes at their offsets, but for a few sectors', async (t) => {
  const bytes = fixture('plain');
  const { source } = await overlaid(bytes, [mode]);
  const whole = await wholeOf(source);
  const different = [];
  for (let at = 0; at < bytes.byteLength; at += SECTOR) {
    if (!whole.subarray(at, at + SECTOR).equals(bytes.subarray(at, at + SECTOR))) different.push(at / SECTOR);
  }
  t.same(different, [16, 18], 'volume descriptor and root directory');
});

test('any range is that slice of the whole', async () => {
  for (const files of [[mode, hook, empty], many]) {
    const { source } = await overlaid(fixture('joliet'), files);
    const whole = await wholeOf(source);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.byteLength - 1 }), fc.nat({ max: 100_000 }), async (start, length) => {
        const size = Math.min(length, whole.byteLength - start);
        return whole.subarray(start, start + size).equals(await readExactly(source, start, size));
      }),
      { numRuns: 60 },
    );
  }
});

test('any files come back as they went in', async () => {
  const base = sourceOf(fixture('plain'));
  const image = await readIso(base);
  const name = fc.stringMatching(/^[A-Za-z0-9._ äöü-]{1,40}$/).filter((text) => !/^\.{1,2}$/.test(text));
  const taken = new Set((await listDirectory(base, image, image.root)).map((entry) => entry.name));
  const files = fc.uniqueArray(fc.record({ name, content: fc.uint8Array({ maxLength: 5000 }) }), {
    maxLength: 40,
    selector: (file) => file.name,
  });
  await fc.assert(
    fc.asyncProperty(files, async (list) => {
      const wanted = list.filter((file) => !taken.has(file.name));
      const source = await overlayImage(base, image, wanted);
      const seen = await readIso(source);
      for (const file of wanted) {
        if (!(await wholeOf(await openFile(source, seen, `/${file.name}`))).equals(file.content)) return false;
      }
      return true;
    }),
    { numRuns: 50 },
  );
});

test('a file that is there already is replaced', async (t) => {
  const first = await wholeOf((await overlaid(fixture('plain'), [mode])).source);
  const { source, image } = await overlaid(first, [{ name: mode.name, content: Buffer.from('other') }]);
  t.equal((await wholeOf(await openFile(source, image, `/${mode.name}`))).toString(), 'other');
  const names = (await listDirectory(source, image, image.root)).map((entry) => entry.name);
  t.equal(names.filter((name) => name === mode.name).length, 1);
});

test('a base whose size is no multiple of a sector is padded', async (t) => {
  const { source, image } = await overlaid(Buffer.concat([fixture('plain'), Buffer.from('tail of a hybrid image')]), [
    mode,
  ]);
  t.equal(source.sizeBytes % SECTOR, 0);
  t.equal((await wholeOf(await openFile(source, image, `/${mode.name}`))).toString(), 'mode = "http"\n');
});

test('what cannot be done is refused', async (t) => {
  const base = sourceOf(fixture('plain'));
  const image = await readIso(base);
  await t.rejects(overlayImage(base, image, [{ name: 'boot', content: Buffer.alloc(1) }]), { code: 'media.damaged' });
  await t.rejects(overlayImage(base, image, [mode, mode]), RangeError);
  for (const name of ['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(129)]) {
    await t.rejects(overlayImage(base, image, [{ name, content: Buffer.alloc(1) }]), RangeError, JSON.stringify(name));
  }
  const plain = sourceOf(tinyIso([]));
  await t.rejects(overlayImage(plain, await readIso(plain), [mode]), { code: 'media.damaged' });
});

test('one more file each time: first there is room, then room is made, then the root moves, and all is readable throughout', async (t) => {
  const base = sourceOf(fixture('plain'));
  const before = await readIso(base);
  const original = await readExactly(base, before.root.sector * SECTOR, before.root.sizeBytes);
  const ways = new Set<string>();
  for (let count = 1; count <= 24; count++) {
    const files = many.slice(0, count);
    const { source, image } = await overlaid(fixture('plain'), files);
    const records = parseDirectory(await readExactly(source, image.root.sector * SECTOR, image.root.sizeBytes));
    const unchanged = parseDirectory(original).every((record) =>
      records.some((each) => Buffer.from(each.bytes).subarray(18).equals(Buffer.from(record.bytes).subarray(18))),
    );
    ways.add(image.root.sector !== before.root.sector ? 'moves' : unchanged ? 'has room' : 'without times');
    const entries = await listDirectory(source, image, image.root);
    t.equal(entries.length, 10 + count);
    t.same(
      entries
        .filter((entry) => !files.some((file) => file.name === entry.name))
        .map((entry) => [entry.name, entry.kind]),
      (await listDirectory(base, before, before.root)).map((entry) => [entry.name, entry.kind]),
    );
    for (const file of files) {
      t.ok((await wholeOf(await openFile(source, image, `/${file.name}`))).equals(file.content), file.name);
    }
  }
  t.same([...ways], ['has room', 'without times', 'moves']);
});

test('ISO names are valid and unique', (t) => {
  const taken = new Set<string>();
  for (const [name, identifier] of [
    ['auto-installer-mode.toml', 'AUTO_INS.TOM;1'],
    ['auto-installer-mood.toml', 'AUTO_IN1.TOM;1'],
    ['.cd-info', '_CD_INFO.;1'],
    ['proxmox-first-boot', 'PROXMOX_.;1'],
    ['proxmox-first-boo', 'PROXMOX1.;1'],
    ['ä.ö', '_._;1'],
  ] as const) {
    const made = isoIdentifier(name, taken);
    t.equal(made, identifier, name);
    taken.add(made);
  }
  t.end();
});
