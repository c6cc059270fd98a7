/** Runs test files through tap's own runner: a process for each. */
import { spawn } from 'node:child_process';
import type { TapCounter } from './tap-counter.ts';

/** How files are run. */
export interface Run {
  /** Processes at once. */
  readonly jobs: number;
  /** For one file. */
  readonly timeoutSeconds: number;
  readonly env: NodeJS.ProcessEnv;
  /** Gets the raw TAP, for whoever looks for more than was printed. */
  readonly raw: (chunk: Uint8Array) => void;
  /** Aborted when nothing more is to be run: what runs is ended. */
  readonly stop: AbortSignal;
}

/** Counts what tap reports. */
export async function runThroughTap(files: readonly string[], counter: TapCounter, how: Run): Promise<void> {
  const args = ['--reporter=tap', `--jobs=${how.jobs}`, `--timeout=${how.timeoutSeconds}`];
  const tap = spawn(process.execPath, ['node_modules/.bin/tap', ...args, ...files], {
    stdio: ['inherit', 'pipe', 'inherit'],
    env: how.env,
  });
  const end = () => tap.kill('SIGTERM');
  how.stop.addEventListener('abort', end);
  const stream = counter.stream();
  tap.stdout.on('data', (chunk: Buffer) => {
    how.raw(chunk);
    stream.write(chunk);
  });
  const status = await new Promise<string>((done) => tap.on('close', (code, signal) => done(signal ?? String(code))));
  how.stop.removeEventListener('abort', end);
  stream.end(`tap ended with ${status}`);
  if (status !== '0' && counter.failed === 0) counter.fail('tap', `ended with ${status}`);
}
