/** Hands over to the pinned Node, whatever Node runs this file. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { inCheckout, PINNED_NODE } from './checkout.js';

/**
 * A small young generation saves 20 MB and costs nothing that a boot server notices; a heap that is kept small saves another 4 and takes a fifth more
 * processor time at the start, none that could be measured afterwards (docs/benchmarks.md). The flags are part of the compile cache's key: a process
 * with other flags compiles for itself.
 */
const FLAGS = ['--max-semi-space-size=2', '--optimize-for-size', '--disable-warning=ExperimentalWarning'];

/** By default glibc keeps an arena of freed memory for nearly every thread: 4 MB that nobody uses. */
const MALLOC = { MALLOC_ARENA_MAX: '2' };

/** Compiled TypeScript is kept for the next start: a fifth of the start-up time. Undefined where nothing can be written. */
function compileCache() {
  const base = process.env.CACHE_DIRECTORY ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const dir = join(base, 'ironwake', 'compile');
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.W_OK);
    return dir;
  } catch {
    return undefined;
  }
}

/** The environment of what the pinned Node runs: its own directory first, so that `node` means the same Node everywhere below. */
export function pinnedEnv() {
  const cache = process.env.NODE_COMPILE_CACHE ?? compileCache();
  return {
    ...process.env,
    PATH: `${dirname(PINNED_NODE)}:${inCheckout('node_modules', '.bin')}:${process.env.PATH ?? '/usr/bin:/bin'}`,
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  };
}

/**
 * Runs a file of this checkout with the pinned Node in place of this process: same terminal, same signals, same exit status. Node 24
 * replaces the process; an older one (the very first start, before the set-up) stays as a parent that passes everything on.
 *
 * @param {string} file relative to the checkout
 * @param {readonly string[]} args
 */
export function becomePinned(file, args) {
  const argv = [...FLAGS, inCheckout(file), ...args];
  const env = { ...MALLOC, ...pinnedEnv() };
  if (typeof process.execve === 'function') {
    process.removeAllListeners('warning');
    process.execve(PINNED_NODE, [PINNED_NODE, ...argv], env);
  }
  const child = spawn(PINNED_NODE, argv, { stdio: 'inherit', env });
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];
  for (const signal of signals)
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches the child by itself; twice would mean "at once" to it.
      if (!(process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT'))) child.kill(signal);
    });
  child.on('error', (error) => {
    process.stderr.write(`cannot run ${PINNED_NODE}: ${error.message}. Type: npm run setup -- serve\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

/**
 * The end of every launcher: a set-up failure is one line, anything else is a defect of ours and shows where.
 * @param {Promise<unknown>} work
 */
export function orFail(work) {
  work.catch((error) => {
    process.stderr.write(`${error?.name === 'SetupError' ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = 1;
  });
}
