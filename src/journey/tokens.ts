/** From the token in a URL to the run that it opens. */
import type { Node } from '../nodes/node.ts';
import type { Run, TokenStep } from '../runs/run.ts';
import { checkStepToken, makeStepToken, readStepToken } from '../trust/step-token.ts';
import type { Journey } from './journey.ts';

export interface TokenHolder {
  readonly node: Node;
  readonly run: Run;
}

/** The run of a valid token for `step`, or undefined: unknown run, another step, an old generation, or simply made up. */
export async function holderOf(journey: Journey, token: string, step: TokenStep): Promise<TokenHolder | undefined> {
  const claimed = readStepToken(token);
  if (claimed === undefined) return undefined;
  const run = await journey.store.runs.byId(claimed.runId);
  if (run === undefined) return undefined;
  if (!checkStepToken(journey.keys.instance, claimed, { runId: run.id, step, generation: run.generation }))
    return undefined;
  const node = await journey.store.nodes.byId(run.nodeId);
  return node === undefined ? undefined : { node, run };
}

export function tokenOf(journey: Journey, run: Pick<Run, 'id' | 'generation'>, step: TokenStep): string {
  return makeStepToken(journey.keys.instance, { runId: run.id, step, generation: run.generation });
}
