/**
 * The overlay before readers that we did not write: images as xorriso writes them, seen through our overlay by xorriso and libarchive,
 * and the wrapped initrd by GNU cpio.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Test, test } from 'tap';
import { wrapInitrd } from '../../src/media/cpio.ts';
import { listDirectory, openFile, readDirectory, readIso } from '../../src/media/iso9660.ts';
import { mappedFile } from '../../src/media/mapped.ts';
import { overlayImage } from '../../src/media/overlay.ts';
import type { OverlayFile } from '../../src/media/record.ts';
import { packRecords } from '../../src/media/root-records.ts';
import type { ByteSource } from '../../src/media/source.ts';

const run = promisify(execFile);

const added: readonly OverlayFile[] = [
  { name: 'auto-installer-mode.toml', content: Buffer.from('mode = "http"\n') },
  { name: 'proxmox-first-boot', content: Buffer.alloc(5000, '#!/bin/sh\n') },
  { name: 'empty', content: Buffer.alloc(0) },
];

/** A tree in the official layout, with `fillers` more files of long names in its root. */
function makeTree(folder: string, fillers: number): string {
  const tree = join(folder, 'tree');
  for (const name of ['boot/grub', '.disk', 'proxmox/packages', '.base', 'a/b/c/d/e/f/g/h/i']) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  writeFileSync(join(tree, '.cd-info'), "RELEASE='9.2'\nPRODUCT='pve'\n");
  writeFileSync(join(tree, '.disk/info'), "RELEASE='9.2'\n");
  writeFileSync(join(tree, 'boot/linux26'), Buffer.alloc(70_000, 'kernel'));
  writeFileSync(join(tree, 'boot/initrd.img'), Buffer.alloc(5001, 'initrd'));
  writeFileSync(join(tree, 'boot/grub/eltorito.img'), Buffer.alloc(4096, 'boot'));
  writeFileSync(join(tree, 'a/b/c/d/e/f/g/h/i/deep'), 'deep');
  writeFileSync(join(tree, `proxmox/packages/${'long'.repeat(60)}.deb`), 'long');
  symlinkSync('linux26', join(tree, 'boot/link'));
  for (let index = 0; index < fillers; index++)
    writeFileSync(join(tree, `filler-${index}-${'f'.repeat(90)}`), `${index}`);
  return tree;
}

async function makeImage(folder: string, tree: string, options: readonly string[]): Promise<string> {
  const path = join(folder, 'base.iso');
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'PVE', ...options, '-o', path, tree]);
  return path;
}

async function save(source: ByteSource, path: string): Promise<void> {
  const file = await open(path, 'w');
  for (let offset = 0; offset < source.sizeBytes; ) {
    const part = await source.read(offset, 512 * 1024);
    await file.write(part);
    offset += part.byteLength;
  }
  await file.close();
}

/** Every plain file below a folder: path and content. */
function filesOf(folder: string, below = ''): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) for (const [name, content] of filesOf(folder, path)) files.set(name, content);
    if (entry.isFile()) files.set(path, readFileSync(join(folder, path), 'latin1'));
  }
  return files;
}

const COMPLAINT = /WARNING|SORRY|FAILURE/;

/** Boot information tables are written into the image's own copy of this file, and the catalogue is the image's alone. */
function comparable(files: ReadonlyMap<string, string>): ReadonlyArray<readonly [string, string]> {
  const compared = [...files].filter(([name]) => !/eltorito\.img$|^boot\.cat/.test(name));
  return compared.toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function expectedFiles(tree: string, files: readonly OverlayFile[]): ReadonlyArray<readonly [string, string]> {
  const expected = filesOf(tree);
  for (const file of files) expected.set(file.name, Buffer.from(file.content).toString('latin1'));
  return comparable(expected);
}

async function byXorriso(folder: string, image: string) {
  const target = join(folder, 'by-xorriso');
  const { stderr } = await run('xorriso', ['-osirrox', 'on', '-indev', image, '-extract', '/', target]);
  return { extracted: comparable(filesOf(target)), said: stderr };
}

async function byLibarchive(folder: string, image: string) {
  const target = join(folder, 'by-libarchive');
  mkdirSync(target);
  const { stderr } = await run('bsdtar', ['-xf', image, '-C', target]);
  const mode = statSync(join(target, 'auto-installer-mode.toml')).mode & 0o777;
  return { extracted: comparable(filesOf(target)), said: stderr, mode };
}

/** Both readers see the tree and the added files, byte for byte, and have nothing to say about it. */
async function check(t: Test, folder: string, tree: string, image: string): Promise<void> {
  const xorriso = await byXorriso(folder, image);
  t.notMatch(xorriso.said, COMPLAINT);
  t.same(xorriso.extracted, expectedFiles(tree, added), 'xorriso extracts');
  const libarchive = await byLibarchive(folder, image);
  t.equal(libarchive.said, '');
  t.equal(libarchive.mode, 0o444);
  t.same(libarchive.extracted, expectedFiles(tree, added), 'libarchive extracts');
}

/** As grub-mkrescue writes images, and Proxmox: MBR, GPT, APM and HFS+, El Torito for BIOS and EFI. */
function hybrid(folder: string): readonly string[] {
  const mbr = join(folder, 'mbr.img');
  writeFileSync(mbr, Buffer.alloc(512, 'm'));
  const bios = ['-b', 'boot/grub/eltorito.img', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'];
  const parts = [
    '--grub2-boot-info',
    '--grub2-mbr',
    mbr,
    '--protective-msdos-label',
    '-hfsplus',
    '-apm-block-size',
    '2048',
  ];
  return ['-R', '-J', ...bios, ...parts, '--efi-boot', 'efi.img', '-efi-boot-part', '--efi-boot-image'];
}

const images: ReadonlyArray<readonly [name: string, fillers: number, options: readonly string[]]> = [
  ['few entries', 0, ['-R']],
  ['few entries, Joliet', 0, ['-R', '-J']],
  ['many entries', 200, ['-R']],
  ['many entries, Joliet', 200, ['-R', '-J']],
  ['long ISO names', 5, ['-R', '-iso-level', '3', '-full-iso9660-filenames']],
  ['checksums inside', 3, ['-R', '--md5']],
];
for (const [name, fillers, options] of images) {
  test(`${name}: the overlay is what both readers see`, async (t) => {
    const folder = t.testdir();
    const tree = makeTree(folder, fillers);
    const base = await mappedFile(await makeImage(folder, tree, options));
    const image = join(folder, 'overlay.iso');
    await save(await overlayImage(base, await readIso(base), added), image);
    await check(t, folder, tree, image);
  });
}

/** An image whose root extent is full: one more entry until it is, because how much room is left depends on xorriso's version. */
async function makeFullRoot(
  t: Test,
  options: readonly string[],
): Promise<{ readonly folder: string; readonly tree: string; readonly base: ByteSource }> {
  for (let fillers = 8; ; fillers++) {
    const folder = t.testdir();
    const tree = makeTree(folder, fillers);
    const base = await mappedFile(await makeImage(folder, tree, options));
    const { root } = await readIso(base);
    const records = await readDirectory(base, root);
    const used = packRecords(records.map((record) => record.bytes)).byteLength;
    const needed = added.reduce((sum, file) => sum + 33 + 14 + 36 + 5 + file.name.length, 0);
    const last = records.at(-1);
    const left = last === undefined ? 0 : root.sizeBytes - last.offset - last.bytes.byteLength;
    if (used === root.sizeBytes && left < needed) return { folder, tree, base };
  }
}

for (const options of [['-R'], ['-R', '-J']]) {
  test(`a root extent without room (${options.join(' ')}): room is made, and both readers see it`, async (t) => {
    const { folder, tree, base } = await makeFullRoot(t, options);
    const before = await readIso(base);
    const overlay = await overlayImage(base, before, added);
    t.same((await readIso(overlay)).root, before.root);
    const image = join(folder, 'overlay.iso');
    await save(overlay, image);
    await check(t, folder, tree, image);
  });

  test(`a root that must move (${options.join(' ')}): xorriso sees it`, async (t) => {
    const { folder, tree, base } = await makeFullRoot(t, options);
    const before = await readIso(base);
    const many = Array.from({ length: 40 }, (_, index) => ({
      name: `${'m'.repeat(60)}-${index}`,
      content: Buffer.from('m'),
    }));
    const overlay = await overlayImage(base, before, [...added, ...many]);
    t.not((await readIso(overlay)).root.sector, before.root.sector);
    const image = join(folder, 'overlay.iso');
    await save(overlay, image);
    const { extracted, said } = await byXorriso(folder, image);
    t.notMatch(said, COMPLAINT);
    t.same(extracted, expectedFiles(tree, [...added, ...many]));
  });
}

test('a hybrid image: partition tables and boot catalogue stay as they are', async (t) => {
  const folder = t.testdir();
  const tree = makeTree(folder, 3);
  writeFileSync(join(tree, 'efi.img'), Buffer.alloc(300_000, 'e'));
  const path = await makeImage(folder, tree, hybrid(folder));
  const base = await mappedFile(path);
  const image = join(folder, 'overlay.iso');
  await save(await overlayImage(base, await readIso(base), added), image);
  await check(t, folder, tree, image);
  t.ok(
    readFileSync(image)
      .subarray(0, 16 * 2048)
      .equals(readFileSync(path).subarray(0, 16 * 2048)),
    'system area',
  );
  const report = async (iso: string) =>
    (await run('xorriso', ['-indev', iso, '-report_el_torito', 'plain'])).stdout
      .split('\n')
      .filter((line) => /^El Torito (boot img|cat path|img path|img blks)/.test(line));
  const boot = await report(image);
  t.ok(boot.length >= 4, boot.join('; '));
  t.same(boot, await report(path));
});

test('an image that has the file already shows the new one only', async (t) => {
  const folder = t.testdir();
  const tree = makeTree(folder, 0);
  writeFileSync(join(tree, 'auto-installer-mode.toml'), 'mode = "iso"\n');
  const base = await mappedFile(await makeImage(folder, tree, ['-R', '-J']));
  const image = join(folder, 'overlay.iso');
  await save(await overlayImage(base, await readIso(base), added), image);
  await check(t, folder, tree, image);
});

test('GNU cpio finds proxmox.iso behind the initrd', async (t) => {
  const folder = t.testdir();
  const tree = makeTree(folder, 0);
  const base = await mappedFile(await makeImage(folder, tree, ['-R']));
  const iso = await readIso(base);
  const overlay = await overlayImage(base, iso, added);
  const initrd = await openFile(base, iso, '/boot/initrd.img');
  const archive = join(folder, 'archive.cpio');
  const wrapped = join(folder, 'wrapped');
  await save(wrapInitrd(initrd, overlay), wrapped);
  writeFileSync(archive, readFileSync(wrapped).subarray(Math.ceil(initrd.sizeBytes / 4) * 4));
  const { stdout } = await run('cpio', ['-itv', '--quiet', '-F', archive]);
  t.match(stdout, new RegExp(`^-rw-r--r-- +1 root +root +${overlay.sizeBytes} .* proxmox\\.iso\\n$`));
  await run('cpio', ['-idm', '--quiet', '-F', archive, '-D', folder]);
  await save(overlay, join(folder, 'expected.iso'));
  t.ok(readFileSync(join(folder, 'proxmox.iso')).equals(readFileSync(join(folder, 'expected.iso'))));
  const seen = await mappedFile(join(folder, 'proxmox.iso'));
  const image = await readIso(seen);
  t.ok((await listDirectory(seen, image, image.root)).some((entry) => entry.name === 'auto-installer-mode.toml'));
});
