/** The TOML and JSON readers: what they take, where keys stand, and two peers that they must agree with: smol-toml and JSON.parse. */
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { test } from 'tap';
import { readJson } from '../../../src/answers/json-reader.ts';
import { type Position, positionAt, Unreadable } from '../../../src/answers/places.ts';
import { Float, Moment } from '../../../src/answers/scalars.ts';
import { readToml } from '../../../src/answers/toml-reader.ts';

/** Floats and dates as plain values, to be compared. */
function plain(value: unknown): unknown {
  if (value instanceof Float) return value.value;
  if (value instanceof Moment) return value.text;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

const VALID: ReadonlyArray<readonly [string, unknown]> = [
  ['', {}],
  ['# only a comment', {}],
  ['a=1\nb = "x" # c\r\n\tc=true', { a: 1, b: 'x', c: true }],
  ['a = 0x1F\nb = 0o17\nc = 0b101\nd = +7\ne = -0\nf = 1_000', { a: 31, b: 15, c: 5, d: 7, e: 0, f: 1000 }],
  ['a = 9223372036854775807\nb = -9223372036854775808', { a: 2n ** 63n - 1n, b: -(2n ** 63n) }],
  ['a = 1.5\nb = 1e3\nc = -2.5E-1\nd = 1_0.0_1', { a: 1.5, b: 1000, c: -0.25, d: 10.01 }],
  ['a = inf\nb = -inf\nc = -1e999', { a: Infinity, b: -Infinity, c: -Infinity }],
  ['a = "\\u00e4\\U0001F600\\t\\"\\\\"', { a: 'ä😀\t"\\' }],
  ["a = 'C:\\n'", { a: 'C:\\n' }],
  ['a = """\nx\ny"""', { a: 'x\ny' }],
  ['a = """x \\\n   \n  y"""', { a: 'x y' }],
  ['a = """""x"""""', { a: '""x""' }],
  ["a = '''\r\nx\r\ny'''", { a: 'x\ny' }],
  ["a = ''", { a: '' }],
  ['a = [1, [2, 3,], # c\n "x",\n]', { a: [1, [2, 3], 'x'] }],
  ['a = []', { a: [] }],
  ['a = {}\nb = { x = 1, y.z = 2, "q r" = 3 }', { a: {}, b: { x: 1, y: { z: 2 }, 'q r': 3 } }],
  ['a.b.c = 1\na.b.d = 2\n"x.y"."z" = 3', { a: { b: { c: 1, d: 2 } }, 'x.y': { z: 3 } }],
  ['[a.b]\nx = 1\n[a]\ny = 2', { a: { b: { x: 1 }, y: 2 } }],
  ['[a]\nb.c = 1\n[a.b.d]\ne = 2', { a: { b: { c: 1, d: { e: 2 } } } }],
  ['[ a . "b" ]\nx = 1', { a: { b: { x: 1 } } }],
  ['[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2', { a: [{ x: 1 }, { b: { y: 2 } }] }],
  [
    'a = 1979-05-27\nb = 07:32:00\nc = 1979-05-27T07:32:00Z\nd = 1979-05-27 07:32:00.5-07:00',
    { a: '1979-05-27', b: '07:32:00', c: '1979-05-27T07:32:00Z', d: '1979-05-27 07:32:00.5-07:00' },
  ],
  ['\ufeffa = 1', { a: 1 }],
  ['"" = 1\n1234 = 2\n-_ = 3', { '': 1, '1234': 2, '-_': 3 }],
];

test('TOML that is right', (t) => {
  for (const [text, value] of VALID) t.strictSame(plain(readToml(text).value), value, JSON.stringify(text));
  const { value } = readToml('a = 12.0\nb = 12\nc = nan');
  t.ok(value.a instanceof Float, 'a float stays one');
  t.equal(value.b, 12);
  t.ok(value.c instanceof Float);
  t.ok(Object.hasOwn(readToml('__proto__ = 1').value, '__proto__'), 'a key like any other');
  t.end();
});

/** Text, what the message must say, line and column. */
const WRONG: ReadonlyArray<readonly [string, RegExp, number, number]> = [
  ['a', /= behind the key/, 1, 2],
  ['a =', /value is missing/, 1, 4],
  ['a = # c', /value is missing/, 1, 5],
  ['= 1', /cannot stand in a key/, 1, 1],
  ['a = 1 b = 2', /line should end/, 1, 7],
  ['x = 1\na = yes', /not a value; text needs quotation marks/, 2, 5],
  ['a = 01', /zero in front/, 1, 5],
  ['a = 1__0', /not a value/, 1, 5],
  ['a = 1.', /not a value/, 1, 5],
  ['a = .5', /not a value/, 1, 5],
  ['a = +0x1', /not a value/, 1, 5],
  ['a = 9223372036854775808', /64 bits/, 1, 5],
  ['a = 1e999', /larger than a float/, 1, 5],
  ['a = 2021-02-29', /not a date/, 1, 5],
  ['a = 25:00:00', /not a date/, 1, 5],
  ['a = 07:32', /not a date/, 1, 5],
  ['a = "x', /closing quotation mark/, 1, 5],
  ['a = "x\ny"', /closing quotation mark/, 1, 5],
  ['a = """x', /closing quotation marks """/, 1, 5],
  ['a = "\\e"', /escape of TOML 1\.0/, 1, 6],
  ['a = "\\x41"', /escape of TOML 1\.0/, 1, 6],
  ['a = "\\uD800"', /escape of TOML 1\.0/, 1, 6],
  ['a = "x\u0001"', /control character/, 1, 7],
  ['a = "\u007f"', /control character/, 1, 6],
  ['# \u0000', /control character in a comment/, 1, 3],
  ['a = [1 2]', /comma or the closing \]/, 1, 8],
  ['a = [1,', /closing \] of the list/, 1, 5],
  ['a = { x = 1, }', /No comma may stand/, 1, 14],
  ['a = { x = 1,\n y = 2 }', /stands on one line/, 1, 13],
  ['a = { x = 1', /closing \}/, 1, 12],
  ['é = 1', /cannot stand in a key/, 1, 1],
  ['"""a""" = 1', /several lines/, 1, 1],
  ['[a', /closing \] of the section/, 1, 3],
  ['[]', /cannot stand in a key/, 1, 2],
  ['[[a]', /closing \]\] of the section/, 1, 4],
  ['[a] b = 1', /line should end/, 1, 5],
  ['a = 1\n\n  a = 2', /'a' stands here twice, first in line 1/, 3, 3],
  ['[a]\n[b]\n[a]', /'a' stands here twice, first in line 1/, 3, 2],
  ['[a.b]\n[a]\nb.c = 1', /'a.b' stands here twice/, 3, 1],
  ['[a]\nb.c = 1\n[a.b]', /'a.b' stands here twice/, 3, 4],
  ['a = {}\na.b = 1', /'a' stands here twice/, 2, 1],
  ['a = { b = {} }\n[a.b.c]', /'a' stands here twice/, 2, 2],
  ['a = 1\n[a]', /'a' stands here twice/, 2, 2],
  ['a = []\n[[a]]', /'a' stands here twice/, 2, 3],
  ['[[a]]\n[a]', /'a' stands here twice/, 2, 2],
  ['a = { b = 1, b = 2 }', /'a.b' stands here twice/, 1, 14],
  [`a = ${'['.repeat(80)}`, /too deep/, 1, 70],
  [`${'a.'.repeat(80)}b = 1`, /too deep/, 1, 130],
  ['ä = "😀" x', /cannot stand/, 1, 1],
  ['a = "😀" x', /line should end/, 1, 9],
];

function problemOf(read: () => unknown, text: string): (Position & { readonly message: string }) | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { ...positionAt(text, error.offset), message: error.message };
  }
}

test('TOML that is wrong: why, and where', (t) => {
  for (const [text, message, line, column] of WRONG) {
    t.match(
      problemOf(() => readToml(text), text),
      { message, line, column },
      JSON.stringify(text),
    );
  }
  t.end();
});

test('every key has its line and column', (t) => {
  const { places } = readToml(
    '[global]\ncountry = "at"\n  root_password = "x"\n\n[disk-setup]\nfilter.ID_SERIAL = "*"\ndisk-list = [\n  "sda",\n  "sdb",\n]\nzfs = { raid = "raid1" }\n[[list]]\n',
  );
  const rows: ReadonlyArray<readonly [string, number, number]> = [
    ['global', 1, 2],
    ['global.country', 2, 1],
    ['global.root_password', 3, 3],
    ['global.root-password', 3, 3],
    ['global.fqdn', 1, 2],
    ['disk-setup.filter.ID_SERIAL', 6, 8],
    ['disk-setup.disk-list[1]', 9, 3],
    ['disk-setup.disk-list[7]', 7, 1],
    ['disk-setup.zfs.raid', 11, 9],
    ['list', 12, 3],
    ['network.source', 1, 1],
    ['', 1, 1],
  ];
  for (const [path, line, column] of rows) t.same(places.of(path), { line, column }, path);
  t.end();
});

/** Documents that a TOML writer makes: every shape of value and key. */
const key = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('a', 'b', 'a.b', 'ID_SERIAL', '1'));
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  fc.boolean(),
);
const document = fc.dictionary(
  key,
  fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 4 }),
    fc.dictionary(key, fc.oneof(scalar, fc.dictionary(key, scalar)), { maxKeys: 4 }),
  ),
  { maxKeys: 5 },
);

test('property: what smol-toml writes is read as it was meant, and every key has a place', (t) => {
  fc.assert(
    fc.property(document, (value) => {
      const text = stringify(value);
      const read = readToml(text);
      const wanted = JSON.stringify(plain(parse(text)));
      if (JSON.stringify(plain(read.value)) !== wanted) return false;
      return Object.keys(value).every((name) => read.places.of(name).line >= 1);
    }),
    { numRuns: 500 },
  );
  t.end();
});

test('fuzz: broken and mended documents never crash the reader, and smol-toml takes what it takes', (t) => {
  const seeds = VALID.map(([text]) => text).concat(WRONG.map(([text]) => text));
  let taken = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.nat(60),
      fc.nat(4),
      fc.oneof(
        fc.constantFrom(
          '"',
          "'",
          '[',
          ']',
          '{',
          '}',
          '=',
          '.',
          ',',
          '\n',
          '#',
          '\\',
          '0',
          'e',
          '_',
          ':',
          '-',
          '\r',
          ' ',
        ),
        fc.string({ maxLength: 3 }),
      ),
      (text, at, removed, inserted) => {
        const broken = `${text.slice(0, at)}${inserted}${text.slice(at + removed)}`.toWellFormed();
        let read: unknown;
        try {
          read = readToml(broken).value;
        } catch (error) {
          if (error instanceof Unreadable) return true;
          throw error;
        }
        taken++;
        // It reads no 64-bit integer beyond 2^53, no leap second, and no byte-order mark; all else it must take too.
        if (/[\d_]{15}|:60|\ufeff/.test(broken)) return true;
        const wanted = parse(broken);
        // Dates are objects there, line ends of Windows stay in its strings, and it loses a mark before the closing ones.
        return JSON.stringify(plain(read), dates) === JSON.stringify(wanted, dates) || /\d\d[:-]|\r|"""/.test(broken);
      },
    ),
    { numRuns: 5000 },
  );
  t.ok(taken > 200, `${taken} were still TOML`);
  t.end();
});

function dates(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

const JSON_WRONG: ReadonlyArray<readonly [string, number, number]> = [
  ['', 1, 1],
  ['{', 1, 2],
  ['{"a":1,}', 1, 8],
  ['{"a" 1}', 1, 6],
  ["{'a':1}", 1, 2],
  ['[1,]', 1, 4],
  ['[1 2]', 1, 4],
  ['01', 1, 2],
  ['1.', 1, 2],
  ['+1', 1, 1],
  ['nul', 1, 1],
  ['"\\x"', 1, 2],
  ['"\\ud800"', 1, 1],
  ['"a\tb"', 1, 3],
  ['"a', 1, 1],
  ['{} {}', 1, 4],
  ['{\n  "a": tru\n}', 2, 8],
  ['\ufeff{}', 1, 1],
  ['1e999', 1, 1],
];

test('JSON that is wrong, and where', (t) => {
  for (const [text, line, column] of JSON_WRONG) {
    t.match(
      problemOf(() => readJson(text), text),
      { line, column },
      JSON.stringify(text),
    );
  }
  t.match(
    problemOf(() => readJson('['.repeat(200)), ''),
    { message: /too deep/ },
  );
  t.end();
});

test('JSON: numbers keep their kind, doubled keys are seen', (t) => {
  const { value, doubled, places } = readJson(
    '{"a": 12.0, "b": 12, "c": 18446744073709551615, "d": -0,\n "b": {"x": 1, "x": 2}}',
  );
  t.match(value, { a: { value: 12 }, b: { x: 2 }, c: 18446744073709551615n });
  t.ok((value as { readonly d: unknown }).d instanceof Float, 'minus zero is a float');
  t.same(doubled, ['b', 'b.x']);
  t.same(places.of('b.x'), { line: 2, column: 8 });
  t.ok(readJson('1e400'.replace('400', '4')).value instanceof Float);
  t.end();
});

test('property: JSON.parse and this reader agree, on documents and on broken ones', (t) => {
  fc.assert(
    fc.property(fc.json(), fc.nat(80), fc.nat(3), fc.string({ maxLength: 2 }), (text, at, removed, inserted) => {
      for (const candidate of [text, `${text.slice(0, at)}${inserted}${text.slice(at + removed)}`]) {
        let wanted: string | undefined;
        try {
          wanted = JSON.stringify(JSON.parse(candidate));
        } catch {
          wanted = undefined;
        }
        let seen: string | undefined;
        try {
          seen = JSON.stringify(plain(readJson(candidate).value), (_name, item: unknown) =>
            typeof item === 'bigint' ? Number(item) : item,
          );
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error;
          seen = undefined;
        }
        // Halves of surrogate pairs and numbers without end are JSON for JavaScript only.
        if (
          seen === undefined &&
          wanted !== undefined &&
          (/\\ud[89a-f]/i.test(candidate) || !candidate.isWellFormed() || wanted.includes('null'))
        )
          continue;
        if (seen !== wanted) return false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.end();
});
