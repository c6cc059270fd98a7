/**
 * Every row of the table of verdicts (test/support/verdicts.ts), in every release, judged three times: by the table, by our validator from the text that the
 * installer would be handed, and by the stand-in installer's own checker, without a machine (phases P and C) and on one (phase M).
 */
import { test } from 'tap';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../src/answers/dialect.ts';
import { reviewAnswer } from '../../src/answers/review.ts';
import { askStandIn, type CheckerRow, type CheckerVerdict } from '../support/stand-in.ts';
import { VERDICT_MACHINE, VERDICTS, type VerdictRow } from '../support/verdicts.ts';

function question(row: VerdictRow, release: AnswerRelease): CheckerRow {
  // Before 9.2 no installer looks at the type that the server says: all is TOML.
  return { release, answer: row.text(release), json: row.format === 'json' && release === '9.2' };
}

/** `n`, or `y` and `o` by errors of our own. */
function ours(row: VerdictRow, release: AnswerRelease): string {
  const request = { dialect: answerDialect(release), product: 'pve', format: row.format } as const;
  const { accepted, findings } = reviewAnswer(row.text(release), request);
  if (!accepted) return 'n';
  return findings.some(({ severity }) => severity === 'error') ? 'o' : 'y';
}

test('table, validator and the checker of the stand-in are of one mind', (t) => {
  const cases = VERDICTS.flatMap((row) => ANSWER_RELEASES.map((release) => ({ row, release })));
  const early = askStandIn<CheckerVerdict>(
    'checker.py',
    cases.map(({ row, release }) => question(row, release)),
  );
  const late = askStandIn<CheckerVerdict>(
    'checker.py',
    cases.map(({ row, release }) => ({ ...question(row, release), machine: VERDICT_MACHINE })),
  );
  const letters = cases.map(({ row, release }, i) => {
    const refused = early[i]?.ok !== true;
    const stops = late[i]?.ok !== true;
    return { validator: ours(row, release), checker: refused ? 'n' : stops ? 'm' : 'y' };
  });
  VERDICTS.forEach(({ name, letters: wanted }, row) => {
    const found = letters.slice(row * ANSWER_RELEASES.length, (row + 1) * ANSWER_RELEASES.length);
    t.same(
      {
        validator: found.map(({ validator }) => validator).join(''),
        checker: found.map(({ checker }) => checker).join(''),
      },
      // An error of ours is none of the installer's; where it stops on the machine, we have said so before.
      { validator: wanted.replaceAll('m', 'o'), checker: wanted.replaceAll('o', 'y') },
      name,
    );
  });
  t.end();
});
