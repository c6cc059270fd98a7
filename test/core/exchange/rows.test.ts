/** Nodes as files: what is written is read back unchanged, and every mistake has its line. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { readRows } from '../../../src/exchange/read.ts';
import { EXCHANGE_FORMATS, type ExchangeFormat } from '../../../src/exchange/rows.ts';
import { writeRows } from '../../../src/exchange/write.ts';

/** Every Unicode character but halves of one, which no file can hold. */
const text = fc.string({ unit: 'binary' });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const row = fc.record(
  {
    fqdn: name.map((label) => `${label}.lab.example`),
    macs: fc.array(fc.stringMatching(/^02(:[0-9a-f]{2}){5}$/), { minLength: 1, maxLength: 3 }),
    profile: name,
    tags: fc.array(name, { maxLength: 3 }),
    notes: fc.oneof(
      text,
      fc.constantFrom('=1+1', "'=1+1", "''", '@x', '-', '+', '\t', ' a ', '"', 'a\r\nb', 'no', '0123', '---'),
    ),
    installPolicy: fc.constantFrom('once', 'always', 'never'),
    protected: fc.boolean(),
    values: fc.dictionary(
      fc.oneof(name, fc.constantFrom('a\u0085b', '\u2028', '\ufeffa', '\uffff')),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 2 })),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    ),
  },
  { noNullPrototype: true },
);

for (const format of EXCHANGE_FORMATS) {
  test(`${format}: what is written is read back unchanged`, async (t) => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), (rows) => {
        const read = readRows(writeRows(rows, format), format);
        assert.deepEqual(read, {
          rows: rows.map((fields, place) => ({ ...fields, line: read.rows[place]?.line })),
          faults: [],
        });
      }),
      { numRuns: 150 },
    );
    t.pass('150 files');
  });

  test(`${format}: no text breaks the reader`, async (t) => {
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.array(fc.constantFrom(...'{}[]":,\n&* -#|>\'fqdn,macs'), { maxLength: 40 }).map((c) => c.join('')),
        ),
        (file) => {
          const { rows, faults } = readRows(file, format);
          assert.ok(rows.length + faults.length >= 0);
        },
      ),
      { numRuns: 300 },
    );
    t.pass('300 texts');
  });
}

test('no field of the CSV begins like a formula', (t) => {
  for (const notes of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])
    t.match(
      writeRows(
        [
          {
            fqdn: 'a.b',
            macs: ['m'],
            profile: 'p',
            tags: [],
            installPolicy: 'once',
            protected: false,
            values: {},
            notes,
          },
        ],
        'csv',
      ),
      /(,|")'/,
    );
  t.end();
});

const WRONG: ReadonlyArray<
  readonly [format: ExchangeFormat, file: string, line: number, field: string | undefined, message: RegExp]
> = [
  ['csv', '', 1, undefined, /empty/],
  ['csv', 'fqdn,macs,colour\n', 1, 'colour', /not known/],
  ['csv', 'fqdn,fqdn,macs\n', 1, 'fqdn', /twice/],
  ['csv', 'fqdn\na.b\n', 1, 'macs', /missing/],
  ['csv', 'fqdn,macs,notes\na.b,m,"two\nlines"\n,m,\n', 4, 'fqdn', /needed/],
  ['csv', 'fqdn,macs\na.b,m\n\nc.d,m,too,many\n', 4, undefined, /4 fields, the header has 2/],
  ['csv', 'fqdn,macs\na.b,"m\n', 2, undefined, /[Qq]uote/],
  ['csv', 'fqdn;macs;protected\na.b;m;perhaps\n', 2, 'protected', /yes or no/],
  ['csv', 'fqdn,macs,values\na.b,m,{oops\n', 2, 'values', /JSON/],
  ['yaml', '- fqdn: a.b\n  macs: [m]\n- fqdn: c.d\n', 3, 'macs', /at least one/],
  ['yaml', 'nodes:\n  - fqdn: a.b\n    macs: [m]\n    colour: red\n', 2, 'colour', /not known/],
  ['yaml', '- fqdn: a.b\n  macs: [m\n', 3, undefined, /./],
  ['yaml', 'just text', 1, undefined, /no list/],
  ['json', '[\n {"fqdn": "a.b", "macs": ["m"]},\n {"fqdn": 5, "macs": ["m"]}\n]', 3, 'fqdn', /needed/],
  ['json', '[\n{"fqdn": "a.b",}\n]', 2, undefined, /not JSON/],
  ['json', '[1]', 1, undefined, /no node/],
];

test('every mistake has its line', (t) => {
  for (const [format, file, line, field, message] of WRONG)
    t.match(
      readRows(file, format).faults[0],
      { line, message, ...(field !== undefined && { field }) },
      JSON.stringify(file),
    );
  t.end();
});

test('an alias bomb and a file without end are refused', (t) => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((letter, n) => `${letter}: &${letter} [${Array(9).fill(`*${'abcdefg'[n]}`).join(',')}]`),
    'nodes: *h',
  ].join('\n');
  t.match(readRows(bomb, 'yaml').faults, [{ message: /aliases|no list/ }]);
  const long = `fqdn,macs\n${'a.b,m\n'.repeat(20_001)}`;
  t.match(readRows(long, 'csv').faults, [{ message: /more than 20000/ }]);
  t.end();
});
