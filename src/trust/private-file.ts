/** Files that only the daemon's user may read, and that are there whole or not at all. */
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';

/** Distinguishes temporary files of one process; two processes differ by their id. */
let sequence = 0;

/** Writes `content` (mode 0600) in place of whatever `path` held. @throws IronwakeError `file.unwritable` */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = await writeTemporary(path, content);
  await translated(path, () => rename(temporary, path));
}

/**
 * Writes `content` (mode 0600) unless there is a file at `path` already; of two processes at once exactly one makes it.
 * @returns whether this call made it
 * @throws IronwakeError `file.unwritable`
 */
export async function createPrivateFile(path: string, content: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, content);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw unwritable(path, error);
  } finally {
    await unlink(temporary);
  }
}

/**
 * The text of a file that must be private, or undefined when there is none.
 * @throws IronwakeError `file.not-private` when others may read it, `file.unreadable`
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new IronwakeError({
        kind: 'unavailable',
        code: 'file.not-private',
        message: `${path} may be read by others (mode ${(mode & 0o777).toString(8)})`,
        remedy: `Run: chmod 600 ${path}. If others had access, treat the secret in it as known.`,
      });
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof IronwakeError) throw error;
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'file.unreadable',
      message: `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      remedy: 'Give it to the user that runs the daemon (chown), mode 600.',
      cause: error,
    });
  }
}

/** Makes a rename in this directory outlive a power cut. @throws IronwakeError `file.unwritable` */
export async function syncDirectory(directory: string): Promise<void> {
  await translated(directory, async () => {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function writeTemporary(path: string, content: string | Uint8Array): Promise<string> {
  sequence += 1;
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${sequence}`);
  return translated(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } catch (error) {
      await unlink(temporary);
      throw error;
    } finally {
      await file.close();
    }
    return temporary;
  });
}

async function translated<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): IronwakeError {
  return new IronwakeError({
    kind: 'unavailable',
    code: 'file.unwritable',
    message: `${path} cannot be written (${systemCode(error) ?? messageOf(error)})`,
    remedy: `Give ${dirname(path)} to the user that runs the daemon, or choose another directory with --data-dir.`,
    cause: error,
  });
}
