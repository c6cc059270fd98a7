/** Many test files in few processes: each is judged alone, and one that breaks its process takes no other with it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { runShared } from '../../scripts/test/shared.ts';
import { TapCounter } from '../../scripts/test/tap-counter.ts';
import { differences, type Traces } from '../../scripts/test/traces.ts';

const body = (text: string): string => `import { test } from 'tap';\n${text}\n`;
const GREEN = body(`test('one', (t) => { t.pass(); t.end(); });\ntest('two', async (t) => { t.ok(t.testdir()); });`);

/** A file, what the runner has to say about it (nothing when it is green), and how many tests in it are green. */
const FILES: ReadonlyArray<{
  readonly name: string;
  readonly text: string;
  readonly says?: RegExp;
  readonly passed: number;
}> = [
  { name: 'a-green', text: GREEN, passed: 2 },
  {
    name: 'b-red',
    text: body(`test('one', (t) => { t.pass(); t.end(); });\ntest('two', async (t) => { t.equal(1, 2, 'sum'); });`),
    says: /> two\n +not ok: sum/,
    passed: 1,
  },
  {
    name: 'c-exits',
    text: body(`test('one', async (t) => { t.pass(); });\ntest('leaves', async () => { process.exit(0); });`),
    says: /ended its process \(exit status [01]\)/,
    passed: 1,
  },
  {
    name: 'd-killed',
    text: body(
      `test('dies', async (t) => { t.pass(); process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}); });`,
    ),
    says: /> dies\n +ended its process \(SIGKILL\)/,
    passed: 0,
  },
  {
    name: 'e-loops',
    text: body(`test('never returns', async (t) => { t.pass(); for (;;); });`),
    says: /> never returns\n +did not end, and was stopped from outside/,
    passed: 0,
  },
  {
    name: 'f-waits',
    text: body(`test('waits', async () => { setInterval(() => {}, 1000); await new Promise(() => {}); });`),
    says: /> waits\n +not ok: timeout!/,
    passed: 0,
  },
  { name: 'g-throws', text: "throw new Error('at once');\n", says: /at once/, passed: 0 },
  {
    name: 'h-leaves',
    text: body(`test('sets', (t) => { process.env.LEFT = '1'; Date.now = () => 0; t.pass(); t.end(); });`),
    says: /leaves behind what the next file would see\n +process\.env\.LEFT is changed\n +Date\.now is changed/,
    passed: 1,
  },
  { name: 'i-empty', text: 'export {};\n', says: /there is no test in this file/, passed: 0 },
  {
    name: 'j-clean',
    text: body(
      `test('sees nothing of the others', async (t) => { t.equal(process.env.LEFT, undefined); t.ok(Date.now() > 0); });`,
    ),
    passed: 1,
  },
  { name: 'k-green', text: GREEN, passed: 2 },
];

test('each file is reported by name and counted once, whatever the others do to their process', async (t) => {
  const directory = t.testdir(Object.fromEntries(FILES.map(({ name, text }) => [`${name}.test.ts`, text])));
  const lines: string[] = [];
  const counter = new TapCounter((line) => lines.push(line));
  const raw: Uint8Array[] = [];
  const env = { ...process.env };
  await runShared(
    FILES.map(({ name }) => join(directory, `${name}.test.ts`)),
    counter,
    { jobs: 2, timeoutSeconds: 8, env, raw: (chunk) => raw.push(chunk), stop: new AbortController().signal },
    1000,
  );
  for (const { name, says } of FILES) {
    const shown = lines.filter((line) => /^(ok|NOT OK) /.test(line) && line.includes(`${name}.test.ts`));
    t.equal(shown.length, 1, `${name} has one line`);
    const failures = counter.failures.filter((failure) => failure.includes(`${name}.test.ts`));
    if (says === undefined) t.strictSame(failures, [], name);
    else t.match(failures.join('\n'), says, name);
  }
  t.equal(counter.files, FILES.length);
  t.equal(
    counter.passed,
    FILES.map(({ passed }) => passed).reduce((sum, passed) => sum + passed),
  );
  t.match(Buffer.concat(raw).toString(), /ok 1 - one/, 'the raw output is kept');
});

test('told to stop, it ends what runs, names it, and begins nothing else', async (t) => {
  const waits =
    "writeFileSync(new URL('begun', import.meta.url), ''); setInterval(() => {}, 1000); await new Promise(() => {});";
  const directory = t.testdir({
    'a.test.ts': `import { writeFileSync } from 'node:fs';\n${body(`test('waits', async (t) => { t.pass(); ${waits} });`)}`,
    'b.test.ts': GREEN,
  });
  const counter = new TapCounter(() => {});
  const stop = new AbortController();
  const files = ['a', 'b'].map((name) => join(directory, `${name}.test.ts`));
  const how = { jobs: 1, timeoutSeconds: 60, env: { ...process.env }, raw: () => {}, stop: stop.signal };
  const running = runShared(files, counter, how);
  while (!existsSync(join(directory, 'begun'))) await new Promise((resolve) => setTimeout(resolve, 20));
  stop.abort();
  await running;
  t.match(counter.failures.join('\n'), /a\.test\.ts > waits\n +.*ended its process \(SIGTERM\)/s);
  t.equal(counter.files, 1, 'the other one was not begun');
  t.equal(counter.passed, 0);
  await runShared(files, counter, how);
  t.equal(counter.files, 1, 'nor is anything afterwards');
});

const place = (name: string, value: unknown): Traces => ({ places: new Map([[name, value]]), resources: [] });
const open = (...resources: string[]): Traces => ({ places: new Map(), resources });

for (const [name, before, after, said] of [
  ['nothing', place('a', 1), place('a', 1), []],
  ['another value', place('a', 1), place('a', 2), ['a is changed']],
  ['a place that is gone', place('a', 1), open(), ['a is gone']],
  ['a new place', open(), place('process.env.A', '1'), ['process.env.A is changed']],
  ['a new global of a library', open(), place('globalThis.__rest', () => {}), []],
  [
    'a global that is another',
    place('globalThis.fetch', 1),
    place('globalThis.fetch', 2),
    ['globalThis.fetch is changed'],
  ],
  ['a second timer', open('Timeout', 'PipeWrap'), open('Timeout', 'PipeWrap', 'Timeout'), ['left open: Timeout']],
  ['less open than before', open('Timeout', 'PipeWrap'), open('PipeWrap'), []],
] as const)
  test(`left behind: ${name}`, (t) => {
    t.strictSame(differences(before, after), said);
    t.end();
  });
