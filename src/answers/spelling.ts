/**
 * Folding the spellings of a release into hyphens, which everything behind reads. From 8.4 on the old ones with underscores (`disk_list`) are
 * aliases, but a key may not stand in both; before, they are the only ones, except in `[first-boot]`.
 */
import { newestDialect } from './dialect.ts';
import { type Finding, finding } from './findings.ts';
import { formerName, hasUnderscoreAlias, isInRelease, keyIn } from './keys.ts';
import { isTable, type Table } from './view.ts';

export interface Folded {
  readonly answer: Table;
  readonly findings: readonly Finding[];
}

/** The same answer with hyphens only. Unknown keys, and the keys of free maps, stay as they are. */
export function foldSpelling(answer: Table, { takesHyphens, release } = newestDialect): Folded {
  const findings: Finding[] = [];
  const fold = (section: string, prefix: string, table: Table): Table => {
    const folded = new Map<string, unknown>();
    for (const [name, value] of Object.entries(table)) {
      const hyphened = name.replaceAll('_', '-');
      const entry = keyIn(section, prefix, hyphened);
      const former = entry === undefined ? undefined : formerName(entry);
      // An alias has underscores throughout: `root_ssh-keys` is no spelling at all.
      const isAlias =
        !name.includes('-') && entry !== undefined && (takesHyphens ? hasUnderscoreAlias(entry) : former !== undefined);
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
      } else if (!takesHyphens && name === hyphened && entry && former !== undefined && isInRelease(entry, release)) {
        findings.push(
          finding(
            'answer.unknown-key',
            path,
            `The installer of ${release} spells it with underscores; hyphens came with 8.4`,
            `Write ${former}.`,
          ),
        );
      }
      // Below free maps and unknown tables no name is a key, and all stay as they are.
      folded.set(key, isTable(value) ? fold(section, `${prefix}${key}.`, value) : value);
    }
    return Object.fromEntries(folded);
  };
  const sections = Object.entries(answer).map(([name, value]) => [
    name,
    isTable(value) ? fold(name, '', value) : value,
  ]);
  return { answer: Object.fromEntries(sections), findings };
}
