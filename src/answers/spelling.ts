/** Folding the old spellings with underscores (`disk_list`) into those with hyphens. Every release from 8.4 on takes both, but not twice. */
import { type Finding, finding } from './findings.ts';
import { answerKey, hasUnderscoreAlias, SECTIONS, type Section } from './keys.ts';
import { isTable, type Table } from './view.ts';

export interface Folded {
  readonly answer: Table;
  readonly findings: readonly Finding[];
}

/** The same answer with hyphens only. Unknown keys, and the keys of free maps, stay as they are. */
export function foldSpelling(answer: Table): Folded {
  const findings: Finding[] = [];
  const sections = Object.entries(answer).map(([name, value]): [string, unknown] => {
    const section = SECTIONS.find((known) => known === name);
    return [name, section !== undefined && isTable(value) ? foldTable(section, '', value, findings) : value];
  });
  return { answer: Object.fromEntries(sections), findings };
}

function foldTable(section: Section, prefix: string, table: Table, findings: Finding[]): Table {
  const folded = new Map<string, unknown>();
  for (const [name, value] of Object.entries(table)) {
    const hyphened = name.replaceAll('_', '-');
    const entry = answerKey(`${section}.${prefix}${hyphened}`);
    const isAlias = name !== hyphened && entry !== undefined && hasUnderscoreAlias(entry);
    const key = isAlias ? hyphened : name;
    const path = `${section}.${prefix}${name}`;
    if (folded.has(key)) {
      findings.push(
        finding('answer.duplicate-spelling', path, `${key} stands here in both spellings`, `Keep ${hyphened} only.`),
      );
    } else if (isAlias) {
      findings.push(
        finding(
          'answer.old-spelling',
          path,
          'The spelling with underscores ends with release 10',
          `Write ${hyphened}.`,
        ),
      );
    }
    const nested = (entry?.type === 'table' || entry?.type === 'name-or-table') && isTable(value);
    folded.set(key, nested ? foldTable(section, `${prefix}${key}.`, value, findings) : value);
  }
  return Object.fromEntries(folded);
}
