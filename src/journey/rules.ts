/** Rules as an administrator works with them: add, change, remove, import, try. */
import { IronwakeError, invalid } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import type { InstallPolicy, Node } from '../nodes/node.ts';
import { readNodeValues } from '../profiles/node-values.ts';
import { compileRules, explainRules, inOrderOfTrial, type Machine, type RuleVerdict } from '../rules/match.ts';
import { checkNameTemplate } from '../rules/name.ts';
import { isDefault, isWide, parseCondition, type Rule } from '../rules/rule.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { bootFactsOf } from './hardware.ts';
import type { Journey } from './journey.ts';
import type { AuditEntry, HardwareRecord, Repositories } from './ports.ts';
import { machineOf } from './register-by-rule.ts';
import { discoveredMachines, tagsOf } from './registry.ts';
import { demandRevision } from './revision.ts';
import { rulesChanged } from './rule-book.ts';

export { ruleState } from '../rules/match.ts';

export interface NewRule {
  readonly name: string;
  readonly priority?: number | undefined;
  /** All must hold. */
  readonly when?: readonly string[] | undefined;
  /** It has no conditions, and that is meant so. */
  readonly default?: boolean | undefined;
  readonly gives: {
    readonly fqdn: string;
    readonly profile: string;
    readonly tags?: readonly string[] | undefined;
    readonly values?: Readonly<Record<string, unknown>> | undefined;
    readonly installPolicy?: InstallPolicy | undefined;
  };
  readonly mayArm?: boolean | undefined;
  readonly machines?: number | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt?: number | undefined;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** `/rules/test` and its kin are routes of their own: no rule is called so. */
const RESERVED_NAMES: readonly string[] = ['explain', 'import', 'test'];
export const RULES = 1000;
const CONDITIONS = 16;
/** As many as fit into a rack or two; whoever means more says so. */
const MACHINES = 32;
const MAX_MACHINES = 10_000;
const DAY_MS = 86_400_000;
/** A default rule that may arm, or one whose conditions say nothing, erases every machine that netboots: no longer than a working week. */
const ARMING_DEFAULT_MS = 7 * DAY_MS;
const SHOWN = 500;

export type RuleAudit = (before: Rule | undefined, after: Rule | undefined) => AuditEntry;

/** @throws IronwakeError `rule.*` (400), `rule.name-taken` (409), and what the profile and values of it throw */
export async function addRule(journey: Journey, input: NewRule, by: string, audit: RuleAudit): Promise<Rule> {
  const rule = ruleOf(journey, input, by);
  await journey.store.transaction(async (repositories) => {
    await refuseTooMany(repositories);
    await repositories.rules.insert(rule);
    await written(repositories, rule.id, audit(undefined, rule));
  });
  return rule;
}

/**
 * Replaces a rule; what it has counted stays.
 * @throws IronwakeError as `addRule`; `rule.unknown`, `request.outdated`, `rule.changed` (409)
 */
export async function changeRule(
  journey: Journey,
  name: string,
  input: NewRule,
  by: string,
  revision: number | undefined,
  audit: RuleAudit,
): Promise<Rule> {
  const rule = ruleOf(journey, input, by);
  return journey.store.transaction(async (repositories) => {
    const before = await ruleCalled(repositories, name);
    demandRevision(revision, before.revision, before.name);
    return replaced(repositories, before, rule, audit);
  });
}

async function replaced(repositories: Repositories, before: Rule, rule: Rule, audit: RuleAudit): Promise<Rule> {
  const { id, registered, createdAt, createdBy } = before;
  const after = { ...rule, id, registered, createdAt, createdBy, revision: before.revision + 1 };
  if (!(await repositories.rules.update(after, before.revision))) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'rule.changed',
      message: `rule '${before.name}' was changed or removed by somebody else at this moment`,
      remedy: 'Look at it again, and repeat the change if it is still wanted.',
    });
  }
  await written(repositories, `${id}.${after.revision}`, audit(before, after));
  return after;
}

/** @throws IronwakeError `rule.unknown`, `request.outdated` */
export async function removeRule(
  journey: Journey,
  name: string,
  revision: number | undefined,
  audit: RuleAudit,
): Promise<void> {
  await journey.store.transaction(async (repositories) => {
    const before = await ruleCalled(repositories, name);
    demandRevision(revision, before.revision, before.name);
    await repositories.rules.remove(before.id);
    await written(repositories, `${before.id}.removed`, audit(before, undefined));
  });
}

/**
 * Adds those that there are not, and replaces those that there are, by name: all of them or none.
 * @throws IronwakeError as `addRule`, the field beginning with the rule's place in the list
 */
export async function importRules(
  journey: Journey,
  inputs: readonly NewRule[],
  by: string,
  audit: RuleAudit,
): Promise<readonly Rule[]> {
  const rules = inputs.map((input, i) => located(i, () => ruleOf(journey, input, by)));
  return journey.store.transaction(async (repositories) => {
    const done: Rule[] = [];
    for (const rule of rules) {
      const before = await repositories.rules.byName(rule.name);
      if (before !== undefined) done.push(await replaced(repositories, before, rule, audit));
      else {
        await refuseTooMany(repositories);
        await repositories.rules.insert(rule);
        await written(repositories, rule.id, audit(undefined, rule));
        done.push(rule);
      }
    }
    return done;
  });
}

function located<T>(i: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    const { kind, code, message, remedy } = error;
    const field = `items.${i}${error.field === undefined ? '' : `.${error.field}`}`;
    throw new IronwakeError({ kind, code, message, remedy, field });
  }
}

async function written(repositories: Repositories, version: string, entry: AuditEntry): Promise<void> {
  await rulesChanged(repositories, version);
  await repositories.audit.append(entry);
}

/** In the order in which they are tried. */
export async function allRules({ rules }: Pick<Repositories, 'rules'>): Promise<readonly Rule[]> {
  return [...(await rules.list())].sort(inOrderOfTrial);
}

/** @throws IronwakeError `rule.unknown` (404) */
export async function ruleCalled({ rules }: Pick<Repositories, 'rules'>, name: string): Promise<Rule> {
  const rule = await rules.byName(name);
  if (rule !== undefined) return rule;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'rule.unknown',
    message: `there is no rule '${name.slice(0, 80)}'`,
    remedy: 'List them with npx ironwake rule list.',
  });
}

/** @throws IronwakeError `rule.too-many` (409) when there is no place for one more */
async function refuseTooMany({ rules }: Pick<Repositories, 'rules'>): Promise<void> {
  if ((await rules.list()).length < RULES) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'rule.too-many',
    message: `there are ${RULES} rules already`,
    remedy: 'Remove those that are over or full: npx ironwake rule list.',
  });
}

/** @throws IronwakeError `rule.*`, `profile.unknown`, `node.values`, `node.tag` */
function ruleOf(journey: Journey, input: NewRule, by: string): Rule {
  const now = journey.clock.now();
  const { name, when = [], gives, mayArm = false, machines = MACHINES, expiresAt, priority = 0 } = input;
  const refuse = (field: string, message: string, remedy: string) => invalid('rule.malformed', field, message, remedy);
  if (!NAME.test(name))
    throw refuse(
      'name',
      `'${name.slice(0, 80)}' cannot be the name of a rule`,
      'Use 1 to 63 lower-case letters, digits and hyphens.',
    );
  if (RESERVED_NAMES.includes(name))
    throw invalid(
      'rule.name-reserved',
      'name',
      `'${name}' is no name for a rule, as /rules/${name} means something else`,
      'Choose another name.',
    );
  if (when.length > CONDITIONS)
    throw refuse('when', `a rule has at most ${CONDITIONS} conditions`, 'Use globs, or several rules.');
  const conditions = when.map((text, i) => parseCondition(text, `when.${i}`));
  if (when.length === 0 && input.default !== true) {
    throw refuse(
      'when',
      'a rule without conditions matches every machine',
      'Give a condition, or say that it is the default rule (default: true).',
    );
  }
  if (when.length > 0 && input.default === true)
    throw refuse('default', 'the default rule has no conditions', 'Leave out the one or the other.');
  if (!Number.isInteger(priority) || Math.abs(priority) > 1000)
    throw refuse('priority', 'the priority is a whole number from -1000 to 1000', 'The highest is tried first.');
  if (!Number.isInteger(machines) || machines < 1 || machines > MAX_MACHINES)
    throw refuse(
      'machines',
      `a rule registers 1 to ${MAX_MACHINES} machines`,
      'Give the number of machines that you expect.',
    );
  if (expiresAt !== undefined && expiresAt <= now)
    throw refuse('expiresAt', 'the rule is over already', 'Give a moment to come.');
  if (conditions.every(isWide) && mayArm && (expiresAt === undefined || expiresAt > now + ARMING_DEFAULT_MS)) {
    throw refuse(
      'expiresAt',
      'a rule that every machine meets and that arms erases every machine that netboots, so it must end within 7 days',
      'Give it an end, or a condition that says more than *.',
    );
  }
  const { counters } = journey.profiles.require(gives.profile);
  const needed = checkNameTemplate(gives.fqdn, Object.keys(counters));
  if (needed.length > 1) throw refuse('gives.fqdn', 'a name has one counter at most', 'Use a single counter.');
  if (machines > 1 && !gives.fqdn.includes('{{')) {
    throw refuse(
      'gives.fqdn',
      'all its machines would have the same name',
      'Use {{counter.NAME}}, {{serial}} or {{mac}}, or set machines: 1.',
    );
  }
  readNodeValues(gives.values ?? {});
  return {
    id: uuidv7(now, journey.keys.randomBytes),
    revision: 1,
    name,
    priority,
    conditions: when,
    gives: {
      fqdn: gives.fqdn,
      profile: gives.profile,
      tags: tagsOf(gives.tags ?? []),
      values: gives.values ?? {},
      installPolicy: gives.installPolicy ?? 'once',
    },
    mayArm,
    machines,
    registered: 0,
    expiresAt,
    createdAt: now,
    createdBy: by,
  };
}

/** A machine that is known, and what rules make of it. */
export interface TriedMachine {
  readonly mac: Mac;
  /** Registered already: no rule touches it. */
  readonly node: string | undefined;
  /** The verdict of the rule that was asked for. */
  readonly verdict: RuleVerdict;
  /** The first rule that would register it, if it were no node. */
  readonly first: string | undefined;
}

/**
 * Which machines a rule matches, of those that were seen and of nodes, and why not the others. Nothing is written.
 * @param asked the name of a rule, or one that is not there yet
 * @returns at most a thousand machines
 */
export async function tryRule(journey: Journey, asked: string | NewRule): Promise<readonly TriedMachine[]> {
  const rule = typeof asked === 'string' ? await ruleCalled(journey.store, asked) : ruleOf(journey, asked, 'nobody');
  const others = (await journey.store.rules.list()).filter(({ name }) => name !== rule.name);
  const compiled = compileRules([...others, rule]);
  const now = journey.clock.now();
  const tried = (mac: Mac, node: string | undefined, machine: Machine): TriedMachine => {
    const verdicts = explainRules(compiled, machine, now);
    return {
      mac,
      node,
      verdict: verdicts.find((verdict) => verdict.rule.name === rule.name) as RuleVerdict,
      first: verdicts.find(({ because }) => because === 'matches')?.rule.name,
    };
  };
  const found: TriedMachine[] = [];
  for (const seen of await discoveredMachines(journey, SHOWN))
    found.push(tried(seen.mac, undefined, await machineOf(journey, seen)));
  for (const node of await journey.store.nodes.page({ limit: SHOWN }))
    found.push(tried(node.macs[0] as Mac, node.fqdn, await machineOfNode(journey, node)));
  return found;
}

export interface MachineVerdicts {
  readonly node: Node | undefined;
  readonly verdicts: readonly RuleVerdict[];
  /** What is known of the machine at all. */
  readonly known: boolean;
}

/** Every rule about one machine, in the order in which they are tried. */
export async function rulesAbout(journey: Journey, mac: Mac): Promise<MachineVerdicts> {
  const { store, clock } = journey;
  await journey.discovered.flush();
  const compiled = compileRules(await store.rules.list());
  const node = await store.nodes.byMac(mac);
  if (node !== undefined)
    return { node, known: true, verdicts: explainRules(compiled, await machineOfNode(journey, node), clock.now()) };
  const seen = await store.discovered.byMac(mac);
  const retired = await store.hardware.retiredAs(mac);
  const machine =
    seen === undefined ? { macs: [mac], facts: {}, retiredFrom: retired?.fqdn } : await machineOf(journey, seen);
  return { node, known: seen !== undefined, verdicts: explainRules(compiled, machine, clock.now()) };
}

async function machineOfNode({ store }: Pick<Journey, 'store'>, node: Node): Promise<Machine> {
  const records = await store.hardware.ofNode(node.id);
  const of = (source: HardwareRecord['source']) => records.find((record) => record.source === source)?.data;
  return { macs: node.macs, facts: { ...of('system-information'), boot: bootFactsOf(of('dhcp') ?? {}, of('ipxe')) } };
}

/** What the audit log tells of a rule: values may hold what is nobody's business. */
export function toldOf(rule: Rule | undefined): Readonly<Record<string, unknown>> | null {
  if (rule === undefined) return null;
  const { priority, conditions, mayArm, machines, expiresAt } = rule;
  const { fqdn, profile, tags, installPolicy } = rule.gives;
  return {
    priority,
    when: conditions,
    default: isDefault(rule),
    mayArm,
    machines,
    expiresAt,
    fqdn,
    profile,
    tags,
    installPolicy,
  };
}
