/** A node as the API shows it, with its newest run and its timeline. */
import type { NodeView } from '../api/schemas.ts';
import { nodeView, type RunContext } from '../api/views.ts';
import { hostKeyFingerprint } from '../journey/access.ts';
import type { Journey } from '../journey/journey.ts';
import { viewNode } from '../journey/view.ts';
import type { Node } from '../nodes/node.ts';

/** What the view of a run needs beside the run. */
export const CONTEXT: RunContext = { fingerprintOf: hostKeyFingerprint };

/** As it is now: after a change `node` is what it was before. */
export async function nodeViewOf(journey: Journey, node: Node): Promise<NodeView> {
  const current = (await journey.store.nodes.byId(node.id)) ?? node;
  return nodeView(await viewNode(journey, current), CONTEXT);
}
