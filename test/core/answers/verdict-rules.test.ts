/**
 * The table of verdicts (test/support/verdicts.ts) against the list of rules: each has two rows or more, one that is taken and one that is refused, and a
 * row is really about the rules that it names.
 */
import { test } from 'tap';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, answerKey } from '../../../src/answers/keys.ts';
import { type Review, reviewAnswer } from '../../../src/answers/review.ts';
import { RULES } from '../../../src/answers/rules.ts';
import { View } from '../../../src/answers/view.ts';
import { keyOfRule, NEVER_REFUSED_RULES, VERDICT_RULES } from '../../support/verdict-rules.ts';
import { VERDICTS, type VerdictRow } from '../../support/verdicts.ts';

const reviewed = (row: VerdictRow, release: AnswerRelease): Review =>
  reviewAnswer(row.text(release), { dialect: answerDialect(release), product: 'pve', format: row.format });

const releasesOf = (row: VerdictRow, refused: boolean): readonly AnswerRelease[] =>
  ANSWER_RELEASES.filter((_, i) => (row.letters[i] === 'n') === refused).toReversed();

const viewOf = (row: VerdictRow, release: AnswerRelease): View =>
  new View(reviewed(row, release).answer ?? {}, answerDialect(release), 'pve');

const ruleNamed = (rule: string) =>
  Object.entries(RULES).find(([name]) => rule === `rule/${name}`) as
    | readonly [name: keyof typeof RULES, rule: (typeof RULES)[keyof typeof RULES]]
    | undefined;

/** Whether a row that is taken by a release has what the rule is about. */
function showsTaken(row: VerdictRow, rule: string, release: AnswerRelease): boolean {
  const view = viewOf(row, release);
  const key = keyOfRule(rule);
  if (key !== undefined) return view.has(key);
  const named = ruleNamed(rule)?.[0];
  return (
    named === undefined ||
    ANSWER_KEYS.some((entry) => entry.rules?.includes(named) && view.has(`${entry.section}.${entry.key}`))
  );
}

/** Whether it is this rule for which a release refuses the row. That a release does not know the key is no rule of its value. */
function showsRefused(row: VerdictRow, rule: string, release: AnswerRelease): boolean {
  const key = keyOfRule(rule);
  if (key !== undefined) {
    const ofValue = rule.includes('#');
    return reviewed(row, release).findings.some(({ by, code, path }) => {
      if (by !== 'installer' || (ofValue && code === 'answer.not-in-release')) return false;
      const at = path.replaceAll('_', '-');
      return (
        at === key || at.startsWith(`${key}.`) || at.startsWith(`${key}[`) || (!ofValue && key.startsWith(`${at}.`))
      );
    });
  }
  const named = ruleNamed(rule)?.[1];
  return named === undefined || named(viewOf(row, release)).some(({ by }) => by === 'installer');
}

/** Whether a release that takes the row is told of by a finding of our own at the rule's key: what stands for a refusal where no installer refuses. */
function showsTold(row: VerdictRow, rule: string, release: AnswerRelease): boolean {
  const key = keyOfRule(rule);
  if (key === undefined) {
    const named = ruleNamed(rule)?.[1];
    const { answer = {} } = reviewed(row, release);
    // One of these rules says nothing on Proxmox VE, of which the table is.
    return (['pve', 'pbs'] as const).some(
      (product) => named === undefined || named(new View(answer, answerDialect(release), product)).length > 0,
    );
  }
  return reviewed(row, release).findings.some(({ by, path }) => {
    const at = path.replaceAll('_', '-');
    return by !== 'installer' && (at === key || at.startsWith(`${key}.`) || at.startsWith(`${key}[`));
  });
}

/** `/since`: refused by all before, taken by one from then on. */
function showsSince(row: VerdictRow, rule: string): boolean {
  if (!rule.endsWith('/since')) return true;
  const since = ANSWER_RELEASES.findIndex((release) => release === answerKey(keyOfRule(rule) ?? '')?.since);
  return since > 0 && /^n*$/.test(row.letters.slice(0, since)) && /[yom]/.test(row.letters.slice(since));
}

test('every rule has two rows, one that is taken and one that is refused', (t) => {
  const seen = new Map([...VERDICT_RULES].map((rule) => [rule, { rows: 0, taken: 0, refused: 0, told: 0 }]));
  for (const row of VERDICTS) {
    t.match(row.letters, /^[ynom]{6}$/, `${row.name}: a letter for each release`);
    t.ok(row.rules.length > 0, `${row.name}: names its rule`);
    for (const rule of row.rules) {
      const count = seen.get(rule);
      const taken = releasesOf(row, false).some((release) => showsTaken(row, rule, release));
      const refused = releasesOf(row, true).some((release) => showsRefused(row, rule, release));
      const shows = (taken || refused) && showsSince(row, rule);
      t.ok(count !== undefined && shows, `${row.name}: is about ${rule}`);
      if (count === undefined || !shows) continue;
      count.rows += 1;
      count.taken += taken ? 1 : 0;
      count.refused += refused ? 1 : 0;
      count.told += releasesOf(row, false).some((release) => showsTold(row, rule, release)) ? 1 : 0;
    }
  }
  for (const [rule, { rows, taken, refused, told }] of seen) {
    t.ok(rows >= 2, `${rule}: ${rows} rows`);
    t.ok(taken >= 1, `${rule}: taken in ${taken} rows`);
    if (NEVER_REFUSED_RULES.has(rule)) {
      t.equal(refused, 0, `${rule}: refused by none`);
      t.ok(told >= 1, `${rule}: told of in ${told} rows`);
    } else t.ok(refused >= 1, `${rule}: refused in ${refused} rows`);
  }
  const names = VERDICTS.map(({ name }) => name);
  t.same(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
    'no two rows of one name',
  );
  t.end();
});
