/** The profile of one node as it is at this moment: tags, values and templates worked in, with the numbers that the node holds of its pools. */
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { isMap } from '../profiles/merge.ts';
import { heldNumbers, namedAddresses, neededPools, profileForNode, renderProfile } from '../profiles/node-profile.ts';
import { ADDRESS_SCOPE, addressNumberOf, type Pool } from '../profiles/pools.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { Journey } from './journey.ts';
import type { ClaimRequest, Repositories } from './ports.ts';

/** A number of a pool or counter that the node holds, or would get. */
export interface Holding {
  readonly kind: Pool['kind'];
  readonly name: string;
  /** As templates print it. */
  readonly value: string;
  readonly number: number;
  /** The node did not hold it before this look. */
  readonly fresh: boolean;
}

export interface NodeProfile {
  readonly profile: ResolvedProfile;
  readonly holdings: readonly Holding[];
}

/**
 * @param avoid addresses, as numbers, that no pool may give
 * @param how `take`: the node holds the numbers from now on. `look`: what it would get, nothing is taken
 * @throws ProfileError (`profile.*`) and IronwakeError `node.values`, `profile.unknown`, `pool.exhausted`, `pool.address-taken`
 */
export async function nodeProfileOf(
  journey: Journey,
  repositories: Pick<Repositories, 'nodes' | 'claims'>,
  node: Node,
  how: 'take' | 'look',
  avoid: readonly number[] = [],
): Promise<NodeProfile> {
  const { profiles, clock } = journey;
  const merged = profileForNode(profiles.require(node.profile), (name) => profiles.tag(name), node);
  const pools = neededPools(merged);
  const inUse = pools.some(({ kind }) => kind === 'pool') ? [...addressesInUse(journey, merged), ...avoid] : [];
  const before = pools.length === 0 ? [] : await repositories.claims.ofNode(node.id);
  const held: Array<{ readonly pool: Pool; readonly number: number }> = [];
  for (const pool of pools) {
    const { name, scope, from, to } = pool;
    const except = pool.kind === 'pool' ? [...pool.except, ...inUse] : pool.except;
    const request: ClaimRequest = { nodeId: node.id, scope, pool: name, from, to, except, at: clock.now() };
    const number = await repositories.claims[how === 'take' ? 'take' : 'peek'](request);
    if (number === undefined) throw exhausted(pool, node, pool.kind === 'pool' ? avoid.length : 0);
    held.push({ pool, number });
  }
  const profile = renderProfile(merged, node, heldNumbers(held));
  if (how === 'take') await refuseHeldAddress(repositories, node, profile);
  return {
    profile,
    holdings: held.map(({ pool, number }) => ({
      kind: pool.kind,
      name: pool.name,
      value: pool.print(number),
      number,
      fresh: !before.some((claim) => claim.scope === pool.scope && claim.number === number),
    })),
  };
}

/**
 * A fixed address that a pool has given to another node already.
 * @throws IronwakeError `pool.address-taken`
 */
async function refuseHeldAddress(
  { nodes, claims }: Pick<Repositories, 'nodes' | 'claims'>,
  node: Node,
  { answer }: ResolvedProfile,
): Promise<void> {
  const cidr = cidrIn(answer.network);
  const number = addressNumberOf(cidr);
  const holder = number === undefined ? undefined : await claims.holderOf(ADDRESS_SCOPE, number);
  if (holder === undefined || holder === node.id) return;
  const other = (await nodes.byId(holder))?.fqdn ?? holder;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'pool.address-taken',
    field: 'answer.network.cidr',
    message: `${cidr} of ${node.fqdn} is the address that ${other} has from a pool`,
    remedy: `Give another address, or remove the other node first: npx ironwake node rm ${other}.`,
  });
}

function exhausted({ kind, name, from, to, print }: Pool, node: Node, answering: number): IronwakeError {
  const what = kind === 'pool' ? 'address' : 'number';
  return new IronwakeError({
    kind: 'conflict',
    code: 'pool.exhausted',
    field: `${kind}s.${name}`,
    message: `${kind} '${name}' (${print(from)} to ${print(to)}) has no free ${what} for ${node.fqdn}${answering === 0 ? '' : `; ${answering} that no node holds are in use on the network`}`,
    remedy: 'Make its range larger in the profile, or remove nodes that are gone: npx ironwake node rm.',
  });
}

/** Addresses that a pool must not give: our own, and those that the profile itself names. Static ones of other nodes the store leaves out. */
function addressesInUse(journey: Journey, profile: ResolvedProfile): number[] {
  const own = journey.segments().map(({ address }) => addressNumberOf(address));
  return [...namedAddresses(profile), ...own.filter((number) => number !== undefined)];
}

function cidrIn(network: unknown): unknown {
  return isMap(network) ? network.cidr : undefined;
}
