/**
 * `kill -9` in each state of a run, while its next step is written and not yet committed. The states are those of the table itself, so a new one is in here or
 * does not compile. What is there afterwards: the run as it was, its deadline, its timeline, and the machine goes on with what it has in hand.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ManualClock } from '../../src/clock.ts';
import { ENDED_STATES, RUN_STATES, type RunState } from '../../src/runs/run.ts';
import { JOURNEY_STEPS, stepFrom, sweepOnce } from '../support/journey-steps.ts';
import { startParts } from '../support/parts.ts';
import type { Told } from '../support/step-until-killed.ts';

const A_YEAR = 365 * 24 * 3_600_000;
/** Only the end of a wait for what never comes. */
const TIMEOUT_MS = 170_000;
t.setTimeout(TIMEOUT_MS);
t.jobs = 2;
// Code that was read once is not read again by the ten that follow.
process.env.NODE_COMPILE_CACHE = mkdtempSync(join(tmpdir(), 'ironwake-kill-code-'));
t.teardown(() => rmSync(process.env.NODE_COMPILE_CACHE ?? '', { recursive: true, force: true }));

async function killIn(state: RunState, directory: string): Promise<Told> {
  const child = fork(new URL('../support/step-until-killed.ts', import.meta.url), [directory, state], {
    serialization: 'advanced',
  });
  const exited = once(child, 'exit');
  const told = await Promise.race([once(child, 'message'), exited]);
  child.kill('SIGKILL');
  const [code, signal] = await exited;
  if (signal !== 'SIGKILL') throw new Error(`the process ended with ${code ?? signal}, and was not killed`);
  return told[0] as Told;
}

/** The daemon's parts over what the killed ones left, at the moment at which they were killed. */
async function startAgain(t: Test, directory: string, { now, run, events }: Told) {
  const parts = await startParts({
    directory,
    databasePath: join(directory, 'ironwake.db'),
    instanceKey: KEY,
    clock: new ManualClock(now),
  });
  t.teardown(() => parts.close());
  const { store, clock } = parts.journey;
  t.strictSame(await store.runs.byId(run.id), run, 'the run is as it was: state, deadline and all else');
  const timeline = () => store.events.newestOf(run.nodeId, 1000);
  t.strictSame(await timeline(), events, 'and so is its timeline');
  const passTime = async (until: number): Promise<void> => {
    parts.clock.advance(until - clock.now());
    await sweepOnce(parts);
  };
  return { parts, timeline, passTime, now: () => store.runs.byId(run.id) };
}

const KEY = randomBytes(32);

for (const state of RUN_STATES) {
  t.test(`killed in ${state}`, { buffered: true, timeout: TIMEOUT_MS }, async (t) => {
    const directory = join(t.testdir(), 'data');
    mkdirSync(directory);
    writeFileSync(join(directory, 'key'), KEY);
    const told = await killIn(state, directory);
    const { run, events, held } = told;
    t.equal(events.filter(({ code }) => code === JOURNEY_STEPS[state].event).length, 1);
    const copy = `${directory}-copy`;
    cpSync(directory, copy, { recursive: true });

    const again = await startAgain(t, directory, told);
    const next = stepFrom(state);
    if (next === undefined) {
      await again.passTime(told.now + A_YEAR);
      t.ok(ENDED_STATES.has(state));
      t.strictSame(await again.now(), run, 'nothing leaves it');
      t.strictSame(await again.timeline(), events);
      return;
    }
    await again.passTime((run.deadlineAt ?? 0) - 1);
    t.strictSame(await again.now(), run, 'no deadline comes early');
    await next.take(again.parts, held);
    const moved = await again.now();
    t.equal(stepFrom(state), JOURNEY_STEPS[moved?.state as RunState], 'the machine goes on with what it has in hand');
    const timeline = await again.timeline();
    t.strictSame(timeline.slice(0, events.length), events, 'the timeline goes on where it was');
    t.equal(timeline.filter(({ code }) => code === next.event).length, 1, `${next.event}, and not twice`);

    const late = await startAgain(t, copy, told);
    await late.passTime((run.deadlineAt ?? 0) + 1);
    const after = await late.now();
    if (state === 'armed') t.match(after, { state: 'expired' });
    else t.equal(after?.data.stalledSince, late.parts.clock.now(), 'and none is lost');
  });
}
