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
  const ordered = inOrder(answer);
  refuseUnprintable(ordered);
  return tomlOf(ordered);
}

/**
 * The same answer as JSON, for releases that take it.
 * @throws Error as `serialiseAnswer`
 */
export function serialiseAnswerAsJson(answer: Table): string {
  const ordered = inOrder(answer);
  refuseUnprintable(ordered);
  return `${JSON.stringify(ordered)}\n`;
}

/** TOML of a value whose keys are in order already; also of one that nobody checked: what is no text for a terminal is escaped. */
export function tomlOf(answer: Table): string {
  return escapeUnprintable(stringify(answer));
}

/** TOML and JSON escape C0 in their strings, and have the same escape for the rest: DEL, C1 and the two line separators. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The second line of defence: whatever a check let through, it does not leave this process. */
function refuseUnprintable(value: unknown): void {
  if (typeof value === 'string') {
    if (value.search(UNPRINTABLE) !== -1) throw new Error('a control character reached the serialiser');
  } else if (Array.isArray(value)) value.forEach(refuseUnprintable);
  else if (isTable(value)) {
    for (const [key, below] of Object.entries(value)) {
      refuseUnprintable(key);
      refuseUnprintable(below);
    }
  }
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
