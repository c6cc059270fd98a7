/**
 * One set-up at a time. The lock is the kernel's (flock), held by a child that lives as long as this process: whatever way we end, it is
 * free again, and there is no stale file to clean up. `flock` is in util-linux, which every Debian has.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupError } from './checkout.js';

const OWNERSHIP = 'If it belongs to somebody else, give it back: sudo chown -R "$(id -u):$(id -g)" .cache';

/**
 * Runs `work` while this process holds the lock on `file`.
 * @template T
 * @param {string} file created when it does not exist
 * @param {() => void} onWait called once when somebody else holds it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, onWait, work) {
  const release = await acquire(file, onWait);
  try {
    return await work();
  } finally {
    release();
  }
}

/**
 * @param {string} file
 * @param {() => void} onWait
 * @returns {Promise<() => void>}
 */
function acquire(file, onWait) {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    throw new SetupError(
      `cannot make ${dirname(file)} (${error instanceof Error ? error.message : error}): ${OWNERSHIP}`,
    );
  }
  return new Promise((done, fail) => {
    // `cat` ends with our end of the pipe, and the lock with `cat`.
    const child = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(onWait, 500);
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.stdout.once('data', () => {
      clearTimeout(timer);
      done(() => child.stdin.end());
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      fail(new SetupError(`cannot run flock (${error.message}): install it with: apt-get install util-linux`));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      fail(new SetupError(`cannot lock ${file} (status ${code}): ${errors.trim()}. ${OWNERSHIP}`));
    });
  });
}
