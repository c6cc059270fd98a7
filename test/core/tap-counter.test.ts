import { test } from 'tap';
import { TapCounter } from '../../scripts/test/tap-counter.ts';

/** Output of tap for one file, indented as tap does it. */
const file = (name: string, ok: boolean, body: string): string =>
  `# Subtest: ${name}\n${body.replace(/^(?=.)/gm, '    ')}${ok ? '' : 'not '}ok 1 - ${name} # time=5ms\n`;

const block = (name: string, result: string, body: string): string =>
  `# Subtest: ${name}\n${body.replace(/^(?=.)/gm, '    ')}${result} - ${name}\n`;

const ROWS: ReadonlyArray<{
  readonly name: string;
  readonly tap: string;
  readonly passed: number;
  readonly failed: number;
  readonly says?: RegExp;
}> = [
  {
    name: 'two green tests of several assertions',
    tap: file(
      'a',
      true,
      `${block('x', 'ok 1', 'ok 1 - p\nok 2 - q\n1..2\n')}${block('y', 'ok 2', 'ok 1 - p\n1..1\n')}1..2\n`,
    ),
    passed: 2,
    failed: 0,
  },
  {
    name: 'a red assertion makes its test red, once',
    tap: file(
      'a',
      false,
      `${block('x', 'not ok 1', 'ok 1 - p\nnot ok 2 - q\n1..2\n')}${block('y', 'ok 2', 'ok 1 - p\n1..1\n')}1..2\n`,
    ),
    passed: 1,
    failed: 1,
    says: /a > x\n.*not ok: q/,
  },
  {
    name: 'nested: the innermost blocks are the tests',
    tap: file(
      'a',
      false,
      `${block('x', 'not ok 1', `${block('in', 'not ok 1', 'not ok 1 - p\n1..1\n')}${block('too', 'ok 2', 'ok 1 - q\n1..1\n')}1..2\n`)}1..1\n`,
    ),
    passed: 1,
    failed: 1,
    says: /a > x > in/,
  },
  {
    name: 'a file of assertions only is one test',
    tap: file('a', true, 'ok 1 - p\nok 2 - q\n1..2\n'),
    passed: 1,
    failed: 0,
  },
  {
    name: 'a crash after green tests is one failure more',
    tap: file('a', false, `${block('x', 'ok 1', 'ok 1 - p\n1..1\n')}1..1\n`),
    passed: 1,
    failed: 1,
    says: /FAILED {2}a\n/,
  },
  { name: 'a file without a test', tap: file('a', true, '1..0\n'), passed: 0, failed: 1, says: /no test in this file/ },
  {
    name: 'a skipped test is a failure',
    tap: file('a', true, `${block('x', 'ok 1', 'ok 1 - p\n1..1\n')}ok 2 - y # SKIP no time\n1..2\n`),
    passed: 1,
    failed: 1,
    says: /skipped: y no time/,
  },
  {
    name: 'a todo is a failure',
    tap: file('a', true, 'not ok 1 - y # TODO later\n1..1\n'),
    passed: 0,
    failed: 1,
    says: /todo: y/,
  },
  { name: 'bailing out', tap: file('a', false, 'Bail out! no disk\n'), passed: 0, failed: 1, says: /no disk/ },
];

for (const { name, tap, passed, failed, says } of ROWS)
  test(name, (t) => {
    const lines: string[] = [];
    const counter = new TapCounter((line) => lines.push(line));
    // In pieces, as a pipe delivers it.
    for (const piece of `TAP version 14\n${tap}1..1\n`.match(/[\s\S]{1,7}/g) ?? []) counter.write(Buffer.from(piece));
    counter.end();
    t.strictSame({ passed: counter.passed, failed: counter.failed }, { passed, failed }, lines.join('\n'));
    if (says !== undefined) t.match(counter.failures.join('\n'), says);
    t.end();
  });
