/**
 * A file mapped into memory, so that serving it costs no copy and no memory of our own (the pages are the page cache's). The one place of
 * this room that calls C.
 *
 * Only for the catalogue's own copies: read-only, never written, replaced by rename. A file that somebody truncates under its map kills
 * the process with SIGBUS. Maps live as long as the process: slices of them may be on their way to a socket at any time. The disk space
 * of a removed image is therefore free only after a restart.
 */

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ByteSource } from './source.ts';

const PROT_READ = 1;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
/** Linux 5.14: fault pages in now, and answer with an error where a map without it would answer with a signal. */
const MADV_POPULATE_READ = 22;
const SC_PAGESIZE = 30;
/** How much is read ahead when a page is not in memory: a few milliseconds of a slow disk. */
const POPULATE_BYTES = 4 * 1024 * 1024;

interface Libc {
  /** 4096 on x86; ARM kernels have 16 KiB and 64 KiB as well. */
  readonly pageBytes: number;
  readonly map: (fd: number, sizeBytes: number) => bigint;
  readonly resident: (address: bigint, lengthBytes: number, pages: Uint8Array) => number;
  readonly populate: (address: bigint, lengthBytes: number) => Promise<number>;
  readonly view: (address: bigint, sizeBytes: number) => ArrayBuffer;
}

let libc: Promise<Libc> | undefined;

/** Loaded with the first image: where koffi has no binary for this machine, images are read and the daemon still starts. */
async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load('libc.so.6');
  const mmap = library.func('mmap', 'uintptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const mincore = library.func('mincore', 'int', ['uintptr_t', 'size_t', 'uint8_t *']);
  const madvise = library.func('madvise', 'int', ['uintptr_t', 'size_t', 'int']);
  const sysconf = library.func('sysconf', 'long', ['int']);
  return {
    pageBytes: Number(sysconf(SC_PAGESIZE)),
    map: (fd, sizeBytes) => BigInt(mmap(0, sizeBytes, PROT_READ, MAP_SHARED, fd, 0)),
    resident: (address, lengthBytes, pages) => Number(mincore(address, lengthBytes, pages)),
    populate: (address, lengthBytes) =>
      new Promise((resolve, reject) => {
        madvise.async(address, lengthBytes, MADV_POPULATE_READ, (error: unknown, result: unknown) => {
          if (error === null || error === undefined) resolve(Number(result));
          else reject(error);
        });
      }),
    view: (address, sizeBytes) => koffi.view(address, sizeBytes),
  };
}

/**
 * Maps a file read-only. Reads answer at once where the pages are in memory; otherwise with a promise, after a thread of the pool has
 * faulted them in: a page fault on a slow disk inside a socket write would stop DHCP and TFTP as well.
 *
 * @throws Error when the C library cannot be called or the map is refused: the caller falls back to reading the file
 */
export async function mappedFile(path: string): Promise<ByteSource> {
  libc ??= loadLibc();
  const c = await libc;
  const handle = await open(path, constants.O_RDONLY);
  let sizeBytes: number;
  let base: bigint;
  try {
    sizeBytes = (await handle.stat()).size;
    if (sizeBytes === 0) return { sizeBytes, read: () => new Uint8Array(0) };
    base = c.map(handle.fd, sizeBytes);
  } finally {
    await handle.close();
  }
  if (base === MAP_FAILED) throw new Error(`mmap of ${path} failed`);
  // A kernel before 5.14 does not know the request; then the file is read, not mapped.
  if ((await c.populate(base, 1)) !== 0) throw new Error(`the first page of ${path} cannot be read through a map`);
  const bytes = Buffer.from(c.view(base, sizeBytes));
  const pages = new Uint8Array(POPULATE_BYTES / c.pageBytes + 1);
  return {
    sizeBytes,
    read(offset, maxBytes) {
      const firstByte = offset - (offset % c.pageBytes);
      const end = Math.min(offset + maxBytes, firstByte + POPULATE_BYTES, sizeBytes);
      const slice = bytes.subarray(offset, end);
      const count = Math.ceil((end - firstByte) / c.pageBytes);
      const answered = c.resident(base + BigInt(firstByte), end - firstByte, pages) === 0;
      if (answered && allResident(pages, count)) return slice;
      const aheadBytes = Math.min(POPULATE_BYTES, sizeBytes - firstByte);
      return c.populate(base + BigInt(firstByte), aheadBytes).then((status) => {
        // An error of the disk: said here, or it would come as a signal when the slice is written.
        if (status !== 0) throw new Error(`${path} cannot be read at ${offset}: the disk or its file system failed`);
        return slice;
      });
    },
  };
}

function allResident(pages: Uint8Array, count: number): boolean {
  for (let page = 0; page < count; page++) {
    if (((pages[page] ?? 0) & 1) === 0) return false;
  }
  return true;
}
