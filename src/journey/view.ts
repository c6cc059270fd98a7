/** A node as an administrator looks at it: the node, its newest run and its timeline. The words are the contract's business (api/views). */
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import type { TimelineEvent } from './ports.ts';

/** Rows of a timeline that are shown at once: the newest ones. */
const TIMELINE_LIMIT = 500;

export interface NodePicture {
  readonly node: Node;
  /** The newest run, ended or not. */
  readonly run: Run | undefined;
  /** Oldest first. */
  readonly timeline: readonly TimelineEvent[];
}

export async function viewNode(journey: Journey, node: Node): Promise<NodePicture> {
  const [run, timeline] = await Promise.all([
    journey.store.runs.latestOf(node.id),
    journey.store.events.newestOf(node.id, TIMELINE_LIMIT),
  ]);
  return { node, run, timeline };
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
