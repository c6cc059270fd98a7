/**
 * Runs test files in a few processes that each take one file after another (host.ts). For layers of many small files, whose start would
 * take longer than their tests. A file that ends its process, or does not end, is reported by name, and the others run elsewhere.
 */
import { spawn } from 'node:child_process';
import type { Free, Order } from './host.ts';
import type { TapCounter } from './tap-counter.ts';
import type { Run } from './through-tap.ts';

const HOST = new URL('host.ts', import.meta.url).pathname;
/** tap ends a file that waits too long by itself, and says where it waits; one that never returns to the event loop is ended from here. */
const GRACE_MS = 5000;
/** For the start of a process, on a machine that has a lot else to do. */
const START_MS = 60_000;

/**
 * Counts every file of `files` exactly once.
 * @param graceMs how much longer than its time a file may take until its process is killed
 */
export async function runShared(
  files: readonly string[],
  counter: TapCounter,
  how: Run,
  graceMs = GRACE_MS,
): Promise<void> {
  const queue = [...files];
  const lane = async (): Promise<void> => {
    // A process that cannot even start would not be started better again; the files that are left over are missed in the end.
    while (queue.length > 0 && !how.stop.aborted && (await host(queue, counter, how, graceMs)));
  };
  await Promise.all(Array.from({ length: Math.min(how.jobs, files.length) }, lane));
}

/** One process, for as many files as it is fit for; says whether it came to take any. */
async function host(queue: string[], counter: TapCounter, how: Run, graceMs: number): Promise<boolean> {
  const { timeoutSeconds, env, raw, stop } = how;
  const timeoutMs = timeoutSeconds * 1000;
  const child = spawn(process.execPath, [HOST], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Each file has a time of its own; the process as a whole has none.
    env: { ...env, TAP_TIMEOUT: '0' },
  });
  const stream = counter.stream();
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    stream.write(chunk);
  });

  let began = false;
  let last: string | undefined;
  let current: string | null = null;
  let overdue = false;
  let watch: NodeJS.Timeout | undefined;
  const allow = (ms: number): void => {
    clearTimeout(watch);
    watch = setTimeout(() => {
      overdue = true;
      child.kill('SIGKILL');
    }, ms);
  };
  child.on('message', ({ after, fit, left }: Free) => {
    // tap has messages of its own, for a parent that is tap.
    if (after !== current) return;
    began = true;
    if (after !== null && left.length > 0)
      counter.fail(after, `leaves behind what the next file would see\n${left.join('\n')}`);
    current = (fit ? queue.shift() : undefined) ?? null;
    last = current ?? last;
    // A process that has died says so by its end.
    child.send({ run: current, timeoutMs } satisfies Order, () => {});
    allow((current === null ? 0 : timeoutMs) + graceMs);
  });
  allow(START_MS);

  const end = (): void => {
    queue.length = 0;
    child.kill('SIGTERM');
  };
  stop.addEventListener('abort', end);
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
  });
  stop.removeEventListener('abort', end);
  clearTimeout(watch);
  for (const chunk of chunks) raw(chunk);
  const why = overdue ? 'did not end, and was stopped from outside' : `ended its process (${ended})`;
  stream.end(why, current ?? undefined);
  if (!began) counter.fail('a process for tests', why);
  // Status 1 is tap's way to say that something was red.
  else if (current === null && !/^exit status [01]$/.test(ended)) counter.fail(`the process after ${last}`, why);
  return began;
}
