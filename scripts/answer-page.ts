/**
 * Writes docs/answers.md, docs/answer-findings.md and docs/schemas/answer-RELEASE.schema.json from the key table and the catalogue of findings:
 * `npx node scripts/answer-page.ts`. With `--check` (part of `npm run check`) it writes nothing and fails when one of them is stale.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ANSWER_RELEASES, answerDialect } from '../src/answers/dialect.ts';
import { findingsPage } from '../src/answers/findings-page.ts';
import { answerPage } from '../src/answers/page.ts';
import { answerSchema } from '../src/answers/schema.ts';

const docs = new URL('../docs/', import.meta.url);
const pages: ReadonlyArray<readonly [file: string, text: string]> = [
  ['answers.md', answerPage()],
  ['answer-findings.md', findingsPage()],
  ...ANSWER_RELEASES.map((release): [string, string] => [
    `schemas/answer-${release}.schema.json`,
    `${JSON.stringify(answerSchema(answerDialect(release)), null, 2)}\n`,
  ]),
];

if (process.argv.includes('--check')) {
  const isStale = (file: string, text: string): boolean =>
    !existsSync(new URL(file, docs)) || readFileSync(new URL(file, docs), 'utf8') !== text;
  const stale = pages.filter(([file, text]) => isStale(file, text)).map(([file]) => `docs/${file}`);
  if (stale.length > 0) {
    process.stderr.write(`stale: ${stale.join(', ')}. Type: npx node scripts/answer-page.ts\n`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(new URL('schemas/', docs), { recursive: true });
  for (const [file, text] of pages) writeFileSync(new URL(file, docs), text);
}
