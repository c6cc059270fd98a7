/** Values are data: whatever text stands at whatever place, it stays text, or it is refused with the name of its field. */
import { test } from 'tap';
import { answerDialect } from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, type AnswerKey } from '../../../src/answers/keys.ts';
import { escapeUnprintable, serialiseAnswer, serialiseAnswerAsJson, tomlOf } from '../../../src/answers/serialise.ts';
import { validateAnswer } from '../../../src/answers/validate.ts';
import { type Json, type JsonMap, SMALLEST, withValue } from '../../support/answers.ts';

/** One of each kind: C0 with the two line breaks, DEL, C1, the separators that some call line breaks, half a character. */
const CONTROLS = [
  '\u0000',
  '\u0001',
  '\t',
  '\n',
  '\r',
  '\u001b',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u2028',
  '\u2029',
  '\ud800',
];

/** For the name of a case: the report of the tests is text itself. */
const nameOf = (control: string): string => `U+${control.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The places of a key at which a text may stand, with the path that a finding names. */
function placesOf(
  { section, key, type }: AnswerKey,
  text: string,
): ReadonlyArray<readonly [value: Json, path: string]> {
  const path = `${section}.${key}`;
  const shown = text.replaceAll(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (type === 'strings') return [[['good', text], `${path}[1]`]];
  if (type === 'globs' || type === 'mapping') {
    return [
      [{ KEY: text }, `${path}.KEY`],
      [{ [text]: 'value' }, `${path}.${shown}`],
    ];
  }
  return type === 'table' ? [] : [[text, path]];
}

test('a control character is refused at every place of every key, with the name of the field, in one line', (t) => {
  let places = 0;
  for (const entry of ANSWER_KEYS) {
    for (const control of CONTROLS) {
      for (const [value, path] of placesOf(entry, `a${control}b`)) {
        places += 1;
        const answer = withValue(SMALLEST, [entry.section, ...entry.key.split('.')], value);
        const found = validateAnswer(answer, answerDialect('9.2'), 'pve').filter(
          ({ code }) => code === 'answer.control-character',
        );
        const where = `${entry.section}.${entry.key} ${nameOf(control)}`;
        t.same(
          found.map((each) => each.path),
          [path],
          where,
        );
        t.notMatch(JSON.stringify(found), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/, where);
      }
    }
  }
  t.ok(places > 500, `${places} cases`);
  t.end();
});

test('what a check let through does not leave: both serialisers refuse it, in values, lists and names', (t) => {
  const answers: ReadonlyArray<(control: string) => JsonMap> = [
    (control) => withValue(SMALLEST, ['global', 'mailto'], `a${control}b`),
    (control) => withValue(SMALLEST, ['global', 'root-ssh-keys'], ['x', control]),
    (control) => withValue(SMALLEST, ['network', 'filter'], { ID_PATH: control }),
    (control) => withValue(SMALLEST, ['network', 'filter'], { [control]: 'x' }),
  ];
  for (const control of CONTROLS) {
    for (const answer of answers) {
      for (const serialise of [serialiseAnswer, serialiseAnswerAsJson])
        t.throws(() => serialise(answer(control)), /control character/, nameOf(control));
    }
  }
  t.doesNotThrow(() => serialiseAnswer(SMALLEST));
  t.end();
});

test('an answer that is only converted keeps its control characters, escaped', (t) => {
  const text = CONTROLS.filter((control) => control !== '\ud800').join('');
  const written = tomlOf({ global: { mailto: text, [text]: 1 } });
  t.notMatch(written.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  t.equal(written.split('\n').length, 4, 'a header, two lines, and the end');
  t.equal(escapeUnprintable('ü\u0085\u2028'), 'ü\\u0085\\u2028');
  t.end();
});
