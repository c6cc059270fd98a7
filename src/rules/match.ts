/** Which rule a machine matches, and why the others do not. Pure: rules, machine and time in, a value that says why out. */
import { compileGlob } from '../answers/globs.ts';
import type { Mac } from '../net/mac.ts';
import { type Condition, isDefault, parseCondition, type Rule } from './rule.ts';

/** What is known of a machine: all of it is what the machine says of itself. */
export interface Machine {
  readonly macs: readonly Mac[];
  /** `/boot/...` what its firmware said; beside it the system information, where an installer has sent one. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The node that one of its ports belonged to before. */
  readonly retiredFrom?: string | undefined;
}

export interface ConditionVerdict {
  readonly condition: string;
  readonly holds: boolean;
  /** What stood there, at most a few; empty when there was nothing. */
  readonly found: readonly string[];
}

export type RuleState = 'active' | 'expired' | 'full';
export type RuleReason = 'matches' | 'condition' | 'expired' | 'full' | 'retired';

export interface RuleVerdict {
  readonly rule: Rule;
  readonly because: RuleReason;
  readonly conditions: readonly ConditionVerdict[];
}

/** Rules that are ready to be tried, in the order in which they are. */
export type CompiledRules = ReadonlyArray<{
  readonly rule: Rule;
  readonly conditions: ReadonlyArray<{
    readonly text: string;
    readonly test: (machine: Machine) => boolean;
    readonly found: (machine: Machine) => readonly string[];
  }>;
}>;

const FOUND_SHOWN = 8;
const VALUES = 256;
const MAX_VALUE = 512;

/** For `sort`: by priority, the highest first, then by name; default rules come after all others. */
export function inOrderOfTrial(a: Rule, b: Rule): number {
  return Number(isDefault(a)) - Number(isDefault(b)) || b.priority - a.priority || (a.name < b.name ? -1 : 1);
}

/** @throws IronwakeError `rule.condition` */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  return [...rules]
    .sort(inOrderOfTrial)
    .map((rule) => ({ rule, conditions: rule.conditions.map((text) => compile(parseCondition(text))) }));
}

function compile(condition: Condition): CompiledRules[number]['conditions'][number] {
  const { text } = condition;
  if (condition.kind === 'mac') {
    const tests = condition.globs.map(compileGlob);
    return {
      text,
      test: ({ macs }) => macs.some((mac) => tests.some((test) => test(mac))),
      found: ({ macs }) => macs.slice(0, FOUND_SHOWN),
    };
  }
  const test = compileGlob(condition.glob);
  const values = ({ facts }: Machine): string[] => textsAt(facts, condition.segments, 0, []);
  return {
    text,
    test: (machine) => values(machine).some(test),
    found: (machine) => values(machine).slice(0, FOUND_SHOWN),
  };
}

/** Text, numbers, true and false where the pointer leads; maps and lists are nothing that a glob could fit. */
function textsAt(value: unknown, segments: readonly string[], at: number, found: string[]): string[] {
  if (found.length >= VALUES) return found;
  const segment = segments[at];
  if (segment === undefined) {
    if (typeof value === 'string') found.push(value.slice(0, MAX_VALUE));
    else if (typeof value === 'number' || typeof value === 'boolean') found.push(String(value));
    return found;
  }
  if (typeof value !== 'object' || value === null) return found;
  if (segment === '*') {
    for (const below of Object.values(value)) textsAt(below, segments, at + 1, found);
    return found;
  }
  return Object.hasOwn(value, segment)
    ? textsAt((value as Readonly<Record<string, unknown>>)[segment], segments, at + 1, found)
    : found;
}

/** The rule that registers this machine, or undefined. Stops at the first one. */
export function firstMatch(rules: CompiledRules, machine: Machine, now: number): Rule | undefined {
  if (machine.retiredFrom !== undefined) return undefined;
  return rules.find(
    ({ rule, conditions }) => ruleState(rule, now) === 'active' && conditions.every(({ test }) => test(machine)),
  )?.rule;
}

/** Every rule, in the order in which they are tried; the first that `matches` is the one that acts. */
export function explainRules(rules: CompiledRules, machine: Machine, now: number): readonly RuleVerdict[] {
  return rules.map(({ rule, conditions }) => {
    const verdicts = conditions.map(({ text, test, found }) => ({
      condition: text,
      holds: test(machine),
      found: found(machine),
    }));
    const fits = verdicts.every(({ holds }) => holds);
    return { rule, because: fits ? reasonOf(rule, machine, now) : 'condition', conditions: verdicts };
  });
}

/** For a rule whose conditions all hold. */
function reasonOf(rule: Rule, { retiredFrom }: Machine, now: number): RuleReason {
  if (retiredFrom !== undefined) return 'retired';
  const state = ruleState(rule, now);
  return state === 'active' ? 'matches' : state;
}

/** Whether a rule may take in one more machine. The store says it once more when it does. */
export function ruleState(rule: Rule, now: number): RuleState {
  if (rule.expiresAt !== undefined && rule.expiresAt <= now) return 'expired';
  return rule.registered >= rule.machines ? 'full' : 'active';
}
