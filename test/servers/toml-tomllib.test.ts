/** The TOML reader against one that we did not write and that follows the specification closely: Python's tomllib. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { test } from 'tap';
import { Unreadable } from '../../src/answers/places.ts';
import { Float, Moment } from '../../src/answers/scalars.ts';
import { readToml } from '../../src/answers/toml-reader.ts';

const READER = `
import json, sys, tomllib
def plain(value):
    if isinstance(value, dict): return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list): return [plain(item) for item in value]
    if isinstance(value, bool) or isinstance(value, str): return value
    if isinstance(value, int): return {'int': str(value)}
    if isinstance(value, float): return {'float': repr(value) if value != value or value in (float('inf'), float('-inf')) else value}
    return {'moment': True}
def read(text):
    try: return {'value': plain(tomllib.loads(text))}
    except (tomllib.TOMLDecodeError, ValueError, RecursionError): return {}
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
`;

function readByPython(documents: readonly string[]): ReadonlyArray<{ readonly value?: unknown }> {
  const run = spawnSync('python3', ['-c', READER], {
    input: JSON.stringify(documents),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`python3: ${run.error?.message ?? run.stderr}`);
  return JSON.parse(run.stdout);
}

function typed(value: unknown): unknown {
  if (value instanceof Float) {
    const { value: float } = value;
    return { float: Number.isFinite(float) ? float : Number.isNaN(float) ? 'nan' : float > 0 ? 'inf' : '-inf' };
  }
  if (value instanceof Moment) return { moment: true };
  if (typeof value === 'bigint') return { int: String(value) };
  if (typeof value === 'number') return Number.isInteger(value) ? { int: String(value) } : { float: value };
  if (Array.isArray(value)) return value.map(typed);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, typed(item)]));
  }
  return value;
}

const SEEDS = [
  '[global]\nkeyboard = "de"\nroot-ssh-keys = ["a", \'b\']\n\n[disk-setup]\nfilter.ID_SERIAL = "*"\nzfs = { raid = "raid1", ashift = 12 }\n',
  'a = 1\n[b]\nc = 1.5\n[b.d]\ne = true\n[[f]]\ng = 0x1F\n[[f]]\n[f.h]\n',
  'a.b.c = 1\na.b.d = """\nx\\\n  y"""\n"q.r" = \'\'\'z\n\'\'\'\n',
  'x = [1, [2.0, "3"], {y = 4}]\nz = {a.b = 1, a.c = 2}\nu = "\\u00e4\\U0001F600\\n"\n',
  'd = 1979-05-27T07:32:00Z\nt = 07:32:00\ni = inf\nn = -nan\nm = -0\no = 0o17\nb = 0b11\n',
  '[a.b.c]\nx = 1\n[a]\ny = 2\n[a.d]\n',
];

const PIECES = [
  '"',
  "'",
  '"""',
  '[',
  ']',
  '[[',
  '{',
  '}',
  '=',
  '.',
  ',',
  '\n',
  '#',
  '\\',
  '0',
  '1',
  'e',
  '_',
  ':',
  '-',
  '+',
  '\r\n',
  '\r',
  ' ',
  '\t',
  'a',
  'a = 1\n',
  '[a]\n',
  '\u0000',
  '\u007f',
  'é',
];

/** Where tomllib is laxer than the specification's limits: integers of any size, floats beyond the range. */
const BEYOND_LIMITS = /\d{16}|[0-9a-fA-F_]{17}|e\+?\d{3}|\d{4}[eE]\d{2}/;

test('tomllib and this reader agree on documents and on what became of them', (t) => {
  const mutated = fc.tuple(
    fc.constantFrom(...SEEDS),
    fc.array(fc.tuple(fc.nat(200), fc.nat(5), fc.constantFrom(...PIECES)), { minLength: 0, maxLength: 3 }),
  );
  const documents = fc
    .sample(mutated, { numRuns: 6000, seed: 20 })
    .map(([seed, edits]) =>
      edits
        .reduce((text, [at, removed, piece]) => `${text.slice(0, at)}${piece}${text.slice(at + removed)}`, seed)
        .toWellFormed(),
    )
    .filter((text) => !BEYOND_LIMITS.test(text));
  const python = readByPython(documents);
  let taken = 0;
  const different: unknown[] = [];
  for (const [i, text] of documents.entries()) {
    let ours: unknown;
    try {
      ours = typed(readToml(text).value);
      taken++;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
    if (JSON.stringify(ours) !== JSON.stringify(python[i]?.value)) different.push({ text, ours, python: python[i] });
  }
  t.same(different, []);
  t.ok(taken > 1000 && taken < documents.length, `${taken} of ${documents.length} were TOML`);
  t.end();
});
