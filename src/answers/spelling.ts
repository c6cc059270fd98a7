/**
 * Folding the spellings of a release into hyphens, which everything behind reads. From 8.4 on the old ones with underscores (`disk_list`) are
 * aliases, but a key may not stand in both; before, they are the only ones, except in `[first-boot]`.
 */
import { newestDialect } from './dialect.ts';
import { type Finding, finding } from './findings.ts';
import { answerKey, formerName, hasUnderscoreAlias, SECTIONS, type Section } from './keys.ts';
import { isTable, type Table } from './view.ts';

export interface Folded {
  readonly answer: Table;
  readonly findings: readonly Finding[];
}

/** The same answer with hyphens only. Unknown keys, and the keys of free maps, stay as they are. */
export function foldSpelling(answer: Table, { takesHyphens, release } = newestDialect): Folded {
  const findings: Finding[] = [];
  const fold = (section: Section, prefix: string, table: Table): Table => {
    const folded = new Map<string, unknown>();
    for (const [name, value] of Object.entries(table)) {
      const hyphened = name.replaceAll('_', '-');
      const entry = answerKey(`${section}.${prefix}${hyphened}`);
      const former = entry === undefined ? undefined : formerName(entry);
      const isAlias =
        name !== hyphened &&
        entry !== undefined &&
        (takesHyphens ? hasUnderscoreAlias(entry) : former !== undefined && name === former);
      const key = isAlias ? hyphened : name;
      const path = `${section}.${prefix}${name}`;
      if (folded.has(key)) {
        findings.push(
          finding(
            'answer.duplicate-spelling',
            path,
            `${key} stands here in both spellings`,
            `Keep ${takesHyphens ? hyphened : former} only.`,
          ),
        );
      } else if (isAlias && takesHyphens) {
        findings.push(
          finding(
            'answer.old-spelling',
            path,
            'The spelling with underscores ends with release 10',
            `Write ${hyphened}.`,
          ),
        );
      } else if (!takesHyphens && name === hyphened && former !== undefined && former !== name) {
        findings.push(
          finding(
            'answer.unknown-key',
            path,
            `The installer of ${release} spells it with underscores; hyphens came with 8.4`,
            `Write ${former}.`,
          ),
        );
      }
      const nested = (entry?.type === 'table' || entry?.type === 'name-or-table') && isTable(value);
      folded.set(key, nested ? fold(section, `${prefix}${key}.`, value) : value);
    }
    return Object.fromEntries(folded);
  };
  const sections = Object.entries(answer).map(([name, value]): [string, unknown] => {
    const section = SECTIONS.find((known) => known === name);
    return [name, section !== undefined && isTable(value) ? fold(section, '', value) : value];
  });
  return { answer: Object.fromEntries(sections), findings };
}
