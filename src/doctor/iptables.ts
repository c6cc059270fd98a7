/** The output of `iptables-save` (iptables-save(8), iptables-extensions(8)) -> chains that a packet from outside passes. Pure. */
import { type Ipv4, isIpv4 } from '../net/ipv4.ts';
import {
  type Answer,
  type BaseChain,
  type Effect,
  every,
  type InboundPacket,
  known,
  not,
  type Rule,
  sameInterface,
  some,
  within,
} from './packet-filter.ts';

/** Chains that see every packet to this host; `nat` decides about addresses only. */
const HOOKS = ['PREROUTING', 'INPUT'];

/** Names of the tables in a listing: `filter`, `raw`. */
export function tablesOf(text: string): readonly string[] {
  return [...text.matchAll(/^\*(\S+)$/gm)].map((match) => match[1] ?? '');
}

export function readIptables(text: string): BaseChain[] {
  const bases: BaseChain[] = [];
  for (const section of text.split(/^\*/m).slice(1)) {
    const [table = '', ...lines] = section.split('\n');
    if (table.trim() === 'nat') continue;
    const policies = new Map<string, string>();
    const rules = new Map<string, Rule[]>();
    for (const line of lines) {
      const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
      if (chain !== undefined && policy !== undefined) {
        policies.set(chain, policy);
        rules.set(chain, []);
      }
      const [, target] = /^-A (\S+)/.exec(line) ?? [];
      if (target !== undefined) rules.get(target)?.push(ruleOf(line, table.trim()));
    }
    for (const name of HOOKS) {
      const own = rules.get(name);
      if (own === undefined) continue;
      const policy = policies.get(name) === 'DROP' ? 'drop' : 'accept';
      bases.push({ name: `iptables ${table.trim()} ${name}`, policy, rules: own, others: rules });
    }
  }
  return bases;
}

function ruleOf(line: string, table: string): Rule {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
  return {
    text: `iptables ${table}: ${line.replace(/^-A /, '')}`,
    effects: (packet) => effectsOf(words.slice(2), packet),
  };
}

type Test = (packet: InboundPacket, value: string) => Answer;

const ports: Test = ({ port }, value) =>
  some(
    value.split(',').map((part) => {
      const [low, high = low] = part.split(':').map(Number);
      if (low === undefined || high === undefined || Number.isNaN(low) || Number.isNaN(high)) return 'maybe';
      return known(port >= low && port <= high);
    }),
  );
const states: Test = (_, value) => known(value.split(',').includes('NEW'));
const address =
  (side: 'from' | 'to'): Test =>
  (packet, value) => {
    const [base = '', length] = value.split('/');
    const prefixLength = length === undefined ? 32 : isIpv4(length) ? prefixOf(length) : Number(length);
    return isIpv4(base) ? within(packet[side], { base, prefixLength }) : 'maybe';
  };

function prefixOf(mask: Ipv4): number {
  return mask.split('.').reduce((bits, part) => bits + Number(part).toString(2).replaceAll('0', '').length, 0);
}

/** Conditions with one value. */
const TESTS: Readonly<Record<string, Test>> = {
  '-i': ({ interfaceName }, value) => known(sameInterface(interfaceName, value)),
  '-p': ({ protocol }, value) => known(value === 'all' || value === protocol),
  '-s': address('from'),
  '-d': address('to'),
  '--dport': ports,
  '--dports': ports,
  '--state': states,
  '--ctstate': states,
  '--pkt-type': ({ broadcast }, value) => known(value === (broadcast ? 'broadcast' : 'unicast')),
  '--dst-type': ({ broadcast }, value) => known(value === (broadcast ? 'BROADCAST' : 'LOCAL')),
};
/** Options with one value that ask for nothing. */
const NEUTRAL: ReadonlySet<string> = new Set(['-m', '--comment', '--reject-with', '--log-prefix', '--log-level']);
/** Targets after which the next rule is looked at. */
const PASSING: ReadonlySet<string> = new Set(['LOG', 'NFLOG', 'MARK', 'CT', 'CONNMARK', 'TCPMSS', 'TRACE', 'NOTRACK']);

function effectsOf(words: readonly string[], packet: InboundPacket): readonly Effect[] {
  const answers: Answer[] = [];
  for (let at = 0; at < words.length; at += 1) {
    let word = words[at] ?? '';
    const negated = word === '!';
    if (negated) {
      at += 1;
      word = words[at] ?? '';
    }
    const value = words[at + 1] ?? '';
    if (word === '-j' || word === '-g') {
      const answer = every(answers);
      return answer === 'no' ? [] : verdictsOf(word, value, answer);
    }
    const test = TESTS[word];
    if (test !== undefined) {
      const answer = test(packet, value);
      answers.push(negated ? not(answer) : answer);
      at += 1;
    } else if (NEUTRAL.has(word)) at += 1;
    // An extension that we do not read: it may hold or not.
    else if (word.startsWith('-')) answers.push('maybe');
  }
  return [];
}

function verdictsOf(option: '-j' | '-g', target: string, answer: 'yes' | 'maybe'): readonly Effect[] {
  if (target === 'ACCEPT') return [{ answer, verdict: { kind: 'accept' } }];
  if (target === 'DROP' || target === 'REJECT') return [{ answer, verdict: { kind: 'drop' } }];
  if (target === 'RETURN') return [{ answer, verdict: { kind: 'return' } }];
  if (PASSING.has(target)) return [];
  if (target === 'NFQUEUE') return [{ answer: 'maybe', verdict: { kind: 'accept' } }];
  return [{ answer, verdict: { kind: option === '-g' ? 'goto' : 'jump', chain: target } }];
}
