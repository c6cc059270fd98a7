/**
 * What a packet filter does with a machine's packet: a walk over its chains with three answers, because some conditions (rate limits, marks,
 * foreign extensions) cannot be told from outside. Pure; nft.ts and iptables.ts translate into these rules.
 */
import { type Ipv4, inNetwork } from '../net/ipv4.ts';

export type Answer = 'yes' | 'no' | 'maybe';

/** A range of addresses: `255.255.255.255/32`, or the whole network that machines send from. */
export interface Network {
  readonly base: Ipv4;
  readonly prefixLength: number;
}

/** The first packet of a machine's exchange with us. */
export interface InboundPacket {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly interfaceName: string;
  readonly from: Network;
  readonly to: Network;
  readonly broadcast: boolean;
}

export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string };

/** What a rule may do with a packet; `no` is left out, an empty list means that it does not concern it. */
export type Effect = { readonly answer: 'yes' | 'maybe'; readonly verdict: Verdict };

export interface Rule {
  /** For people: `inet filter input: udp dport 69 drop`. */
  readonly text: string;
  effects(packet: InboundPacket): readonly Effect[];
}

export interface BaseChain {
  readonly name: string;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
  /** Chains that rules may jump to, by name. */
  readonly others: ReadonlyMap<string, readonly Rule[]>;
}

/** By which rule (or policy) a packet may be accepted and dropped; both are set when it depends on what we cannot see. */
export interface Fate {
  readonly accept: string | undefined;
  readonly drop: string | undefined;
}

interface Outcome {
  accept: string | undefined;
  drop: string | undefined;
  /** The end of the chain, or a `return`, can be reached. */
  falls: boolean;
}

/** The kernel allows 16 levels of jumps. */
const MAX_DEPTH = 16;

export function fateOf(chain: BaseChain, packet: InboundPacket): Fate {
  const outcome = walk(chain.rules, chain.others, packet, 0);
  if (outcome.falls) outcome[chain.policy] ??= `the policy of ${chain.name}`;
  return { accept: outcome.accept, drop: outcome.drop };
}

function walk(rules: readonly Rule[], others: BaseChain['others'], packet: InboundPacket, depth: number): Outcome {
  const outcome: Outcome = { accept: undefined, drop: undefined, falls: false };
  for (const rule of rules) {
    for (const { answer, verdict } of rule.effects(packet)) {
      let ends = answer === 'yes';
      if (verdict.kind === 'accept' || verdict.kind === 'drop') outcome[verdict.kind] ??= rule.text;
      else if (verdict.kind === 'return') outcome.falls = true;
      else {
        const target = others.get(verdict.chain);
        const inner: Outcome =
          target === undefined || depth === MAX_DEPTH
            ? { accept: undefined, drop: undefined, falls: true }
            : walk(target, others, packet, depth + 1);
        outcome.accept ??= inner.accept;
        outcome.drop ??= inner.drop;
        // After a goto the caller is not come back to: its end is this chain's end.
        if (verdict.kind === 'goto') outcome.falls ||= inner.falls;
        else if (inner.falls) ends = false;
      }
      if (ends) return outcome;
    }
  }
  outcome.falls = true;
  return outcome;
}

export function not(answer: Answer): Answer {
  return answer === 'yes' ? 'no' : answer === 'no' ? 'yes' : 'maybe';
}

/** True of all (`no` wins), in the sense of conditions in one rule. */
export function every(answers: readonly Answer[]): Answer {
  if (answers.includes('no')) return 'no';
  return answers.includes('maybe') ? 'maybe' : 'yes';
}

/** True of one at least. */
export function some(answers: readonly Answer[]): Answer {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('maybe') ? 'maybe' : 'no';
}

export function known(condition: boolean): Answer {
  return condition ? 'yes' : 'no';
}

/** Whether all, none or some addresses of `these` lie in `wanted`. */
export function within(these: Network, wanted: Network): Answer {
  if (these.prefixLength >= wanted.prefixLength) return known(inNetwork(these.base, wanted.base, wanted.prefixLength));
  return inNetwork(wanted.base, these.base, these.prefixLength) ? 'maybe' : 'no';
}

/** `eno1` against a pattern of nft (`en*`) or iptables (`en+`). */
export function sameInterface(name: string, pattern: string): boolean {
  return /[*+]$/.test(pattern) ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
