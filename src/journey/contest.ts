/** A token in the wrong hands. */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';
import { type Refusal, refuse } from './refusal.ts';

/** A valid token from a machine that is not the node's: somebody listened. The run is contested, and the caller learns nothing. */
export async function contestAndRefuse(
  journey: Journey,
  holder: { readonly node: Node; readonly run: Run },
  what: string,
  address: Ipv4,
): Promise<Refusal> {
  if (!holder.run.contested)
    await observe(journey, holder.run.id, { kind: 'contest', reason: 'another-source', address });
  return refuse(journey, 'another-source', what, address, holder);
}
