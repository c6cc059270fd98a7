/** Answers and mode files read by a TOML reader that shares nothing with the one that wrote them: Python's tomllib. */
import { spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { test } from 'tap';
import { buildAnswer } from '../../src/answers/build.ts';
import { DIALECT_RELEASES, dialectFor } from '../../src/answers/dialect.ts';
import { AnswerInvalid } from '../../src/answers/findings.ts';
import { ANSWER_KEYS, type AnswerKey } from '../../src/answers/keys.ts';
import { renderModeFile } from '../../src/answers/mode-file.ts';
import { serialiseAnswer, serialiseAnswerAsJson } from '../../src/answers/serialise.ts';
import type { Table } from '../../src/answers/view.ts';
import { FINGERPRINT, type JsonMap, PROFILE_ANSWER, request, SSH_KEY, withValue } from '../support/answers.ts';

const READER = `
import json, sys, tomllib
loads = {"toml": tomllib.loads, "json": json.loads}[sys.argv[1]]
print(json.dumps([loads(text) for text in json.load(sys.stdin)]))
`;

/** What Python's reader makes of each document. */
function readByPython(documents: readonly string[], format: 'toml' | 'json' = 'toml'): unknown {
  const run = spawnSync('python3', ['-c', READER, format], {
    input: JSON.stringify(documents),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`python3: ${run.error?.message ?? run.stderr}`);
  return JSON.parse(run.stdout);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const VARIANTS: Readonly<Record<string, JsonMap>> = {
  smallest: PROFILE_ANSWER,
  keys: withValue(
    PROFILE_ANSWER,
    ['global', 'root-ssh-keys'],
    [SSH_KEY, SSH_KEY.replace('admin@', 'ünïcode "quoted" \\ # ')],
  ),
  numbers: withValue(PROFILE_ANSWER, ['disk-setup', 'lvm'], { hdsize: 100, swapsize: 2.5, maxvz: 0, minfree: 1e-7 }),
  booleans: withValue(PROFILE_ANSWER, ['global', 'reboot-on-error'], true),
  zfs: withValue(PROFILE_ANSWER, ['disk-setup'], {
    filesystem: 'zfs',
    'disk-list': ['sda', 'sdb'],
    zfs: { raid: 'raid1', ashift: 12, 'arc-max': 4096 },
  }),
  static: withValue(PROFILE_ANSWER, ['network'], {
    source: 'from-answer',
    cidr: '2001:db8::11/64',
    gateway: 'fe80::1',
    dns: '2001:db8::53',
    filter: { 'odd key "with" = \\ everything]': '*' },
  }),
};

test('tomllib reads every variant in every release as it was meant', (t) => {
  const built = DIALECT_RELEASES.flatMap((release) =>
    Object.entries(VARIANTS).map(([name, answer]) => ({
      name: `${name} ${release}`,
      ...buildAnswer(request({ answer, dialect: dialectFor(release) })),
    })),
  );
  const read = readByPython(built.map((one) => one.toml)) as unknown[];
  for (const [i, one] of built.entries()) t.strictSame(read[i], plain(one.answer), one.name);
  t.end();
});

test('tomllib reads the mode file', (t) => {
  const place = { baseUrl: 'https://10.0.0.2:8443', certFingerprint: FINGERPRINT, token: 'abc.d-e_f' };
  t.strictSame(readByPython([renderModeFile(place, dialectFor('8.4')), renderModeFile(place, dialectFor('9.2'))]), [
    { mode: 'http', http: { url: `${place.baseUrl}/installer/abc.d-e_f/answer`, cert_fingerprint: FINGERPRINT } },
    {
      mode: 'http',
      http: { url: `${place.baseUrl}/installer/answer`, cert_fingerprint: FINGERPRINT, token: 'abc.d-e_f' },
    },
  ]);
  t.end();
});

test('property: whatever a value holds, two readers agree, or it is refused', (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom('"', "'", '\\', '#', '=', ']', 'u', '0', '\u{1f600}', '\u00a0', '\ufeff', '\u007f'),
      minLength: 1,
      maxLength: 10,
    }),
  );
  const built: { readonly toml: string; readonly answer: Table }[] = [];
  for (const [key, value] of fc.sample(fc.tuple(text, text), { numRuns: 1000, seed: 3 })) {
    const answer = withValue(PROFILE_ANSWER, ['disk-setup', 'filter'], { [key]: value });
    try {
      built.push(buildAnswer(request({ answer })));
    } catch (error) {
      if (!(error instanceof AnswerInvalid)) throw error;
    }
  }
  t.ok(built.length > 300, `${built.length} of 1000 were taken`);
  t.strictSame(readByPython(built.map((one) => one.toml)), plain(built.map((one) => one.answer)));
  t.end();
});

/** Any Unicode but what every place refuses by name (core/answers/injection): all planes, what TOML, JSON and shells give a meaning to, the edges. */
const anyText = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(
        ...[
          '"',
          "'",
          '\\',
          '#',
          '=',
          '[',
          ']',
          '{',
          '}',
          ',',
          '.',
          '$',
          '`',
          '{{',
          '\\u0041',
          '\\n',
          '"""',
          "'''",
          ' ',
        ],
        ...[
          '\u00a0',
          '\u200b',
          '\u202e',
          '\ufeff',
          '\ufffd',
          '\uffff',
          '\u{1f600}',
          '\u{10ffff}',
          'e\u0301',
          '__proto__',
        ],
      ),
      maxLength: 8,
    }),
  )
  .filter((text) => text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text));

/** Texts for a key: a value of its kind, made of these. */
function textsFor({ type }: AnswerKey): fc.Arbitrary<unknown> | undefined {
  if (type === 'string' || type === 'enum' || type === 'name-or-table') return anyText;
  if (type === 'strings') return fc.array(anyText, { maxLength: 3 });
  if (type === 'globs' || type === 'mapping')
    return fc.array(fc.tuple(anyText, anyText), { maxLength: 3 }).map((pairs) => Object.fromEntries(new Map(pairs)));
  return undefined;
}

test('property: any Unicode in any value of any key comes back unchanged through a second reader, of TOML and of JSON', (t) => {
  const everywhere = ANSWER_KEYS.filter(({ key }) => !key.startsWith('fqdn.')).flatMap((entry) => {
    const texts = textsFor(entry);
    return texts === undefined ? [] : [{ path: [entry.section, ...entry.key.split('.')], texts }];
  });
  const answers = fc.sample(
    fc
      .tuple(...everywhere.map(({ texts }) => texts))
      .map((values) =>
        values.reduce<JsonMap>(
          (answer, value, i) => withValue(answer, everywhere[i]?.path ?? [], value as JsonMap),
          {},
        ),
      ),
    { numRuns: 300, seed: 11 },
  );
  for (const [format, serialise] of [
    ['toml', serialiseAnswer],
    ['json', serialiseAnswerAsJson],
  ] as const) {
    const read = readByPython(answers.map(serialise), format) as readonly unknown[];
    t.same(
      answers.filter((answer, i) => !isDeepStrictEqual(read[i], plain(answer))),
      [],
      `${format}: those that came back changed`,
    );
    t.equal(read.length, answers.length);
  }
  t.end();
});
