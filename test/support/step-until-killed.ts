/**
 * Takes one machine to a state, and begins the next step: `node step-until-killed.ts DIRECTORY STATE`. When that step's rows are written and not yet
 * committed (in a state that nothing leaves: at once) it says what a reader of the database sees, as a message, and waits to be killed.
 */
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { Store, TimelineEvent } from '../../src/journey/ports.ts';
import type { Run, RunState } from '../../src/runs/run.ts';
import { type Held, stepFrom, stepsTo } from './journey-steps.ts';
import { startParts } from './parts.ts';

export interface Told {
  readonly now: number;
  readonly run: Run;
  readonly events: readonly TimelineEvent[];
  readonly held: Held;
}

const [directory = '', state = ''] = process.argv.slice(2);
let told: Told | undefined;
// Should the test end, nobody kills this process.
process.once('disconnect', () => process.exit(0));

/** Once it is told what is in it, no transaction that changes a run comes to its end. */
const withoutEnd = (store: Store): Store => ({
  ...store,
  transaction: (work) =>
    store.transaction(async (repositories) => {
      let changed = false;
      const { runs } = repositories;
      const update: typeof runs.update = async (...args) => {
        changed = told !== undefined;
        return runs.update(...args);
      };
      const done = await work({ ...repositories, runs: { ...runs, update } });
      if (!changed) return done;
      process.send?.(told);
      return new Promise<never>(() => {});
    }),
});

// It will not come to its end.
flushCompileCache();
const parts = await startParts({
  directory,
  databasePath: join(directory, 'ironwake.db'),
  instanceKey: readFileSync(join(directory, 'key')),
  throughStore: withoutEnd,
});
let held: Held = {};
for (const step of stepsTo(state as RunState)) held = await step.take(parts, held);
const { runs, events } = parts.journey.store;
const run = await runs.byId(held.runId ?? '');
if (run?.state !== state) throw new Error(`the run is ${run?.state}, not ${state}`);
told = { now: parts.clock.now(), run, events: await events.newestOf(run.nodeId, 1000), held };
const next = stepFrom(run.state);
if (next === undefined) process.send?.(told);
else {
  await next.take(parts, held);
  throw new Error(`the step after ${state} ended without a change of the run`);
}
