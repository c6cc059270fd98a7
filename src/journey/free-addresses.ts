/**
 * Addresses of pools are tried on the network before a node gets them: one that answers belongs to somebody whom the registry does not know. The
 * look-up waits for the network, so it happens before the transaction that takes the address, and once more when another node was faster.
 */
import { type Ipv4, inNetwork } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import { numberToAddress } from '../profiles/pools.ts';
import type { Journey } from './journey.ts';
import { type Holding, nodeProfileOf } from './node-profile.ts';
import type { NewEvent } from './ports.ts';

export interface AddressCheck {
  /** Addresses, as numbers, that answered: no pool may give them now. */
  readonly avoid: readonly number[];
  /** @throws TriedTooLate when one of them has not been tried; the caller's transaction ends with it, and all is done again */
  accept(holdings: readonly Holding[]): void;
  /** What a person should know of these addresses. */
  warnings(node: Node, holdings: readonly Holding[]): readonly NewEvent[];
}

/** For changes that take no address. */
export const NOTHING_TO_TRY: AddressCheck = { avoid: [], accept: () => {}, warnings: () => [] };

/** So many addresses in a row that strangers use: this pool is not ours. */
const ATTEMPTS = 16;

class TriedTooLate extends Error {}

/**
 * Does `work`, a transaction that takes the node's addresses of pools, when those that it will get have been tried.
 * @throws what `nodeProfileOf` and `work` throw; `pool.exhausted` when everything that is free answers
 */
export async function withFreeAddresses<T>(
  journey: Journey,
  node: Node,
  work: (check: AddressCheck) => Promise<T>,
): Promise<T> {
  const tried = new Set<number>();
  const answering = new Map<number, Mac>();
  for (let attempt = 0; ; attempt += 1) {
    await tryAddresses(journey, node, tried, answering);
    try {
      return await work(checkOf(journey, tried, answering));
    } catch (error) {
      if (!(error instanceof TriedTooLate) || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function tryAddresses(
  journey: Journey,
  node: Node,
  tried: Set<number>,
  answering: Map<number, Mac>,
): Promise<void> {
  if (Object.keys(journey.profiles.require(node.profile).pools).length === 0) return;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { holdings } = await nodeProfileOf(journey, journey.store, node, 'look', [...answering.keys()]);
    const fresh = addressesOf(holdings).filter(({ number }) => !tried.has(number));
    if (fresh.length === 0) return;
    for (const { number, value } of fresh) {
      tried.add(number);
      const mac = await holderOf(journey, value as Ipv4);
      if (mac !== undefined && !node.macs.includes(mac)) answering.set(number, mac);
    }
  }
}

/** Of pools, and not held by the node before. */
function addressesOf(holdings: readonly Holding[]): readonly Holding[] {
  return holdings.filter(({ kind, fresh }) => kind === 'pool' && fresh);
}

/** Whose address it is, as far as our own networks tell; undefined elsewhere. */
async function holderOf(journey: Journey, address: Ipv4): Promise<Mac | undefined> {
  const home = homeOf(journey, address);
  return home === undefined ? undefined : journey.neighbours.ask(address, home.interfaceName);
}

/** The network of ours in which it can be asked for. */
function homeOf(journey: Journey, address: Ipv4): Segment | undefined {
  return journey.segments().find((segment) => inNetwork(address, segment.address, segment.prefixLength));
}

function checkOf(journey: Journey, tried: ReadonlySet<number>, answering: ReadonlyMap<number, Mac>): AddressCheck {
  return {
    avoid: [...answering.keys()],
    accept(holdings) {
      if (addressesOf(holdings).some(({ number }) => !tried.has(number))) throw new TriedTooLate();
    },
    warnings(node, holdings) {
      const row = { at: journey.clock.now(), mac: node.macs[0], nodeId: node.id, runId: undefined };
      const inUse = [...answering].map(([number, mac]) => ({
        ...row,
        code: 'pool.address-answers' as const,
        data: { address: numberToAddress(number), mac },
      }));
      const leased = addressesOf(holdings).flatMap(({ name, value }) => {
        const range = journey.leases.rangeAround(value as Ipv4);
        return range === undefined
          ? []
          : [{ ...row, code: 'pool.address-in-dhcp-range' as const, data: { address: value, pool: name, ...range } }];
      });
      return [...inUse, ...leased];
    },
  };
}

/** Questions to the network at once: each waits up to half a second for somebody who is not there. */
const QUESTIONS = 32;

/**
 * The same for many nodes in one transaction: tried are the addresses that it took; when one of them answers, or is new, all is done again.
 * @param own MACs that may answer: those of the nodes themselves
 * @param work must end with `settled`, inside its transaction
 */
export async function addressesOfAll<T>(
  journey: Journey,
  own: ReadonlySet<Mac>,
  work: (check: AddressCheck, settled: () => void) => Promise<T>,
): Promise<T> {
  const tried = new Set<number>();
  const answering = new Map<number, Mac>();
  for (let attempt = 0; ; attempt += 1) {
    const wanted = new Map<number, Ipv4>();
    const check: AddressCheck = {
      ...checkOf(journey, tried, answering),
      accept(holdings) {
        for (const { number, value } of addressesOf(holdings))
          if (!tried.has(number) && homeOf(journey, value as Ipv4) !== undefined) wanted.set(number, value as Ipv4);
      },
    };
    try {
      return await work(check, () => {
        if (wanted.size > 0) throw new TriedTooLate();
      });
    } catch (error) {
      if (!(error instanceof TriedTooLate) || attempt >= ATTEMPTS) throw error;
    }
    const questions = [...wanted];
    await Promise.all(
      Array.from({ length: QUESTIONS }, async () => {
        for (let next = questions.pop(); next !== undefined; next = questions.pop()) {
          const [number, value] = next;
          tried.add(number);
          const mac = await holderOf(journey, value);
          if (mac !== undefined && !own.has(mac)) answering.set(number, mac);
        }
      }),
    );
  }
}
