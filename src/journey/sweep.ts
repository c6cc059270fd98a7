/**
 * The sweep: one timer for the next deadline of all runs, taken from the store, so that a restart loses none. It looks again whenever
 * something was written.
 */
import { messageOf } from '../errors.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';

const BATCH = 100;
/** After a failure (a busy database), and at the longest between two looks: a clock that jumped is noticed within this time. */
const LOOK_AGAIN_MS = 60_000;

export interface Sweep {
  /** Stops the timer and waits for a pass that is under way. */
  stop(): Promise<void>;
}

export function startSweep(journey: Journey): Sweep {
  let cancel = (): void => {};
  let stopped = false;
  let pass: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    if (stopped) return;
    try {
      for (const run of await journey.store.runs.due(journey.clock.now(), BATCH)) {
        await observe(journey, run.id, { kind: 'deadline' });
      }
    } catch (error) {
      journey.log.error({ err: messageOf(error) }, 'the sweep over deadlines failed; it tries again');
    }
    await schedule();
  }

  async function schedule(): Promise<void> {
    cancel();
    if (stopped) return;
    const next = await journey.store.runs.nextDeadline().catch(() => undefined);
    const delay =
      next === undefined ? LOOK_AGAIN_MS : Math.min(LOOK_AGAIN_MS, Math.max(50, next - journey.clock.now()));
    cancel();
    if (!stopped) cancel = journey.clock.after(delay, start);
  }

  function start(): void {
    pass = pass.then(look);
  }

  const unlisten = journey.changes.listen(() => {
    pass = pass.then(schedule);
  });
  start();

  return {
    async stop() {
      stopped = true;
      unlisten();
      cancel();
      await pass;
    },
  };
}
