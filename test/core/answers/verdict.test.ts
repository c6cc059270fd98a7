/**
 * Whether the official installer of each release takes an answer: our validator against the table of verdicts (test/support/verdicts.ts). The stand-in
 * installer's own checker is asked about the same rows by test/servers/answers-verdict.test.ts.
 */
import { test } from 'tap';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../../src/answers/dialect.ts';
import type { Finding } from '../../../src/answers/findings.ts';
import { reviewAnswer } from '../../../src/answers/review.ts';
import { officiallyAccepted, validateAnswer } from '../../../src/answers/validate.ts';
import { VERDICTS, type VerdictRow } from '../../support/verdicts.ts';

function findingsOf(row: VerdictRow, release: AnswerRelease): readonly Finding[] {
  const dialect = answerDialect(release);
  if (row.value !== undefined) return validateAnswer(row.value(release), dialect, 'pve');
  return reviewAnswer(row.text(release), { dialect, product: 'pve', format: row.format }).findings;
}

function letterOf(findings: readonly Finding[]): string {
  if (!officiallyAccepted(findings)) return 'n';
  return findings.some(({ severity }) => severity === 'error') ? 'o' : 'y';
}

test('every row, in every release', (t) => {
  for (const row of VERDICTS) {
    const found = ANSWER_RELEASES.map((release) => letterOf(findingsOf(row, release))).join('');
    // Where the machine stops is for the stand-in to say; here it is an error of our own.
    t.equal(found, row.letters.replaceAll('m', 'o'), row.name);
  }
  t.end();
});
