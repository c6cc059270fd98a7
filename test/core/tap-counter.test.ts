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
    const stream = counter.stream();
    for (const piece of `TAP version 14\n${tap}1..1\n`.match(/[\s\S]{1,7}/g) ?? []) stream.write(Buffer.from(piece));
    stream.end('exit status 0');
    t.strictSame({ passed: counter.passed, failed: counter.failed }, { passed, failed }, lines.join('\n'));
    if (says !== undefined) t.match(counter.failures.join('\n'), says);
    t.end();
  });

test('a program that dies in a test: the failure has the name of that test, and the file is counted', (t) => {
  const lines: string[] = [];
  const counter = new TapCounter((line) => lines.push(line));
  const stream = counter.stream();
  stream.write(Buffer.from(file('a', true, `${block('x', 'ok 1', 'ok 1 - p\n1..1\n')}1..1\n`)));
  stream.write(Buffer.from('# Subtest: b\n    # Subtest: y\n        ok 1 - p\n        1..1\n    ok 1 - y\n'));
  stream.write(Buffer.from('    # Subtest: z\n        # Subtest: in\n            ok 1 - p\n'));
  stream.end('SIGSEGV', 'b');
  t.strictSame(
    { passed: counter.passed, failed: counter.failed, files: counter.files },
    { passed: 2, failed: 1, files: 2 },
  );
  t.match(counter.failures.join('\n'), /^FAILED {2}b > z > in\n {8}SIGSEGV$/);
  t.match(lines, ['ok      a (1 tests, 0.0 s)', /FAILED/, 'NOT OK  b (2 tests)']);
  t.end();
});

test('a program that dies before it has said anything of its file, and one that dies after it', (t) => {
  const counter = new TapCounter(() => {});
  counter.stream().end('exit status 3', 'a');
  const stream = counter.stream();
  stream.write(Buffer.from(file('b', true, `${block('x', 'ok 1', 'ok 1 - p\n1..1\n')}1..1\n`)));
  stream.end('exit status 4', 'b');
  t.strictSame(
    { passed: counter.passed, failed: counter.failed, files: counter.files },
    { passed: 1, failed: 2, files: 2 },
  );
  t.match(counter.failures, ['FAILED  a\n        exit status 3', 'FAILED  b\n        exit status 4']);
  t.end();
});

test('two outputs in turns: each file has its own tests', (t) => {
  const lines: string[] = [];
  const counter = new TapCounter((line) => lines.push(line));
  const [one, two] = [counter.stream(), counter.stream()];
  const tests = (count: number): string =>
    Array.from({ length: count }, (_, n) => block(`t${n}`, `ok ${n + 1}`, 'ok 1 - p\n1..1\n')).join('');
  const [a, b] = [file('a', true, `${tests(2)}1..2\n`), file('b', true, `${tests(3)}1..3\n`)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 20) {
    one.write(Buffer.from(a.slice(at, at + 20)));
    two.write(Buffer.from(b.slice(at, at + 20)));
  }
  one.end('exit status 0');
  two.end('exit status 0');
  t.strictSame({ passed: counter.passed, failed: counter.failed }, { passed: 5, failed: 0 });
  t.strictSame(lines.sort(), ['ok      a (2 tests, 0.0 s)', 'ok      b (3 tests, 0.0 s)']);
  t.end();
});
