/**
 * The sweep: one timer for the next deadline of all runs, taken from the store, so that a restart loses none. It looks again whenever
 * something was written, and sees to it that a clock that was set is noticed also when nothing else happens.
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
  const { clock, log } = journey;
  let cancel = (): void => {};
  let stopped = false;
  let pass: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    if (stopped) return;
    try {
      // Before anything is due: a clock that was set forward makes everything seem late.
      await journey.timekeeping.follow();
      for (const run of await journey.store.runs.due(clock.now(), BATCH)) {
        await observe(journey, run.id, { kind: 'deadline' });
      }
    } catch (error) {
      log.error({ err: messageOf(error) }, 'the sweep over deadlines failed; it tries again');
      await schedule(LOOK_AGAIN_MS / 12);
      return;
    }
    await schedule();
  }

  async function schedule(atLeastMs = 50): Promise<void> {
    cancel();
    if (stopped) return;
    const next = await journey.store.runs.nextDeadline().catch(() => undefined);
    const delay = next === undefined ? LOOK_AGAIN_MS : Math.min(LOOK_AGAIN_MS, Math.max(atLeastMs, next - clock.now()));
    cancel();
    if (!stopped) cancel = clock.after(delay, start);
  }

  function start(): void {
    pass = pass.then(look);
  }

  const unlisten = journey.changes.listen(() => {
    pass = pass.then(() => schedule());
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
