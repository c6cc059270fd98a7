/** The generated pages say everything that the table and the catalogue say, and are not stale. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { ANSWER_RELEASES, answerDialect } from '../../../src/answers/dialect.ts';
import { FINDING_KINDS } from '../../../src/answers/findings.ts';
import { findingsPage } from '../../../src/answers/findings-page.ts';
import { ANSWER_KEYS } from '../../../src/answers/keys.ts';
import { answerPage } from '../../../src/answers/page.ts';
import { answerSchema } from '../../../src/answers/schema.ts';

const docs = new URL('../../../docs/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, docs), 'utf8');

test('docs/answers.md, docs/answer-findings.md and the schemas are what scripts/answer-page.ts writes', (t) => {
  t.equal(read('answers.md'), answerPage());
  t.equal(read('answer-findings.md'), findingsPage());
  for (const release of ANSWER_RELEASES) {
    t.same(JSON.parse(read(`schemas/answer-${release}.schema.json`)), answerSchema(answerDialect(release)), release);
  }
  t.end();
});

test('every key has its row, with its rules and an example; every code has its row', (t) => {
  const page = answerPage();
  const linesOf = (section: string): string[] =>
    (page.split(`### [${section}]\n`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? '').split('\n');
  for (const { section, key, format, rules = [], text } of ANSWER_KEYS) {
    const rows = linesOf(section).filter((line) => line.startsWith(`| \`${key}\` |`) && line.includes(text));
    t.equal(rows.length, 1, key);
    for (const rule of [...(format === undefined ? [] : [format]), ...rules]) t.match(rows[0], rule, key);
    t.match(rows[0], ' = ', key);
  }
  for (const { section, key, upperCaseSince, tableSince } of ANSWER_KEYS) {
    const row = linesOf(section).find((line) => line.startsWith(`| \`${key}\` |`)) ?? '';
    t.equal(/all upper case \(RAID\S+\) too from (\S+) on/.exec(row)?.[1], upperCaseSince, `${key}: letters`);
    t.equal(/or a table from (\S+) on/.exec(row)?.[1], tableSince, `${key}: table`);
  }
  for (const code of Object.keys(FINDING_KINDS)) {
    t.equal(findingsPage().split(`| \`${code}\` |`).length, 2, code);
  }
  t.end();
});
