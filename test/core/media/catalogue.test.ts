import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { openCatalogue } from '../../../src/media/catalogue.ts';
import { importImage, sweepPartials } from '../../../src/media/import.ts';
import { readExactly } from '../../../src/media/reading.ts';
import type { ImageSources } from '../../../src/media/record.ts';
import { fixture, wholeOf } from './images.ts';

const bytes = fixture('joliet');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const ADDED_AT = 1_800_000_123_456;
const now = () => ADDED_AT;

/** The image in chunks, as a request's body brings it. */
function upload(content: Buffer = bytes, chunkBytes = 10_000): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < content.byteLength; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
    })(),
  );
}

const record = {
  id: sha256,
  name: 'proxmox-ve_9.2-1',
  product: 'pve',
  release: '9.2',
  isoRelease: '1',
  sizeBytes: bytes.byteLength,
  kernelPath: '/boot/linux26',
  initrdPath: '/boot/initrd.img',
  addedAt: ADDED_AT,
};

test('an upload becomes a read-only file named by its checksum', async (t) => {
  const directory = join(t.testdir(), 'data', 'media');
  const progress: Array<readonly [number, number | undefined]> = [];
  const added = await importImage(
    {
      source: upload(),
      sizeBytes: bytes.byteLength,
      expectedSha256: sha256.toUpperCase(),
      onProgress: (done, total) => progress.push([done, total]),
    },
    { directory, now },
  );
  t.same(added, record);
  t.same(readdirSync(directory), [`${sha256}.iso`]);
  const path = join(directory, `${sha256}.iso`);
  t.equal(statSync(path).mode & 0o777, 0o400);
  t.ok(readFileSync(path).equals(bytes));
  t.same(progress[0], [10_000, bytes.byteLength]);
  t.same(progress.at(-1), [bytes.byteLength, bytes.byteLength]);
});

test('a file on this machine, and the same image again: the first record, one file', async (t) => {
  const folder = t.testdir();
  const directory = join(folder, 'media');
  const path = join(folder, 'download.iso');
  writeFileSync(path, bytes);
  t.same(await importImage({ source: path }, { directory, now }), record);
  t.same(await importImage({ source: upload() }, { directory, now: () => ADDED_AT + 99_000 }), record);
  t.same(readdirSync(directory), [`${sha256}.iso`]);
  t.ok(readFileSync(path).equals(bytes), 'the original is left alone');
});

test('a copy that was damaged on this disk is replaced', async (t) => {
  const directory = t.testdir({ [`${sha256}.iso`]: 'broken' });
  await importImage({ source: upload() }, { directory, now });
  t.ok(readFileSync(join(directory, `${sha256}.iso`)).equals(bytes));
});

test('a copy of the same length with other bytes is replaced, and read anew at once', async (t) => {
  const folder = t.testdir();
  const catalogue = await openCatalogue({ dataDir: folder, now });
  const media = await catalogue.add({ source: upload() });
  const path = join(folder, 'media', `${sha256}.iso`);
  const damaged = Buffer.from(bytes);
  damaged.write('KERNEL', damaged.indexOf('kernel-bytes'));
  rmSync(path);
  writeFileSync(path, damaged);
  const kernel = async () => (await wholeOf(await catalogue.file(media, '/boot/linux26'))).toString();
  t.equal(await kernel(), 'KERNEL-bytes\n');
  t.match(await catalogue.add({ source: upload() }), { id: sha256, sizeBytes: bytes.byteLength });
  t.ok(readFileSync(path).equals(bytes));
  t.equal(await kernel(), 'kernel-bytes\n');
  t.same(readdirSync(join(folder, 'media')), [`${sha256}.iso`]);
});

class Reset extends Error {
  readonly code = 'ECONNRESET';
}

function broken(error: Error): Readable {
  return Readable.from(
    (async function* () {
      yield bytes.subarray(0, 50_000);
      throw error;
    })(),
  );
}

const failing: ReadonlyArray<
  readonly [name: string, request: () => Parameters<typeof importImage>[0], code: string, field: string]
> = [
  ['wrong checksum', () => ({ source: upload(), expectedSha256: 'a'.repeat(64) }), 'media.checksum-mismatch', 'sha256'],
  ['no checksum at all', () => ({ source: upload(), expectedSha256: 'abc' }), 'media.bad-checksum', 'sha256'],
  ['no image', () => ({ source: upload(Buffer.alloc(100_000, 'no image')) }), 'media.not-iso', 'body'],
  ['nothing', () => ({ source: upload(Buffer.alloc(0)) }), 'media.not-iso', 'body'],
  ['a cut image', () => ({ source: upload(bytes.subarray(0, 300_000)) }), 'media.truncated', 'body'],
  [
    'fewer bytes than announced',
    () => ({ source: upload(), sizeBytes: bytes.byteLength + 1 }),
    'media.incomplete',
    'body',
  ],
  ['more bytes than announced', () => ({ source: upload(), sizeBytes: 100_000 }), 'media.incomplete', 'body'],
  [
    'the sender goes away',
    () => ({ source: broken(new Reset('aborted')), sizeBytes: bytes.byteLength }),
    'media.incomplete',
    'body',
  ],
  ['a file that is no image', () => ({ source: fileURLToPath(import.meta.url) }), 'media.not-iso', 'path'],
  ['a file that is not there', () => ({ source: '/nonexistent/image.iso' }), 'media.unreadable', 'path'],
  ['a folder', () => ({ source: '/' }), 'media.unreadable', 'path'],
];
for (const [name, request, code, field] of failing) {
  test(`${name}: refused, nothing stays`, async (t) => {
    const directory = t.testdir();
    await t.rejects(importImage(request(), { directory, now }), { name: 'IronwakeError', code, field });
    t.same(readdirSync(directory), []);
  });
}

test('a full disk is seen before anything is written', async (t) => {
  const directory = t.testdir();
  let read = 0;
  const source = (async function* () {
    read++;
    yield bytes;
  })();
  const place = { directory, now, freeBytes: async () => 256 * 1024 * 1024 + bytes.byteLength - 1 };
  await t.rejects(importImage({ source, sizeBytes: bytes.byteLength }, place), {
    code: 'media.no-space',
    kind: 'unavailable',
  });
  t.equal(read, 0);
  t.same(readdirSync(directory), []);
  const enough = { ...place, freeBytes: async () => 256 * 1024 * 1024 + bytes.byteLength };
  t.match(await importImage({ source: upload(), sizeBytes: bytes.byteLength }, enough), { id: sha256 });
});

test('a signal ends an import that waits for its sender', async (t) => {
  const directory = t.testdir();
  const controller = new AbortController();
  const stalled = new Readable({ read() {} });
  stalled.push(bytes.subarray(0, 1000));
  const importing = importImage(
    { source: stalled, signal: controller.signal, onProgress: () => controller.abort() },
    { directory, now },
  );
  await t.rejects(importing, { name: 'AbortError' });
  t.same(readdirSync(directory), []);
});

test('a start sweeps what a crash left, and nothing else', async (t) => {
  const folder = t.testdir({
    media: { 'one.part': 'x', 'two.part': 'y', [`${sha256}.iso`]: bytes.toString('latin1') },
  });
  await openCatalogue({ dataDir: folder, now });
  t.same(readdirSync(join(folder, 'media')), [`${sha256}.iso`]);
  t.equal(await sweepPartials(join(folder, 'media')), 0);
  t.equal(await sweepPartials(join(folder, 'missing')), 0);
});

const files = [
  { name: 'auto-installer-mode.toml', content: Buffer.from('mode = "http"\n') },
  { name: 'proxmox-first-boot', content: Buffer.from('#!/bin/sh\n') },
];

test("kernel, initrd and a run's wrapped image; the same bytes after a restart", async (t) => {
  const folder = t.testdir();
  const catalogue = await openCatalogue({ dataDir: folder, now });
  const media = await catalogue.add({ source: upload() });
  t.equal((await wholeOf(await catalogue.file(media, '/boot/linux26'))).toString(), 'kernel-bytes\n');
  await t.rejects(catalogue.file(media, '/none'), { code: 'media.file-missing' });

  const wrapped = await catalogue.wrappedInitrd(media, files);
  const whole = await wholeOf(wrapped);
  t.equal(whole.toString('latin1', 0, 5001), 'i'.repeat(5001));
  t.equal(whole.toString('latin1', 5004, 5010), '070701');
  t.ok((await wholeOf(await catalogue.wrappedInitrd(media, files.toReversed()))).equals(whole));
  const restarted: ImageSources = await openCatalogue({ dataDir: folder, now: () => 1 });
  t.ok((await wholeOf(await restarted.wrappedInitrd(media, files))).equals(whole));
  t.notOk((await wholeOf(await catalogue.wrappedInitrd(media, []))).equals(whole));
});

test('a removed image is gone for new requests, and one under way goes on', async (t) => {
  const catalogue = await openCatalogue({ dataDir: t.testdir(), now });
  const media = await catalogue.add({ source: upload() });
  const underWay = await catalogue.wrappedInitrd(media, files);
  t.equal(await catalogue.present(media), true);
  t.equal(await catalogue.present({ ...media, sizeBytes: media.sizeBytes + 1 }), false, 'cut short');
  await catalogue.remove(media.id);
  t.equal(await catalogue.present(media), false);
  await t.rejects(catalogue.file(media, '/boot/linux26'), { code: 'media.gone', kind: 'not-found' });
  t.equal((await readExactly(underWay, 0, underWay.sizeBytes)).byteLength, underWay.sizeBytes);
  t.match(await catalogue.add({ source: upload() }), { id: media.id });
  t.equal((await catalogue.file(media, '/boot/linux26')).sizeBytes, 13, 'a failure is not remembered');
});
