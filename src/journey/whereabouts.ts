/** Where a request comes from, checked against the node that it claims to be. */
import { type Ipv4, inNetwork } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import type { Source } from '../runs/observation.ts';
import type { Journey } from './journey.ts';

/** A peer of one of our servers: its address and the segment on which it reached us. */
export interface Caller {
  readonly address: Ipv4;
  readonly segment: Segment;
}

/**
 * Source binding: on our own network the kernel's neighbour entry of the address must be a MAC of the node. Through a router the MAC cannot
 * be seen; such a source is "unbound" and is let through, and the timeline says so.
 * @returns undefined when another machine (or nobody) stands behind the address
 */
export async function sourceOf(journey: Journey, caller: Caller, node: Node): Promise<Source | undefined> {
  const { address, segment } = caller;
  if (!isLocal(caller)) return { address, interfaceName: segment.interfaceName, mac: undefined };
  const mac = await journey.neighbours.macOf(address, segment.interfaceName);
  if (mac === undefined || !node.macs.includes(mac)) return undefined;
  return { address, interfaceName: segment.interfaceName, mac };
}

export function isLocal(caller: Caller): boolean {
  return inNetwork(caller.address, caller.segment.address, caller.segment.prefixLength);
}
