/** `ironwake rule ...` */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RuleInput, RuleTrialView, RuleVerdictsView, RuleView } from '../api/rules.ts';
import { invalid, messageOf } from '../errors.ts';
import { policyOf, readValues } from './node.ts';
import { print, type Session } from './session.ts';
import { facts, table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

type Args = readonly string[];
type Options = Readonly<Record<string, unknown>>;

export async function add(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  if (typeof options.file === 'string') {
    const read = await readRules(session, options.file);
    await confirmArming(session, read, options);
    const rules = await session.client.importRules(read);
    print(session, rules, () => rules.map((rule) => `${described(rule)}\n`).join(''));
    return 0;
  }
  const input = await inputOf(session, args, options);
  await confirmArming(session, [input], options);
  const rule = await session.client.addRule(input);
  print(session, rule, () => `${described(rule)}\nTry it: npx ironwake rule test ${printable(rule.name)}\n`);
  return 0;
}

/** Rules that may arm erase the disks of machines that nobody has named. */
async function confirmArming({ io }: Session, rules: readonly RuleInput[], options: Options): Promise<void> {
  // What a file holds is checked by the server.
  const arming = rules.find((rule) => rule?.mayArm === true);
  if (arming === undefined) return;
  const { confirmDestruction } = await import('./confirm.ts');
  const name = String(arming.name);
  const effect = `The rule ${name} has the disks of every machine erased that it matches.`;
  await confirmDestruction(io, { name, effect, yes: options.yes === true });
}

function described(rule: RuleView): string {
  const what = rule.default ? 'every machine that no other rule takes' : rule.when.join(' and ');
  const does = rule.mayArm ? 'registers AND ARMS (its disks are erased)' : 'registers';
  return printable(`rule ${rule.name} ${does} up to ${rule.machines} machines: ${what}`);
}

async function inputOf(session: Session, args: Args, options: Options): Promise<RuleInput> {
  const [name = ''] = args;
  const { fqdn, profile } = options;
  if (name === '' || typeof fqdn !== 'string') {
    throw invalid(
      'rule.incomplete',
      name === '' ? 'NAME' : '--fqdn',
      'a rule needs its name and the names that it gives',
      "For example: npx ironwake rule add rack-a --when 'mac:bc:24:11:*' --fqdn 'pve{{counter.rack}}.lab.example'; or --file FILE.",
    );
  }
  const number = (option: string): number | undefined => {
    const text = options[option];
    if (typeof text !== 'string') return undefined;
    if (/^-?\d{1,6}$/.test(text)) return Number(text);
    throw invalid('rule.malformed', `--${option}`, `'${text.slice(0, 20)}' is no whole number`, 'Give a number.');
  };
  const [priority, machines, hours] = [number('priority'), number('machines'), number('expires')];
  const values = typeof options.values === 'string' ? await readValues(session, options.values) : undefined;
  return {
    name,
    ...(Array.isArray(options.when) && { when: options.when.map(String) }),
    ...(options.default === true && { default: true }),
    gives: {
      fqdn,
      profile: typeof profile === 'string' ? profile : 'default',
      ...(Array.isArray(options.tag) && { tags: options.tag.map(String) }),
      ...(values !== undefined && { values }),
      ...policyOf(options),
    },
    ...(options.arm === true && { mayArm: true }),
    ...(priority !== undefined && { priority }),
    ...(machines !== undefined && { machines }),
    ...(hours !== undefined && { expiresAt: new Date(session.io.now() + hours * 3_600_000).toISOString() }),
  };
}

/** A YAML file with a rule, or a list of rules, in the shape of the API. @throws IronwakeError `rules.unreadable` */
async function readRules({ io }: Session, file: string): Promise<readonly RuleInput[]> {
  const path = resolve(io.cwd, file);
  const { parse } = await import('yaml');
  try {
    const value: unknown = parse(await readFile(path, 'utf8'));
    const list = Array.isArray(value) ? value : [value];
    if (list.length > 0 && list.every((item) => typeof item === 'object' && item !== null)) return list as RuleInput[];
  } catch (error) {
    throw invalid('rules.unreadable', '--file', `${path}: ${messageOf(error).split('\n')[0]}`, 'Give a YAML file.');
  }
  throw invalid('rules.unreadable', '--file', `${path} holds no rules`, 'Write a list of rules: docs/registry.md.');
}

export async function list(session: Session): Promise<ExitStatus> {
  const rules = await session.client.rules();
  print(session, rules, () =>
    table(
      ['RULE', 'STATE', 'PRIORITY', 'MACHINES', 'ARMS', 'UNTIL', 'PROFILE', 'NAMES', 'WHEN'],
      rules.map((rule) => [
        rule.name,
        rule.state,
        String(rule.priority),
        `${rule.registered} of ${rule.machines}`,
        rule.mayArm ? 'yes' : 'no',
        rule.expiresAt === null ? '' : dayAndTime(rule.expiresAt),
        rule.gives.profile,
        rule.gives.fqdn,
        rule.default ? '(default)' : rule.when.join(' and '),
      ]),
      'There is no rule: machines that nobody registered get no reply.',
    ),
  );
  return 0;
}

export async function show(session: Session, args: Args): Promise<ExitStatus> {
  const rule = await session.client.rule(args[0] ?? '');
  print(
    session,
    rule,
    () =>
      `${described(rule)}\n` +
      facts([
        ['state', rule.state],
        ['registered', `${rule.registered} of ${rule.machines}`],
        ['priority', String(rule.priority)],
        ...rule.when.map((condition) => ['when', condition] as const),
        ['until', rule.expiresAt === null ? undefined : dayAndTime(rule.expiresAt)],
        ['names', rule.gives.fqdn],
        ['profile', rule.gives.profile],
        ['tags', rule.gives.tags.length === 0 ? undefined : rule.gives.tags.join(', ')],
        ['values', Object.keys(rule.gives.values).length === 0 ? undefined : JSON.stringify(rule.gives.values)],
        ['installs', rule.gives.installPolicy],
        ['added', `${dayAndTime(rule.createdAt)} by ${rule.createdBy}`],
      ]),
  );
  return 0;
}

export async function remove(session: Session, args: Args): Promise<ExitStatus> {
  const [name = ''] = args;
  await session.client.removeRule(name);
  print(session, { removed: name }, () => `removed rule ${printable(name)}; what it registered stays\n`);
  return 0;
}

/** A rule that is there, by name; with --when and --fqdn, or --file, one that is not. */
export async function test(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const [name = ''] = args;
  const trial =
    typeof options.file === 'string'
      ? { rule: await onlyRule(session, options.file) }
      : typeof options.fqdn === 'string'
        ? { rule: await inputOf(session, args, options) }
        : { name };
  const machines = await session.client.testRule(trial);
  print(session, machines, () =>
    table(
      ['MACHINE', 'MATCHES', 'WHY', 'ACTS'],
      machines.map((machine) => [
        machine.node === null ? machine.mac : `${machine.mac} (${machine.node})`,
        machine.because === 'condition' ? 'no' : machine.because === 'matches' ? 'yes' : `no (${machine.because})`,
        why(machine),
        machine.node === null ? (machine.first ?? 'no rule') : 'registered already',
      ]),
      'No machine was seen yet, and none is registered.',
    ),
  );
  return 0;
}

async function onlyRule(session: Session, file: string): Promise<RuleInput> {
  const rules = await readRules(session, file);
  const [rule] = rules;
  if (rule !== undefined && rules.length === 1) return rule;
  throw invalid('rules.several', '--file', 'the file holds several rules', 'Try them one at a time.');
}

export async function explain(session: Session, args: Args): Promise<ExitStatus> {
  const view = await session.client.explainRules(args[0] ?? '');
  print(
    session,
    view,
    () =>
      heading(view) +
      table(
        ['RULE', 'MATCHES', 'WHY'],
        view.items.map((item) => [
          item.rule,
          item.because === 'matches' ? 'yes' : item.because === 'condition' ? 'no' : `no (${item.because})`,
          why(item),
        ]),
        'There is no rule: machines that nobody registered get no reply.',
      ),
  );
  return 0;
}

function heading({ mac, node, known, items }: RuleVerdictsView): string {
  const acts = items.find(({ because }) => because === 'matches');
  if (node !== null) return printable(`${mac} is ${node}: no rule touches it\n`);
  const seen = known ? '' : ' (never seen: only its MAC is known)';
  return printable(`${mac}${seen}: ${acts === undefined ? 'no rule takes it in' : `rule ${acts.rule} takes it in`}\n`);
}

const REASONS: Readonly<Record<string, string>> = {
  matches: 'all conditions hold',
  expired: 'the rule is over',
  full: 'the rule has registered as many as it may',
  retired: 'it belonged to a node that was replaced, archived or removed',
};

/** The first condition that does not hold, and what stood there. */
function why({ because, conditions }: Pick<RuleTrialView['items'][number], 'because' | 'conditions'>): string {
  const failed = conditions.find(({ holds }) => !holds);
  if (because !== 'condition' || failed === undefined) return REASONS[because] ?? because;
  return `${failed.condition}: ${failed.found.length === 0 ? 'nothing is known' : `it is ${failed.found.join(', ')}`}`;
}
