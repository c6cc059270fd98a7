/** Where a request comes from, checked against the node that it claims to be. */
import { type Ipv4, inNetwork } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import type { Source } from '../runs/observation.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';

/** A peer of one of our servers: its address and the segment on which it reached us. */
export interface Caller {
  readonly address: Ipv4;
  readonly segment: Segment;
}

/**
 * Source binding: on our own network the kernel's neighbour entry of the address must be a MAC of the node. A machine behind a router has no
 * neighbour entry that could be looked at; it is let through ("unbound", and the timeline says so) only when its firmware's own request came to
 * us through a relay. Else anybody with a route to us could call himself a machine whose MAC he knows.
 * @param run the run in question, where there is one
 * @param proved true for requests that prove themselves by the node's host key or credential: an installed node may live on another network
 * @returns undefined when another machine (or nobody) stands behind the address
 */
export async function sourceOf(
  journey: Journey,
  caller: Caller,
  node: Node,
  run: Run | undefined,
  proved = false,
): Promise<Source | undefined> {
  const { address, segment } = caller;
  switch (placeOf(journey, caller)) {
    case 'own-network': {
      const mac = await journey.neighbours.macOf(address, segment.interfaceName);
      if (mac === undefined || !node.macs.includes(mac)) return undefined;
      return { address, interfaceName: segment.interfaceName, mac };
    }
    case 'routed':
      return proved || run?.data.relayed === true
        ? { address, interfaceName: segment.interfaceName, mac: undefined }
        : undefined;
    case 'other-network':
      return undefined;
  }
}

/**
 * `own-network`: the address lies in the network of the segment that was called. `other-network`: it lies in that of another segment of ours, so
 * the caller went around the neighbour check by calling an address of ours that is not on its own network (this host answers there all the
 * same). `routed`: none of our networks.
 */
export function placeOf(journey: Journey, caller: Caller): 'own-network' | 'other-network' | 'routed' {
  const inside = ({ address, prefixLength }: Segment): boolean => inNetwork(caller.address, address, prefixLength);
  if (inside(caller.segment)) return 'own-network';
  return journey.segments().some(inside) ? 'other-network' : 'routed';
}
