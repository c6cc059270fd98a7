import fc from 'fast-check';
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { listDirectory, lookUp, openFile, readIso } from '../../../src/media/iso9660.ts';
import { overlayImage } from '../../../src/media/overlay.ts';
import { inspectImage } from '../../../src/media/product.ts';
import { fixture, noise, record, SECTOR, slowly, sourceOf, tinyIso, wholeOf } from './images.ts';

for (const name of ['plain', 'joliet'] as const) {
  test(`${name}: Rock Ridge names, kinds and contents`, async (t) => {
    const source = slowly(sourceOf(fixture(name)), 700);
    const image = await readIso(source);
    t.equal(image.volumeId, 'PVE');
    t.equal(image.joliet, name === 'joliet');
    t.equal(image.sizedDescriptors.length, name === 'joliet' ? 2 : 1);
    t.equal(image.volumeBytes, source.sizeBytes);

    const root = await listDirectory(source, image, image.root);
    t.same(root.map((entry) => entry.name).toSorted(), [
      '.base',
      '.cd-info',
      '.disk',
      '.installer',
      '.pve-cd-id.txt',
      'EFI',
      'a',
      'auto-installer-capable',
      'boot',
      'proxmox',
    ]);
    t.equal((await wholeOf(await openFile(source, image, '/boot/linux26'))).toString(), 'kernel-bytes\n');
    t.equal((await wholeOf(await openFile(source, image, '.disk/info'))).toString().split('\n')[0], "RELEASE='9.2'");
    t.equal((await openFile(source, image, '/boot/initrd.img')).sizeBytes, 5001);
    t.equal((await openFile(source, image, '/auto-installer-capable')).sizeBytes, 0);
    t.equal((await wholeOf(await openFile(source, image, '/a/b/c/d/e/f/g/h/i/deep.txt'))).toString(), 'deep\n');
    const long = `/proxmox/packages/${'long'.repeat(60)}.deb`;
    t.equal((await wholeOf(await openFile(source, image, long))).toString(), 'long\n', 'a name in two parts');
    t.equal((await lookUp(source, image, '/boot/link'))?.kind, 'symlink');
    t.equal((await lookUp(source, image, '/boot'))?.kind, 'directory');
    for (const missing of ['/boot/none', '/boot/linux26/below', '/BOOT', '/boot/link/x']) {
      t.equal(await lookUp(source, image, missing), undefined, missing);
    }
    for (const notAFile of ['/boot', '/boot/link', '/none', '/']) {
      await t.rejects(openFile(source, image, notAFile), { code: 'media.file-missing' }, notAFile);
    }
  });
}

test('without Rock Ridge: lower case, no version', async (t) => {
  const source = sourceOf(tinyIso([{ identifier: 'README.;1', sector: 19, sizeBytes: 3 }], [Buffer.from('abc')]));
  const image = await readIso(source);
  t.equal(image.rockRidge, undefined);
  t.equal((await wholeOf(await openFile(source, image, '/readme'))).toString(), 'abc');
});

test('a file of several extents is one file', async (t) => {
  const big = { identifier: 'BIG.ISO;1', sizeBytes: SECTOR };
  const records = [
    { ...big, sector: 20, flags: 0x80 },
    { ...big, sector: 19, flags: 0x80 },
    { ...big, sector: 21, sizeBytes: 5 },
    { identifier: 'Z.;1', sector: 21, sizeBytes: 1 },
  ];
  const parts = [Buffer.alloc(SECTOR, 'b'), Buffer.alloc(SECTOR, 'a'), Buffer.from('c'.repeat(5))];
  const source = sourceOf(tinyIso(records, parts));
  const image = await readIso(source);
  const entries = await listDirectory(source, image, image.root);
  t.same(
    entries.map((entry) => [entry.name, entry.sizeBytes, entry.extents.length]),
    [
      ['big.iso', 2 * SECTOR + 5, 3],
      ['z', 1, 1],
    ],
  );
  t.equal(
    (await wholeOf(await openFile(source, image, '/big.iso'))).toString(),
    'a'.repeat(SECTOR) + 'b'.repeat(SECTOR) + 'c'.repeat(5),
  );
});

const SP = Buffer.from([0x53, 0x50, 7, 1, 0xbe, 0xef, 0]);

/** A CE entry that points to `offset` of `sector`. */
function continuation(sector: number, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.write('CE', 0, 'latin1');
  bytes[2] = 28;
  bytes[3] = 1;
  bytes.writeUInt32LE(sector, 4);
  bytes.writeUInt32LE(offset, 12);
  bytes.writeUInt32LE(lengthBytes, 20);
  return bytes;
}

const base = { identifier: 'A.;1', sector: 19, sizeBytes: 1 };
const damagedDirectories: ReadonlyArray<readonly [name: string, image: Buffer]> = [
  [
    'a continuation that goes on in itself',
    tinyIso([{ ...base, systemUse: continuation(19, 0, 28) }], [continuation(19, 0, 28)], SP),
  ],
  ['a continuation beyond the image', tinyIso([{ ...base, systemUse: continuation(4_000_000, 0, 28) }], [], SP)],
  ['a continuation beyond its sector', tinyIso([{ ...base, systemUse: continuation(18, 2040, 28) }], [], SP)],
  ['several extents that break off at the end', tinyIso([{ ...base, flags: 0x80 }])],
  [
    'several extents that break off before another',
    tinyIso([
      { ...base, flags: 0x80 },
      { ...base, identifier: 'B.;1' },
    ]),
  ],
];
for (const [name, bytes] of damagedDirectories) {
  test(`damaged: ${name}`, async (t) => {
    const source = sourceOf(bytes);
    const image = await readIso(source);
    await t.rejects(listDirectory(source, image, image.root), { code: 'media.damaged' });
  });
}

test('damaged: a file that lies beyond the end', async (t) => {
  const source = sourceOf(tinyIso([{ ...base, sector: 4000 }]));
  await t.rejects(openFile(source, await readIso(source), '/a'), { code: 'media.damaged' });
});

/** A tiny image with one value changed. */
function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = tinyIso([base], [Buffer.from('x')]);
  change(bytes);
  return bytes;
}

/** Fills the root directory with records of 254 bytes, until the last one crosses the end of the sector. */
function fillRoot(bytes: Buffer): void {
  for (let at = 68; at < SECTOR; at += 254) {
    bytes.writeUInt8(254, 18 * SECTOR + at);
    bytes.writeUInt8(1, 18 * SECTOR + at + 32);
  }
}

const primary = 16 * SECTOR;
const unreadable: ReadonlyArray<readonly [name: string, image: Buffer, code: string]> = [
  ['nothing', Buffer.alloc(0), 'media.not-iso'],
  ['a text', Buffer.from('hello'), 'media.not-iso'],
  ['zeros', Buffer.alloc(100_000), 'media.not-iso'],
  ['no primary descriptor', changed((bytes) => bytes.writeUInt8(2, primary)), 'media.not-iso'],
  ['cut in the middle', fixture('plain').subarray(0, 200_000), 'media.truncated'],
  ['cut by one byte', fixture('plain').subarray(0, -1), 'media.truncated'],
  ['other block size', changed((bytes) => bytes.writeUInt16LE(512, primary + 128)), 'media.damaged'],
  ['root beyond the end', changed((bytes) => bytes.writeUInt32LE(9999, primary + 158)), 'media.damaged'],
  ['root of 4 GB', changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, primary + 166)), 'media.damaged'],
  ['root of no size', changed((bytes) => bytes.writeUInt32LE(0, primary + 166)), 'media.damaged'],
  ['root record too short', changed((bytes) => bytes.writeUInt8(20, 18 * SECTOR)), 'media.damaged'],
  ['record across its sector', changed(fillRoot), 'media.damaged'],
  ['name longer than its record', changed((bytes) => bytes.writeUInt8(200, 18 * SECTOR + 32)), 'media.damaged'],
];
for (const [name, bytes, code] of unreadable) {
  test(`unreadable: ${name}`, async (t) => {
    const error = await readIso(sourceOf(bytes)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.ok(error instanceof IronwakeError);
    if (!(error instanceof IronwakeError)) return;
    t.equal(error.code, code);
    t.equal(error.status, 400);
    t.ok(error.remedy.length > 10);
  });
}

test('something big that is no image', async (t) => {
  await t.rejects(readIso(noise(3_000_000)), { code: 'media.not-iso' });
});

/** Every file and folder, as deep as a tree of the fixture can be; a folder in a circle ends at the depth. */
async function walk(bytes: Buffer): Promise<void> {
  const source = sourceOf(bytes);
  const image = await readIso(source);
  let level = [image.root];
  for (let depth = 0; depth < 4; depth++) {
    const next = [];
    for (const extent of level.slice(0, 8)) {
      for (const entry of await listDirectory(source, image, extent)) {
        if (entry.kind === 'directory') next.push(...entry.extents);
      }
    }
    level = next;
  }
  await inspectImage(source);
  await overlayImage(source, image, [{ name: 'auto-installer-mode.toml', content: Buffer.from('x') }]);
}

test('a mutated image is read or refused with a code, and nothing else happens', async (t) => {
  const original = fixture('joliet');
  const interesting = original.byteLength;
  // Descriptors, path tables and directories lie in the first 150 KB; the rest is file data and zeros.
  const place = fc.oneof(fc.integer({ min: primary, max: 150_000 }), fc.nat({ max: interesting - 1 }));
  const used: number[] = [];
  for (let at = primary; at < 150_000; at++) if (original[at] !== 0) used.push(at);
  const usedPlace = fc.constantFrom(...used);
  const mutation = fc.tuple(fc.oneof({ weight: 5, arbitrary: usedPlace }, place), fc.integer({ min: 0, max: 255 }));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 12 }), async (mutations) => {
      const bytes = Buffer.from(original);
      for (const [at, value] of mutations) bytes[at] = value;
      try {
        await walk(bytes);
      } catch (error) {
        if (!(error instanceof IronwakeError)) throw error;
        refused++;
      }
    }),
    { numRuns: 400 },
  );
  t.ok(refused > 0, `${refused} of 400 were refused`);
});

test('a folder that holds itself does not hang a look-up', async (t) => {
  const source = sourceOf(tinyIso([{ identifier: 'A', sector: 18, sizeBytes: SECTOR, flags: 2 }]));
  const image = await readIso(source);
  t.equal((await lookUp(source, image, '/a'.repeat(200)))?.kind, 'directory');
  t.equal(record({ identifier: 'A', sector: 18, sizeBytes: SECTOR }).byteLength, 34);
});
