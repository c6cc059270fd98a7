/** The name that a rule gives: a template over what a machine says of itself and the numbers of its profile's counters. */
import { invalid } from '../errors.ts';
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import { parseNodeName } from '../nodes/node.ts';
import { checkNames, namesOf, renderText, TemplateError } from '../profiles/template.ts';

export interface NameFacts {
  readonly mac: Mac;
  readonly serial: string | undefined;
  readonly uuid: string | undefined;
  readonly arch: string | undefined;
  readonly site: string;
}

const PLAIN = ['mac', 'serial', 'uuid', 'arch', 'site'] as const;

/**
 * @param counters the names of the counters that the profile has
 * @returns the counters that the name needs
 * @throws IronwakeError `rule.name-template`
 */
export function checkNameTemplate(template: string, counters: readonly string[]): readonly string[] {
  try {
    checkNames(
      template,
      new Map<string, readonly string[]>([
        ['', PLAIN],
        ['counter', counters],
      ]),
    );
    const needed = countersIn(template);
    // Letters and digits for whatever stands there: what is around them must be a name.
    parseNodeName(renderText(template, standIns(), { counter: Object.fromEntries(needed.map((name) => [name, '1'])) }));
    return needed;
  } catch (error) {
    if (error instanceof TemplateError) throw badTemplate(error.fault.message, error.fault.remedy);
    throw error;
  }
}

export function countersIn(template: string): readonly string[] {
  return [
    ...new Set(namesOf(template).flatMap(([group, name]) => (group === 'counter' && name !== undefined ? [name] : []))),
  ];
}

const standIns = () => Object.fromEntries(PLAIN.map((name) => [name, 'x1']));

function badTemplate(message: string, remedy: string) {
  return invalid('rule.name-template', 'gives.fqdn', message, `${remedy} Known without a group: ${PLAIN.join(', ')}.`);
}

/**
 * @throws IronwakeError `rule.name-unknown` when the machine does not say what the name is made of, `fqdn.malformed`, `fqdn.reserved` when it gives no name of a node
 */
export function nameOfMachine(template: string, facts: NameFacts, counter: Readonly<Record<string, string>>): Fqdn {
  const plain: Record<string, string> = {};
  for (const [name] of namesOf(template)) {
    const key = PLAIN.find((known) => known === name);
    if (key === undefined) continue;
    const value = key === 'mac' ? facts.mac.replaceAll(':', '') : label(facts[key] ?? '');
    if (value === '') {
      throw invalid(
        'rule.name-unknown',
        'gives.fqdn',
        `the machine ${facts.mac} has not said its ${key}, which its name is made of`,
        'Use {{mac}} or {{counter.NAME}}, or add the machine by hand: npx ironwake node add.',
      );
    }
    plain[key] = value;
  }
  return parseNodeName(renderText(template, plain, { counter }));
}

/** What a machine says, as it can stand within a label: lower case, letters, digits and inner hyphens. */
function label(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
}
