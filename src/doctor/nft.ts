/** The ruleset of nftables in its JSON form (`nft -j list ruleset`, libnftables-json(5)) -> chains that a packet from outside passes. Pure. */
import { type Ipv4, isIpv4 } from '../net/ipv4.ts';
import {
  type Answer,
  type BaseChain,
  type Effect,
  every,
  type InboundPacket,
  known,
  type Network,
  not,
  type Rule,
  sameInterface,
  some,
  type Verdict,
  within,
} from './packet-filter.ts';

type Json = Readonly<Record<string, unknown>>;
/** Elements of named sets and maps by `family table name`. */
type Sets = ReadonlyMap<string, readonly unknown[]>;

/** Chains of these hooks see every packet that comes to this host. `ingress` ones belong to one device. */
const HOOKS: ReadonlySet<unknown> = new Set(['prerouting', 'input', 'ingress']);
const FAMILIES: ReadonlySet<unknown> = new Set(['ip', 'inet', 'netdev']);
/** Statements that decide nothing. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  'counter',
  'log',
  'comment',
  'notrack',
  'mangle',
  'set',
  'ct helper',
  'flow',
  'dup',
]);

/**
 * @param skip tables (`ip filter`) that are judged elsewhere, because iptables made them and nft shows them incompletely
 * @throws SyntaxError when it is not JSON
 */
export function readNft(text: string, skip: ReadonlySet<string>, interfaceName: string): BaseChain[] {
  const { nftables } = JSON.parse(text) as { readonly nftables?: unknown };
  const objects = Array.isArray(nftables) ? nftables.filter(isObject) : [];
  const of = (kind: string) =>
    objects
      .map((object) => object[kind])
      .filter(isObject)
      .filter(({ family, table }) => FAMILIES.has(family) && !skip.has(`${family} ${table}`));

  const sets: Sets = new Map(
    [...of('set'), ...of('map')].map((set) => [`${set.family} ${set.table} ${set.name}`, listOf(set.elem)]),
  );
  const rules = new Map<string, Rule[]>();
  for (const rule of of('rule')) {
    const key = `${rule.family} ${rule.table} ${rule.chain}`;
    const list = rules.get(key) ?? [];
    list.push(ruleOf(rule, sets));
    rules.set(key, list);
  }
  const chains = of('chain');
  return chains
    .filter((chain) => HOOKS.has(chain.hook) && chain.type === 'filter')
    .filter((chain) => chain.dev === undefined || listOf(chain.dev).includes(interfaceName))
    .map((chain) => {
      const table = `${chain.family} ${chain.table}`;
      const siblings = chains.filter((other) => `${other.family} ${other.table}` === table);
      return {
        name: `${table} ${chain.name}`,
        policy: chain.policy === 'drop' ? 'drop' : 'accept',
        rules: rules.get(`${table} ${chain.name}`) ?? [],
        others: new Map(siblings.map(({ name }) => [String(name), rules.get(`${table} ${name}`) ?? []])),
      };
    });
}

function ruleOf(rule: Json, sets: Sets): Rule {
  const expressions = listOf(rule.expr).filter(isObject);
  const scope = `${rule.family} ${rule.table}`;
  return {
    text: `rule ${rule.handle} of ${scope} ${rule.chain}`,
    effects: (packet) => effectsOf(expressions, packet, (name) => sets.get(`${scope} ${name}`)),
  };
}

type FindSet = (name: string) => readonly unknown[] | undefined;

function effectsOf(expressions: readonly Json[], packet: InboundPacket, setOf: FindSet): readonly Effect[] {
  let answer: 'yes' | 'maybe' = 'yes';
  const take = (next: Answer): boolean => {
    if (next === 'maybe') answer = 'maybe';
    return next !== 'no';
  };
  for (const expression of expressions) {
    const verdict = verdictOf(expression);
    if (verdict !== undefined) return [{ answer, verdict }];
    const [kind, body] = Object.entries(expression)[0] ?? ['', undefined];
    if (kind === 'match' && isObject(body)) {
      if (!take(matchAnswer(body, packet, setOf))) return [];
    } else if (kind === 'vmap' && isObject(body)) {
      return mapped(body, packet, setOf, answer);
    } else if (kind === 'queue' || kind === 'tproxy' || kind === 'redirect') {
      return [{ answer: 'maybe', verdict: { kind: 'accept' } }];
    } else if (!TRANSPARENT.has(kind)) answer = 'maybe';
  }
  return [];
}

function verdictOf(expression: Json): Verdict | undefined {
  if ('accept' in expression) return { kind: 'accept' };
  if ('drop' in expression || 'reject' in expression) return { kind: 'drop' };
  if ('return' in expression) return { kind: 'return' };
  for (const kind of ['jump', 'goto'] as const) {
    const body = expression[kind];
    if (isObject(body)) return { kind, chain: String(body.target) };
  }
  return undefined;
}

function mapped(vmap: Json, packet: InboundPacket, setOf: FindSet, before: 'yes' | 'maybe'): readonly Effect[] {
  const effects: Effect[] = [];
  for (const pair of elementsOf(vmap.data, setOf) ?? []) {
    const [key, value] = listOf(pair);
    const verdict = isObject(value) ? verdictOf(value) : undefined;
    const matches = compare(vmap.key, key, packet, setOf);
    if (verdict === undefined || matches === 'no') continue;
    effects.push({ answer: before === 'yes' && matches === 'yes' ? 'yes' : 'maybe', verdict });
  }
  return effects;
}

function matchAnswer(match: Json, packet: InboundPacket, setOf: FindSet): Answer {
  const { left, op, right } = match;
  if (op !== '==' && op !== '!=' && op !== 'in') return 'maybe';
  // `udp dport != 69` speaks of UDP only: for other packets the rule does not hold, whatever the operator.
  if (ofOtherProtocol(left, packet)) return 'no';
  const answer = compare(left, right, packet, setOf);
  return op === '!=' ? not(answer) : answer;
}

function ofOtherProtocol(left: unknown, packet: InboundPacket): boolean {
  const payload = isObject(left) && isObject(left.payload) ? left.payload : undefined;
  const protocol = payload?.protocol;
  if (protocol === undefined || protocol === 'th' || protocol === 'ip' || protocol === 'ether') return false;
  return protocol !== packet.protocol;
}

function compare(left: unknown, right: unknown, packet: InboundPacket, setOf: FindSet): Answer {
  if (ofOtherProtocol(left, packet)) return 'no';
  const elements = elementsOf(right, setOf);
  if (elements !== undefined) return some(elements.map((element) => compare(left, element, packet, setOf)));
  if (isObject(right) && isObject(right.elem)) return compare(left, right.elem.val, packet, setOf);
  const value = valueIn(left, packet);
  if (value === undefined) return 'maybe';
  if (value.kind === 'network') return addressAnswer(value.network, right);
  if (value.kind === 'interface') return typeof right === 'string' ? known(sameInterface(value.name, right)) : 'maybe';
  if (isObject(right) && Array.isArray(right.range)) {
    const [low, high] = right.range as unknown[];
    return typeof low === 'number' && typeof high === 'number' && typeof value.word === 'number'
      ? known(value.word >= low && value.word <= high)
      : 'maybe';
  }
  return typeof right === 'string' || typeof right === 'number'
    ? known([value.word, ...value.alike].includes(right))
    : 'maybe';
}

/** A set (anonymous, named, or a bare list) as its elements; undefined for a single value or a set that is not in the listing. */
function elementsOf(right: unknown, setOf: FindSet): readonly unknown[] | undefined {
  if (Array.isArray(right)) return right;
  if (isObject(right) && 'set' in right) return listOf(right.set);
  return typeof right === 'string' && right.startsWith('@') ? setOf(right.slice(1)) : undefined;
}

type Value =
  | { readonly kind: 'word'; readonly word: string | number; readonly alike: ReadonlyArray<string | number> }
  | { readonly kind: 'interface'; readonly name: string }
  | { readonly kind: 'network'; readonly network: Network };

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;

/** What the packet has there, or undefined when that cannot be known. */
function valueIn(left: unknown, packet: InboundPacket): Value | undefined {
  const word = (value: string | number, ...alike: ReadonlyArray<string | number>): Value => ({
    kind: 'word',
    word: value,
    alike,
  });
  if (!isObject(left)) return undefined;
  const { ct, meta, payload } = left;
  if (isObject(meta)) {
    switch (meta.key) {
      case 'iif':
      case 'iifname':
        return { kind: 'interface', name: packet.interfaceName };
      case 'l4proto':
        return word(packet.protocol, PROTOCOL_NUMBERS[packet.protocol]);
      case 'nfproto':
        return word('ipv4', 2);
      case 'protocol':
        return word('ip', 0x0800);
      case 'pkttype':
        return word(packet.broadcast ? 'broadcast' : 'host', packet.broadcast ? 1 : 'unicast');
      default:
        return undefined;
    }
  }
  if (isObject(ct)) return ct.key === 'state' ? word('new') : undefined;
  if (!isObject(payload)) return undefined;
  if (payload.protocol === 'ip') {
    if (payload.field === 'protocol') return word(packet.protocol, PROTOCOL_NUMBERS[packet.protocol]);
    if (payload.field === 'version') return word(4);
    if (payload.field === 'saddr') return { kind: 'network', network: packet.from };
    return payload.field === 'daddr' ? { kind: 'network', network: packet.to } : undefined;
  }
  return payload.field === 'dport' ? word(packet.port) : undefined;
}

function addressAnswer(network: Network, right: unknown): Answer {
  const single = (base: unknown, prefixLength: number): Answer =>
    typeof base === 'string' && isIpv4(base) ? within(network, { base: base as Ipv4, prefixLength }) : 'maybe';
  if (typeof right === 'string') return single(right, 32);
  if (isObject(right) && isObject(right.prefix)) return single(right.prefix.addr, Number(right.prefix.len));
  if (!isObject(right) || !Array.isArray(right.range) || network.prefixLength !== 32) return 'maybe';
  const number = (text: unknown): number =>
    String(text)
      .split('.')
      .reduce((sum, part) => sum * 256 + Number(part), 0);
  const [low, high] = right.range as unknown[];
  return every([known(number(network.base) >= number(low)), known(number(network.base) <= number(high))]);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}
