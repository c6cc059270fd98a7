/** Whether a database file is sound, found out in a thread of its own: reading a gigabyte would keep DHCP waiting for seconds. */
import { Worker } from 'node:worker_threads';
import { IronwakeError, messageOf } from '../errors.ts';
import type { CheckReply, CheckRequest } from './integrity-worker.ts';

/** `quick` reads every page once; `full` also compares each index with its table. */
export type CheckDepth = 'quick' | 'full';

/** @throws IronwakeError `store.corrupt` with the first thing that SQLite finds wrong, and those of opening the file */
export async function checkIntegrity(path: string, depth: CheckDepth): Promise<void> {
  const request: CheckRequest = { path, depth };
  const worker = new Worker(new URL('./integrity-worker.ts', import.meta.url), { workerData: request });
  // A check that nobody waits for any more does not keep the process from ending.
  worker.unref();
  const reply = await new Promise<CheckReply>((resolve) => {
    worker.once('message', resolve);
    worker.once('error', (error) => resolve({ wrong: messageOf(error) }));
    worker.once('exit', () => resolve({ wrong: 'the check ended early' }));
    // The promise alone would let a process end that has nothing else to do (the command line): the message port keeps it.
    worker.ref();
  });
  await worker.terminate();
  if (reply.wrong !== undefined) throw damaged(path, reply.wrong);
}

export function damaged(path: string, finding: string): IronwakeError {
  return new IronwakeError({
    kind: 'unavailable',
    code: 'store.corrupt',
    message: `The database ${path} is damaged (${finding.split('\n')[0]?.slice(0, 200)})`,
    remedy: 'Restore it from a backup (npx ironwake restore FILE), or move it away to start with an empty one.',
  });
}
