/** What the daemon does on the fly, made on disk and independently of it: the initrd with the image and this run's mode file inside. */
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './namespaces.ts';

/** A newc header (cpio(5)), name and padding included. */
function newcEntry(name: string, mode: number, sizeBytes: number): Buffer {
  const hex = (value: number): string => value.toString(16).padStart(8, '0').toUpperCase();
  // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const header = `070701${[1, mode, 0, 0, 1, 0, sizeBytes, 0, 0, 0, 0, name.length + 1, 0].map(hex).join('')}${name}\0`;
  return Buffer.from(header.padEnd(Math.ceil(header.length / 4) * 4, '\0'), 'latin1');
}

export interface WrappedImage {
  readonly kernel: string;
  readonly initrd: string;
}

/** Puts `modeFile` into a copy of the image and that copy behind the image's own initrd. Files are made in `folder`. */
export function wrapImage(iso: string, modeFile: string, folder: string): WrappedImage {
  const prepared = join(folder, 'prepared.iso');
  const mode = join(folder, 'auto-installer-mode.toml');
  const kernel = join(folder, 'linux26');
  const bareInitrd = join(folder, 'bare-initrd.img');
  const initrd = join(folder, 'initrd.img');
  writeFileSync(mode, modeFile);
  must('xorriso', '-indev', iso, '-outdev', prepared, '-map', mode, '/auto-installer-mode.toml');
  must(
    'xorriso',
    '-osirrox',
    'on',
    '-indev',
    iso,
    '-extract',
    '/boot/linux26',
    kernel,
    '-extract',
    '/boot/initrd.img',
    bareInitrd,
  );
  const padding = (size: number): Buffer => Buffer.alloc((4 - (size % 4)) % 4);
  const file = openSync(initrd, 'w');
  const own = readFileSync(bareInitrd);
  const size = statSync(prepared).size;
  for (const part of [
    own,
    padding(own.length),
    newcEntry('proxmox.iso', 0o100644, size),
    readFileSync(prepared),
    padding(size),
    newcEntry('TRAILER!!!', 0, 0),
  ]) {
    for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
  }
  closeSync(file);
  return { kernel, initrd };
}
