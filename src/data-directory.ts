/** The data directory: made with care, filled for the first start, and who besides the daemon's user may look into it. */
import { access, chmod, chown, constants, cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IronwakeError, messageOf, systemCode } from './errors.ts';

/** What the command line needs to reach the daemon, and all that it needs. */
const COMMAND_LINE_FILES = ['server.json', 'admin-token'];

/** @throws IronwakeError `daemon.data-directory` when it cannot be made or written */
export async function makeDataDirectory(directory: string): Promise<void> {
  try {
    await makeWithParents(directory);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'daemon.data-directory',
      field: '--data-dir',
      message: `the data directory ${directory} cannot be written (${systemCode(error) ?? messageOf(error)})`,
      remedy: 'Give the user of the daemon the right to write there, or name another directory with --data-dir.',
      cause: error,
    });
  }
}

/** Not Node's own recursive mkdir: it never returns in a file system that says ENOENT inside of a folder that is there (/proc). */
async function makeWithParents(directory: string): Promise<void> {
  const missing: string[] = [];
  for (let path = directory; !(await isThere(path)); path = dirname(path)) missing.unshift(path);
  for (const path of missing) {
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

/**
 * Lets the person who typed `sudo npm run serve` type `npx ironwake ...` without sudo: server.json and admin-token become theirs, and the
 * directory may be passed through. Everything else in it stays the daemon's alone. Does nothing for a daemon that sudo did not start as root.
 * @param uid of this process
 */
export async function shareWithInvoker(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
  uid = process.getuid?.(),
): Promise<void> {
  const invoker = { uid: Number(env.SUDO_UID), gid: Number(env.SUDO_GID) };
  if (uid !== 0 || !(invoker.uid > 0) || !(invoker.gid >= 0)) return;
  // First nothing else is readable, then the way in is opened.
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const { mode } = await stat(path);
    if (!COMMAND_LINE_FILES.includes(name) && (mode & 0o077) !== 0) await chmod(path, mode & 0o700);
  }
  for (const name of COMMAND_LINE_FILES) {
    const path = join(directory, name);
    if (await isThere(path)) await chown(path, invoker.uid, invoker.gid);
  }
  await chmod(directory, 0o711);
}

/** The answers directory of a fresh installation: a copy of what the checkout ships. A directory that is there stays as it is. */
export async function seedAnswers(directory: string, shipped: string): Promise<void> {
  if (directory === shipped || (await isThere(directory))) return;
  const temporary = `${directory}.${process.pid}`;
  try {
    await cp(shipped, temporary, { recursive: true });
    await rename(temporary, directory);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'daemon.answers-directory',
      field: '--answers',
      message: `the answers directory ${directory} cannot be made from ${shipped} (${systemCode(error) ?? messageOf(error)})`,
      remedy: 'Make it by hand, or name another directory with --answers.',
      cause: error,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
