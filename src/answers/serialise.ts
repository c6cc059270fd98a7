/** An answer as TOML: by a serialiser, keys in the order of the key table, free maps in the order of their keys. Same answer, same bytes. */
import { stringify } from 'smol-toml';
import { UNPRINTABLE } from './findings.ts';
import { keysBelow, ownName, SECTIONS, type Section } from './keys.ts';
import { isTable, type Table } from './view.ts';

/**
 * @param answer spelled with hyphens, checked
 * @throws Error if a control character got as far as here: a defect of ours, since validation refuses them
 */
export function serialiseAnswer(answer: Table): string {
  return tomlOf(inOrder(answer));
}

/**
 * The same answer as JSON, for releases that take it.
 * @throws Error as `serialiseAnswer`
 */
export function serialiseAnswerAsJson(answer: Table): string {
  return `${JSON.stringify(inOrder(answer), (_key, value: unknown) => {
    if (typeof value === 'string' && value.search(UNPRINTABLE) !== -1) {
      throw new Error('a control character reached the serialiser');
    }
    return value;
  })}\n`;
}

/** TOML of a value whose keys are in order already. */
export function tomlOf(answer: Table): string {
  const toml = stringify(answer);
  for (const line of toml.split('\n')) {
    if (line.search(UNPRINTABLE) !== -1) throw new Error('a control character reached the serialiser');
  }
  return toml;
}

/** The same answer with its keys in the order in which they are written. */
export function inOrder(answer: Table): Table {
  return Object.fromEntries(
    SECTIONS.filter((section) => isTable(answer[section])).map((section) => [
      section,
      tableInOrder(section, '', answer[section] as Table),
    ]),
  );
}

function tableInOrder(section: Section, prefix: string, table: Table): Table {
  const ordered: [string, unknown][] = [];
  for (const entry of keysBelow(section, prefix)) {
    const name = ownName(entry);
    if (!Object.hasOwn(table, name)) continue;
    const value = table[name];
    if (!isTable(value)) ordered.push([name, value]);
    else if (entry.type === 'globs' || entry.type === 'mapping') ordered.push([name, byKey(value)]);
    else ordered.push([name, tableInOrder(section, entry.key, value)]);
  }
  return Object.fromEntries(ordered);
}

function byKey(table: Table): Table {
  return Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
