/** A node as an administrator looks at it: state, timeline in words, and what it is waiting for. */
import type { Node } from '../nodes/node.ts';
import { describeEvent, type EventWords } from '../runs/events.ts';
import type { Run, StepReport } from '../runs/run.ts';
import { type Waiting, waitingOf } from '../runs/waiting.ts';
import type { Journey } from './journey.ts';
import type { MediaRecord, TimelineEvent } from './ports.ts';

export interface ShownEvent extends EventWords {
  readonly id: number;
  readonly at: number;
  readonly code: string;
  readonly runId: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface NodeView {
  readonly node: Node;
  readonly run: Run | undefined;
  readonly media: MediaRecord | undefined;
  readonly timeline: readonly ShownEvent[];
  readonly steps: readonly StepReport[];
  readonly waiting: Waiting | undefined;
}

/** Rows of a timeline that are shown at once, newest last. */
const TIMELINE_LIMIT = 500;

export async function viewNode(journey: Journey, node: Node): Promise<NodeView> {
  const run = await journey.store.runs.latestOf(node.id);
  const [media, events, steps] = await Promise.all([
    run === undefined ? undefined : journey.store.media.byId(run.mediaId),
    journey.store.events.ofNode(node.id, { limit: TIMELINE_LIMIT }),
    run === undefined ? [] : journey.store.runs.reports(run.id),
  ]);
  return { node, run, media, timeline: events.map(showEvent), steps, waiting: waitingOfMachine(run) };
}

/** A machine without a run under way waits for the administrator. */
function waitingOfMachine(run: Run | undefined): Waiting | undefined {
  if (run === undefined)
    return { for: 'an administrator to arm it', until: undefined, do: 'ironwake node install NAME' };
  return waitingOf(run);
}

export function showEvent(event: TimelineEvent): ShownEvent {
  return {
    id: event.id,
    at: event.at,
    code: event.code,
    runId: event.runId,
    data: event.data,
    ...describeEvent(event.code, event.data),
  };
}

/**
 * The random root password of the node's run, until it is ready: for a person at the console of a machine that did not come so far.
 * @returns undefined when there is none to read any more
 */
export async function rootPasswordOf(journey: Journey, node: Node): Promise<string | undefined> {
  const run = await journey.store.runs.latestOf(node.id);
  if (run === undefined || run.state === 'ready') return undefined;
  return journey.keys.unseal(`root-password ${run.id}`, run.data.sealedRootPassword);
}
