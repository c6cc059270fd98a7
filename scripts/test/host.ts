/**
 * A process that runs one test file after another, so that Node, tap and what the files import are started and compiled once. Each file is
 * a test of its own in this process's TAP, as tap's own runner shows it. shared.ts starts it, and gives it the next file when it has heard
 * what became of the last one.
 */
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { t } from 'tap';
import { differences, type Traces, tracesOf } from './traces.ts';
import { underWay } from './under-way.ts';

/** To the host: the next file, relative to the checkout; or nothing more. */
export interface Order {
  readonly run: string | null;
  readonly timeoutMs: number;
}

/** From the host: it is there, or a file has ended. */
export interface Free {
  readonly after: string | null;
  /** After a file that was red or left something behind, the process is not fit for another one. */
  readonly fit: boolean;
  /** What the file left behind, in words. */
  readonly left: readonly string[];
}

const TAP_OF_FILE = new URL('tap-of-file.ts', import.meta.url).href;
/** What is closed in the background (a socket, a child) may take this long after the last test. */
const PATIENCE_MS = 2000;

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    if (specifier !== 'tap' || parentURL === undefined || !underWay.has(parentURL)) return next(specifier, context);
    return { url: `${TAP_OF_FILE}?${encodeURIComponent(parentURL)}`, format: 'module-typescript', shortCircuit: true };
  },
});

/** What the file left behind, once it had time to close it. */
async function leftBy(before: Traces): Promise<readonly string[]> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = differences(before, tracesOf(process));
    if (left.length === 0 || performance.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function run(file: string, timeoutMs: number): Promise<Free> {
  const url = pathToFileURL(resolve(file)).href;
  const before = tracesOf(process);
  const result = await t.test(file, { timeout: timeoutMs }, async (t) => {
    // tap names these folders after the program and the test; here the program is the same for all files.
    t.testdirName = resolve('.tap', 'fixtures', file.replaceAll('/', '-'));
    underWay.set(url, t);
    await import(url);
  });
  underWay.delete(url);
  const left = await leftBy(before);
  return { after: file, fit: result?.ok === true && left.length === 0, left };
}

// tap takes hold of the process (signals, exit) when it first prints: now, and not in a file's time.
t.pipe(process.stdout);

const say = (message: Free): void => {
  process.send?.(message);
};

process.on('message', ({ run: file, timeoutMs }: Order) => {
  if (file === null) {
    // Whatever is still open has been reported.
    t.on('end', () => process.exit());
    t.end();
    return;
  }
  // A defect of this file is no test's: it ends the process.
  void run(file, timeoutMs).then(say);
});
// tap lets go of the channel; here it is what there is to wait for.
process.channel?.ref();
say({ after: null, fit: true, left: [] });
