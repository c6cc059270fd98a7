/**
 * Whether the installer of a release takes an answer, and whether the machine would live with it: the key table by itself (sections, keys,
 * types, values), then the rules over several keys.
 */
import { nearest } from '../profiles/nearest.ts';
import type { Dialect } from './dialect.ts';
import { type Finding, finding, UNPRINTABLE } from './findings.ts';
import { FORMATS } from './formats.ts';
import {
  type AnswerKey,
  answerKey,
  isInRelease,
  isRequiredIn,
  KEYS_MEANT,
  keyIn,
  keysBelow,
  nameIn,
  ownName,
  REQUIRED_SECTIONS,
  SECTIONS,
  type Section,
  sectionSince,
} from './keys.ts';
import { compareReleases, type Product } from './release.ts';
import { RULES } from './rules.ts';
import { integerOf, numberOf } from './scalars.ts';
import { foldSpelling } from './spelling.ts';
import { isTable, type Table, View } from './view.ts';

/**
 * Everything that is wrong or unwise, in the order of the answer. Empty when there is nothing to say.
 * @param answer what a TOML or JSON reader made of the file; any value is allowed
 */
export function validateAnswer(answer: unknown, dialect: Dialect, product: Product): Finding[] {
  if (!isTable(answer)) {
    return [
      finding(
        'answer.not-a-table',
        '',
        'The answer is not a table',
        'Write the sections [global], [network] and [disk-setup].',
      ),
    ];
  }
  const folded = foldSpelling(answer, dialect);
  const view = new View(folded.answer, dialect, product);
  return [
    ...folded.findings,
    ...unprintable(folded.answer, ''),
    ...checkSections(folded.answer, dialect),
    ...Object.values(RULES).flatMap((rule) => rule(view)),
  ];
}

/** Whether the official installer of this release accepts it (its parse and check phases), whatever Ironwake thinks of it. */
export function officiallyAccepted(findings: readonly Finding[]): boolean {
  return !findings.some(({ by }) => by === 'installer');
}

function checkSections(answer: Table, dialect: Dialect): Finding[] {
  const found: Finding[] = [];
  for (const [name, value] of Object.entries(answer)) {
    const section = SECTIONS.find((known) => known === name);
    if (section === undefined) found.push(unknown('answer.unknown-section', name, name, SECTIONS));
    else if (compareReleases(dialect.release, sectionSince(section)) < 0) {
      found.push(
        finding(
          'answer.not-in-release',
          section,
          `The installer of ${dialect.release} does not know [${section}] (from ${sectionSince(section)} on)`,
          'Remove it, or install a release that has it.',
        ),
      );
    } else if (!isTable(value)) found.push(wrongType(section, 'a table'));
    else found.push(...checkTable(section, '', value, dialect));
  }
  for (const section of REQUIRED_SECTIONS) {
    if (!Object.hasOwn(answer, section)) {
      found.push(finding('answer.missing', section, `The section [${section}] is missing`, `Add [${section}].`));
    }
  }
  return found;
}

function checkTable(section: Section, prefix: string, table: Table, dialect: Dialect): Finding[] {
  const found: Finding[] = [];
  const known = keysBelow(section, prefix);
  const start = prefix === '' ? '' : `${prefix}.`;
  for (const [name, value] of Object.entries(table)) {
    const path = `${section}.${start}${name}`;
    const entry = keyIn(section, start, name);
    if (entry === undefined) {
      const names = known.filter((one) => isInRelease(one, dialect.release)).map((one) => nameIn(one, dialect.release));
      found.push(unknown('answer.unknown-key', path, name, names));
    } else if (!isInRelease(entry, dialect.release)) found.push(notInRelease(entry, path, dialect));
    else found.push(...checkValue(entry, path, value, dialect));
  }
  for (const entry of known) {
    // Of a password there is a rule of its own.
    const required = isRequiredIn(entry, dialect.release) && entry.requiredBefore === undefined;
    if (required && !Object.hasOwn(table, ownName(entry))) {
      const path = `${section}.${entry.key}`;
      found.push(
        finding('answer.missing', path, `${ownName(entry)} is missing`, `${entry.text} ${suggestion(entry)}`.trim()),
      );
    }
  }
  return found;
}

function suggestion(entry: AnswerKey): string {
  return entry.values === undefined ? '' : `One of: ${entry.values.join(', ')}.`;
}

function notInRelease(entry: AnswerKey, path: string, dialect: Dialect): Finding {
  const bounds =
    entry.removed === undefined ? `from ${entry.since} on` : `from ${entry.since} until before ${entry.removed}`;
  return finding(
    'answer.not-in-release',
    path,
    `The installer of ${dialect.release} does not know ${ownName(entry)} (${bounds})`,
    'Remove it, or install a release that has it.',
  );
}

function unknown(
  code: 'answer.unknown-key' | 'answer.unknown-section',
  path: string,
  name: string,
  candidates: readonly string[],
): Finding {
  const close = nearest(name, candidates, { meant: KEYS_MEANT });
  const what = code === 'answer.unknown-key' ? 'key' : 'section';
  const meant = close === undefined ? `Known here: ${candidates.join(', ')}.` : `Did you mean ${close}?`;
  // A quoted name that would be a key without its quotes.
  const remedy = answerKey(path) === undefined ? meant : 'In quotes it is one name with a dot; write a table.';
  return finding(code, path, `There is no ${what} '${name}'`, remedy);
}

function wrongType(path: string, wanted: string): Finding {
  return finding('answer.type', path, `This must be ${wanted}`, `Write ${wanted}.`);
}

function checkValue(entry: AnswerKey, path: string, value: unknown, dialect: Dialect): Finding[] {
  switch (entry.type) {
    case 'string':
      return typeof value === 'string' ? checkFormat(entry, path, value, dialect) : [wrongType(path, 'a string')];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [wrongType(path, 'true or false')];
    case 'integer':
      return integerOf(value) === undefined
        ? [wrongType(path, 'a whole number, without a decimal point')]
        : checkRange(entry, path, value, dialect);
    case 'number':
      return numberOf(value) === undefined ? [wrongType(path, 'a number')] : checkRange(entry, path, value, dialect);
    case 'enum':
      return typeof value === 'string' ? checkEnum(entry, path, value, dialect) : [wrongType(path, 'a string')];
    case 'strings':
      if (!Array.isArray(value)) return [wrongType(path, 'a list of strings')];
      return value.flatMap((item, i) =>
        typeof item === 'string'
          ? checkFormat(entry, `${path}[${i}]`, item, dialect)
          : [wrongType(`${path}[${i}]`, 'a string')],
      );
    case 'globs':
    case 'mapping':
      if (!isTable(value)) return [wrongType(path, 'a table of strings')];
      return Object.entries(value).flatMap(([key, item]) =>
        typeof item === 'string'
          ? checkFormat(entry, `${path}.${key}`, item, dialect)
          : [wrongType(`${path}.${key}`, 'a string')],
      );
    case 'name-or-table':
      if (typeof value === 'string') return checkFormat(entry, path, value, dialect);
      if (isTable(value) && compareReleases(dialect.release, entry.tableSince ?? '0') < 0) {
        return [wrongType(path, `a host name; the table comes with ${entry.tableSince}`)];
      }
      if (isTable(value)) return checkTable(entry.section, entry.key, value, dialect);
      return [wrongType(path, 'a host name or a table')];
    case 'table':
      return isTable(value) ? checkTable(entry.section, entry.key, value, dialect) : [wrongType(path, 'a table')];
  }
}

function checkFormat(entry: AnswerKey, path: string, value: string, dialect: Dialect): Finding[] {
  const found = entry.format === undefined ? undefined : FORMATS[entry.format](value, path, dialect);
  return found === undefined ? [] : [found];
}

function checkEnum(entry: AnswerKey, path: string, value: string, dialect: Dialect): Finding[] {
  const values = entry.values ?? [];
  if (values.includes(value)) return [];
  const upperCase = entry.upperCaseSince !== undefined && compareReleases(dialect.release, entry.upperCaseSince) >= 0;
  if (upperCase && values.some((known) => known.toUpperCase() === value)) return [];
  const close = nearest(value, values, { ...(entry.meant === undefined ? {} : { meant: entry.meant }), surely: true });
  return [
    finding(
      'answer.value',
      path,
      `'${value}' is not one of the values of ${ownName(entry)}`,
      close === undefined
        ? `Write one of: ${values.join(', ')}.`
        : `Did you mean ${close}? Values: ${values.join(', ')}.`,
    ),
  ];
}

function checkRange(entry: AnswerKey, path: string, value: unknown, dialect: Dialect): Finding[] {
  const { min, max, unit } = entry.range ?? {};
  const number = numberOf(value) ?? Number.NaN;
  // A NaN is in no range.
  const fits = Number.isFinite(number) && number >= (min ?? -Infinity) && number <= (max ?? Infinity);
  if (fits && fitsParser(value, entry, dialect)) return [];
  const bounds = max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
  const refused = !fitsParser(value, entry, dialect);
  return [
    finding(
      'answer.range',
      path,
      refused
        ? `${number} does not fit into the installer's whole numbers`
        : `${number} is out of range, and the installer finds out too late or not at all`,
      `Write ${bounds}${unit === undefined ? '' : ` (${unit})`}.`,
      refused ? { by: 'installer' } : {},
    ),
  ];
}

/** Whole numbers are unsigned in the installer's parser, and of a width that changed. */
function fitsParser(value: unknown, entry: AnswerKey, dialect: Dialect): boolean {
  const whole = entry.type === 'integer' ? integerOf(value) : undefined;
  return whole === undefined || (whole >= 0n && whole <= dialect.largestWholeNumber);
}

/** Control characters have no place in any key or value: they would end up in files and on consoles of the node. */
function unprintable(value: unknown, path: string): Finding[] {
  if (typeof value === 'string') return value.search(UNPRINTABLE) === -1 ? [] : [controlCharacter(path)];
  if (Array.isArray(value)) return value.flatMap((item, i) => unprintable(item, `${path}[${i}]`));
  if (!isTable(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const below = path === '' ? key : `${path}.${key}`;
    return [...(key.search(UNPRINTABLE) === -1 ? [] : [controlCharacter(below)]), ...unprintable(item, below)];
  });
}

function controlCharacter(path: string): Finding {
  return finding(
    'answer.control-character',
    path,
    'There is a control character or line break in it',
    'Remove it; write one line of printable text.',
  );
}
