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
  const home = homeOf(journey, caller);
  const mac = home === undefined ? undefined : await journey.neighbours.macOf(address, home.interfaceName);
  const known = mac !== undefined && node.macs.includes(mac);
  switch (placeOf(caller, home)) {
    case 'own-network':
      return known ? { address, interfaceName: segment.interfaceName, mac } : undefined;
    case 'routed':
      return proved || run?.data.relayed === true
        ? { address, interfaceName: segment.interfaceName, mac: undefined }
        : undefined;
    case 'other-network':
      // An installed node may have its address on another network of ours than the one that it was installed from.
      return proved && known
        ? { address, interfaceName: home?.interfaceName ?? segment.interfaceName, mac }
        : undefined;
  }
}

/**
 * `own-network`: the address lies in the network of the segment that was called. `other-network`: it lies in that of another segment of ours, so
 * the caller went around the neighbour check by calling an address of ours that is not on its own network (this host answers there all the
 * same). `routed`: none of our networks.
 */
function placeOf({ segment }: Caller, home: Segment | undefined): 'own-network' | 'other-network' | 'routed' {
  if (home === undefined) return 'routed';
  return home === segment ? 'own-network' : 'other-network';
}

/** The segment in whose network the caller's address lies; the one that was called goes first. */
function homeOf(journey: Journey, caller: Caller): Segment | undefined {
  const inside = ({ address, prefixLength }: Segment): boolean => inNetwork(caller.address, address, prefixLength);
  return inside(caller.segment) ? caller.segment : journey.segments().find(inside);
}
