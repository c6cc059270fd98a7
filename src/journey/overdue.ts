/** A run whose time is over, before anybody has looked. */
import type { Node } from '../nodes/node.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';

/** What the sweep would do in a moment: a run whose time is over, and that nobody has looked at since, must not stand in the way of the next. */
export async function endOverdue(journey: Journey, node: Node): Promise<void> {
  await journey.timekeeping.follow();
  const run = await journey.store.runs.activeOf(node.id);
  if (run?.deadlineAt === undefined || run.deadlineAt > journey.clock.now()) return;
  await observe(journey, run.id, { kind: 'deadline' });
}
