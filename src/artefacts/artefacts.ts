/**
 * Artefacts: a file name -> bytes or a refusal, the same for TFTP and HTTP. Served are the loaders in tftproot, and nothing else: kernel and image
 * go over HTTP with a token (journey).
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LOADERS } from '../boot/loaders.ts';
import { systemCode } from '../errors.ts';
import { type ByteSource, bytesSource } from '../media/source.ts';

export interface LoaderFile {
  readonly name: string;
  readonly source: ByteSource;
  /** Changes with the file: for caches of clients and of our own. */
  readonly etag: string;
}

export interface Artefacts {
  /** A loader of the table (boot/loaders.ts) that is staged in tftproot, or undefined; other files that lie there are nobody's business. */
  loader(name: string): Promise<LoaderFile | undefined>;
  /** Whether a loader of the table can be served. */
  isStaged(name: string): Promise<boolean>;
  /** Loaders that the boot decision may offer on any host and that are not staged. */
  missing(): Promise<readonly string[]>;
}

/** The largest file that is held in memory; loaders are 0.1 to 2 MB. */
const MAX_LOADER_BYTES = 32 * 1024 * 1024;

export function createArtefacts(root: string): Artefacts {
  const cache = new Map<string, { readonly stamp: string; readonly file: LoaderFile }>();
  return {
    async loader(name) {
      if (!LOADERS.some((loader) => loader.file === name)) return undefined;
      const path = join(root, name);
      try {
        const { size, mtimeMs, ino } = await stat(path);
        const stamp = `${ino}-${size}-${mtimeMs}`;
        const cached = cache.get(name);
        if (cached?.stamp === stamp) return cached.file;
        if (size === 0 || size > MAX_LOADER_BYTES) return undefined;
        const file: LoaderFile = { name, source: bytesSource(await readFile(path)), etag: `"${stamp}"` };
        cache.set(name, { stamp, file });
        return file;
      } catch (error) {
        const code = systemCode(error);
        if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'EACCES') return undefined;
        throw error;
      }
    },
    async isStaged(name) {
      const found = await stat(join(root, name)).catch(() => undefined);
      return found?.isFile() === true && found.size > 0 && found.size <= MAX_LOADER_BYTES;
    },
    async missing() {
      const present = new Set(await readdir(root).catch(() => []));
      return LOADERS.filter((loader) => loader.required && !present.has(loader.file)).map((loader) => loader.file);
    },
  };
}
