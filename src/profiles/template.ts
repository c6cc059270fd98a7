/**
 * Templates in the string values of a profile: `{{host}}`, `{{values.rack}}`, `{{pool.lan}}`. Names only: no helpers, no blocks, nothing
 * that decides. What comes out is a value like any other and goes through the serialisers of its target.
 */
import Handlebars from 'handlebars';
import { nearest } from './nearest.ts';

/** What templates can name. `values`, `pool` and `counter` by name. */
export interface TemplateFacts {
  readonly fqdn: string;
  /** First label of the fqdn, and the rest of it. */
  readonly host: string;
  readonly domain: string;
  /** The first MAC of the node. */
  readonly mac: string;
  readonly site: string;
  readonly tags: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  readonly pool: Readonly<Record<string, string>>;
  readonly counter: Readonly<Record<string, string>>;
}

/** What names there are, by group; `''` holds those without one. */
export type TemplateNames = ReadonlyMap<string, readonly string[]>;

/** Names without a group; `tags` prints as a list with commas. */
export const PLAIN_FACTS = ['fqdn', 'host', 'domain', 'mac', 'site', 'tags'] as const;

export interface TemplateFault {
  readonly message: string;
  readonly remedy: string;
}

export class TemplateError extends Error {
  readonly fault: TemplateFault;
  constructor(fault: TemplateFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** Whether a text is a template at all. */
export function isTemplate(text: string): boolean {
  return text.includes('{{');
}

/**
 * The names that a template prints, as paths: `['values', 'rack']`.
 * @throws TemplateError for a syntax error, and for anything else than names
 */
export function namesOf(text: string): ReadonlyArray<readonly string[]> {
  return remembered(names, text, () =>
    parse(text).body.flatMap((statement) => {
      if (statement.type === 'ContentStatement' || statement.type === 'CommentStatement') return [];
      return [pathOf(statement)];
    }),
  );
}

/** The templates of all profiles are few, and each is looked at several times for every node. */
const MAX_REMEMBERED = 1000;
const names = new Map<string, ReadonlyArray<readonly string[]>>();
const programs = new Map<string, Handlebars.TemplateDelegate>();

function remembered<T>(known: Map<string, T>, text: string, make: () => T): T {
  const before = known.get(text);
  if (before !== undefined) return before;
  const made = make();
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.set(text, made);
  return made;
}

/** C0, DEL, C1, the two Unicode line separators and halves of surrogate pairs: nothing that a name or address has. */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const CONTROL: TemplateFault = {
  message: 'The template has or gives a text with a control character',
  remedy: 'Look at the values that it names, and write the template in one line.',
};

function parse(text: string): hbs.AST.Program {
  if (UNPRINTABLE.test(text)) throw new TemplateError(CONTROL);
  try {
    return Handlebars.parse(text);
  } catch {
    throw new TemplateError({
      message: 'This is not a template: braces do not close, or a name is missing',
      remedy: 'Write {{host}} or {{values.NAME}}; literal braces are written \\{{.',
    });
  }
}

const NAMES_ONLY: TemplateFault = {
  message: 'A template holds names only, no blocks, helpers, parameters or literals',
  remedy: 'Write for example {{host}} or {{values.rack}}, and work out the rest in the values.',
};

function pathOf(statement: hbs.AST.Statement): readonly string[] {
  if (statement.type !== 'MustacheStatement') throw new TemplateError(NAMES_ONLY);
  const { path, params, hash } = statement as hbs.AST.MustacheStatement;
  if (path.type !== 'PathExpression' || params.length > 0 || hash !== undefined) throw new TemplateError(NAMES_ONLY);
  const { parts, data, depth, original } = path as hbs.AST.PathExpression;
  const simple = parts.length > 0 && parts.length <= 2 && parts.every((part) => typeof part === 'string');
  // `this.host` and `./host` would read the same, and one way to say it is enough.
  if (!simple || data || depth > 0 || /^(this\b|\.)/.test(original)) throw new TemplateError(NAMES_ONLY);
  return parts;
}

/** @throws TemplateError for a name that there is not */
export function checkNames(text: string, names: TemplateNames): void {
  for (const path of namesOf(text)) refuseUnknown(path, names);
}

function refuseUnknown(path: readonly string[], names: TemplateNames): void {
  const [first = '', second] = path;
  const group = second === undefined ? '' : first;
  const name = second ?? first;
  const known = names.get(group);
  if (known?.includes(name) === true) return;
  const all = [...names].flatMap(([prefix, list]) => list.map((item) => (prefix === '' ? item : `${prefix}.${item}`)));
  const meant = nearest(path.join('.'), all);
  const declare =
    known === undefined || group === '' ? `Known here: ${all.join(', ')}.` : `Declare it: ${DECLARED_IN[group]}.`;
  throw new TemplateError({
    message: `There is no '${path.join('.').slice(0, 80)}' for templates`,
    remedy: meant === undefined ? declare : `Did you mean ${meant}? ${declare}`,
  });
}

const DECLARED_IN: Readonly<Record<string, string>> = {
  values: 'under values, or under types when the node brings it',
  pool: 'under pools',
  counter: 'under counters',
};

/**
 * The text with every name replaced. Never holds a control character.
 * @throws TemplateError for an unknown name, a syntax error, a control character in the result
 */
export function renderTemplate(text: string, facts: TemplateFacts): string {
  const { fqdn, host, domain, mac, site, pool, counter } = facts;
  const plain = { fqdn, host, domain, mac, site, tags: facts.tags.join(',') };
  return renderText(text, plain, { values: printedValues(facts.values), pool, counter });
}

/**
 * The same over other names than a profile's: `plain` without a group, `groups` by group.
 * @throws TemplateError as `renderTemplate`
 */
export function renderText(
  text: string,
  plain: Readonly<Record<string, string>>,
  groups: Readonly<Record<string, Readonly<Record<string, string>>>>,
): string {
  const names = new Map(Object.entries(groups).map(([group, values]) => [group, Object.keys(values)]));
  checkNames(text, names.set('', Object.keys(plain)));
  const options = { strict: true, noEscape: true, knownHelpersOnly: true, preventIndent: true };
  const program = remembered(programs, text, () => Handlebars.compile(text, options));
  const rendered = program({ ...plain, ...groups });
  if (UNPRINTABLE.test(rendered)) throw new TemplateError(CONTROL);
  return rendered;
}

function printedValues(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]),
  );
}
