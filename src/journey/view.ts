/** A node as an administrator looks at it: the node, its newest run and its timeline. The words are the contract's business (api/views). */
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import type { TimelineEvent } from './ports.ts';

/** Rows of a timeline that are shown at once: the newest ones. */
const TIMELINE_LIMIT = 500;
/** Beside them, from before: what happened to the machine and its runs, so that forged packets push no alarm out of sight. */
const LANDMARK_LIMIT = 200;

export interface NodePicture {
  readonly node: Node;
  /** Name of the rule that registered it, if that is still there. */
  readonly rule: string | undefined;
  /** The newest run, ended or not. */
  readonly run: Run | undefined;
  /** Oldest first. */
  readonly timeline: readonly TimelineEvent[];
}

export async function viewNode(journey: Journey, node: Node): Promise<NodePicture> {
  const { runs, events } = journey.store;
  const [rule, run, newest, landmarks] = await Promise.all([
    ruleOfNode(journey, node),
    runs.latestOf(node.id),
    events.newestOf(node.id, TIMELINE_LIMIT),
    events.landmarksOf(node.id, LANDMARK_LIMIT),
  ]);
  const from = newest[0]?.id ?? 0;
  return { node, rule, run, timeline: [...landmarks.filter(({ id }) => id < from), ...newest] };
}

/** Name of the rule that registered a node; undefined when a person did, or when the rule is gone. */
export async function ruleOfNode({ store }: Pick<Journey, 'store'>, { ruleId }: Node): Promise<string | undefined> {
  return ruleId === undefined ? undefined : (await store.rules.namesOf([ruleId])).get(ruleId);
}
