/** An answer rewritten for another release: its spelling, its values, and without what that release does not know. */
import type { Dialect } from './dialect.ts';
import { isInRelease, keyIn, nameIn, SECTIONS, type Section, sectionSince } from './keys.ts';
import { compareReleases } from './release.ts';
import { Float } from './scalars.ts';
import { inOrder, tomlOf } from './serialise.ts';
import { isTable, type Table } from './view.ts';

export interface Converted {
  /** Spelled for the release, keys in the order in which they are written. */
  readonly answer: Table;
  readonly toml: string;
  /** What was changed beyond spelling, one line each. */
  readonly changes: readonly string[];
}

/** @param answer spelled with hyphens, as `foldSpelling` makes it; unknown keys stay, so that the check finds them */
export function convertAnswer(answer: Table, to: Dialect): Converted {
  const changes: string[] = [];
  // Not an object: a section called __proto__ would be lost.
  const sections = new Map<string, unknown>();
  for (const [name, value] of Object.entries(inOrderWithUnknown(answer))) {
    const section = SECTIONS.find((known) => known === name);
    if (section === undefined || !isTable(value)) sections.set(name, value);
    else if (compareReleases(to.release, sectionSince(section)) < 0) {
      changes.push(`[${section}] left out: ${to.release} does not know it`);
    } else sections.set(name, convertTable(section, '', value, to, changes));
  }
  const network = sections.get('network');
  if (isTable(network) && network.source === undefined) {
    const source = network.cidr === undefined ? 'from-dhcp' : 'from-answer';
    sections.set('network', { source, ...network });
    changes.push(`network.source = "${source}" written out`);
  }
  const converted: Table = Object.fromEntries(sections);
  return { answer: converted, toml: tomlOf(converted), changes };
}

function convertTable(section: Section, prefix: string, table: Table, to: Dialect, changes: string[]): Table {
  const converted: [string, unknown][] = [];
  for (const [name, value] of Object.entries(table)) {
    const entry = keyIn(section, prefix, name);
    const path = `${section}.${prefix}${name}`;
    if (entry === undefined) converted.push([name, plain(value)]);
    else if (!isInRelease(entry, to.release)) changes.push(`${path} left out: ${to.release} does not know it`);
    else if (path === 'network.interface-name-pinning' && isTable(value) && value.enabled === false) {
      changes.push(`${path} left out: from 9.2 on a disabled one pins all the same`);
    } else if (isTable(value) && compareReleases(to.release, entry.tableSince ?? '0') < 0) {
      changes.push(`${path} left out: ${to.release} takes a text only`);
    } else if (entry.upperCaseSince !== undefined && typeof value === 'string') {
      // Lower case works everywhere.
      converted.push([nameIn(entry, to.release), value.toLowerCase()]);
    } else if ((entry.type === 'table' || entry.type === 'name-or-table') && isTable(value)) {
      converted.push([nameIn(entry, to.release), convertTable(section, `${prefix}${name}.`, value, to, changes)]);
    } else converted.push([nameIn(entry, to.release), plain(value)]);
  }
  return Object.fromEntries(converted);
}

function plain(value: unknown): unknown {
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  return isTable(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) : value;
}

/** Known keys in the order of the table, then the others as they came. */
function inOrderWithUnknown(answer: Table): Table {
  const ordered = inOrder(answer);
  return mergeMissing(ordered, answer);
}

function mergeMissing(ordered: Table, all: Table): Table {
  const merged = Object.entries(ordered).map(([key, value]): [string, unknown] => {
    const other = all[key];
    return [key, isTable(value) && isTable(other) ? mergeMissing(value, other) : value];
  });
  return Object.fromEntries([...merged, ...Object.entries(all).filter(([key]) => !Object.hasOwn(ordered, key))]);
}
