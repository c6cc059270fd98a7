/**
 * Install policy `always`: a machine whose last installation was ready is armed again when it netboots. What keeps it from installing itself in a circle
 * stands here.
 */
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { ENDED_STATES, type Run } from '../runs/run.ts';
import { armNode } from './arm.ts';
import type { Journey } from './journey.ts';
import { appendEvent } from './observe.ts';

/** A machine that restarts by itself right after its installation (a watchdog, a crash) boots its disk. */
export const PAUSE_AFTER_READY_MS = 5 * 60_000;
/** One that goes on restarting is left alone after so many installations in a day. */
export const REARMED_A_DAY = 12;
const DAY_MS = 86_400_000;
const TRY_EVERY_MS = 10_000;
const SAY_EVERY_MS = 10 * 60_000;

/**
 * Arms the node again if its policy wants it and nothing is in the way. The first installation is armed by a person or a rule, and so is the one after
 * an installation that failed, was cancelled, or expired though a person had armed it: those say that somebody must look.
 * @returns the new run, or undefined
 */
export async function rearm(journey: Journey, node: Node): Promise<Run | undefined> {
  if (node.installPolicy !== 'always' || node.protected || node.archivedAt !== undefined) return undefined;
  const now = journey.clock.now();
  const runs = await journey.store.runs.listOf(node.id, REARMED_A_DAY + 1);
  const last = runs[0];
  if (last === undefined || !ENDED_STATES.has(last.state) || !mayFollow(last, now)) return undefined;
  if (!journey.throttle.passes(`rearm ${node.id}`, TRY_EVERY_MS)) return undefined;
  const today = runs.filter((run) => run.data.armedBy === 'policy' && run.armedAt > now - DAY_MS);
  if (today.length >= REARMED_A_DAY) {
    const message = `it was installed ${today.length} times within a day`;
    await say(journey, node, message, `Find out why it restarts. To go on: npx ironwake node install ${node.fqdn}`);
    return undefined;
  }
  try {
    const run = await armNode(journey, node, { by: 'its install policy', armedBy: 'policy' });
    await appendEvent(journey, { code: 'node.rearmed', data: {} }, node, run);
    return run;
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    // Another packet of the same machine was faster.
    if (error.code !== 'run.active') await say(journey, node, error.message, error.remedy);
    return undefined;
  }
}

function mayFollow(last: Run, now: number): boolean {
  if (last.contested) return false;
  if (last.state === 'ready') return now - (last.endedAt ?? now) >= PAUSE_AFTER_READY_MS;
  // Nothing was written to its disk.
  return last.state === 'expired' && last.data.armedBy === 'policy';
}

async function say(journey: Journey, node: Node, message: string, remedy: string): Promise<void> {
  if (!journey.throttle.passes(`not rearmed ${node.id}`, SAY_EVERY_MS)) return;
  await appendEvent(journey, { code: 'node.not-rearmed', data: { message, remedy } }, node, undefined);
}
