import fc from 'fast-check';
import { test } from 'tap';
import { mergeLayers, mergeOver, type Origin, type PlainMap, pointer } from '../../../src/profiles/merge.ts';
import { canonicalJson } from '../../../src/profiles/resolve.ts';

const ROWS: ReadonlyArray<readonly [rule: string, base: PlainMap, layer: PlainMap, merged: PlainMap]> = [
  ['maps merge deeply', { a: { b: 1, c: 2 } }, { a: { c: 3, d: 4 } }, { a: { b: 1, c: 3, d: 4 } }],
  ['scalars replace', { a: 1 }, { a: 'two' }, { a: 'two' }],
  ['lists replace', { a: [1, 2, 3] }, { a: [4] }, { a: [4] }],
  ['an empty list replaces', { a: [1] }, { a: [] }, { a: [] }],
  ['an empty map changes nothing', { a: { b: 1 } }, { a: {} }, { a: { b: 1 } }],
  ['null removes', { a: 1, b: { c: 1 } }, { a: null, b: { c: null } }, { b: {} }],
  ['null removes a whole map', { a: { b: 1 } }, { a: null }, {}],
  ['null removes nothing where nothing is', {}, { a: null, b: { c: null } }, { b: {} }],
  ['a map replaces a scalar', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
  ['a scalar replaces a map', { a: { b: 2 } }, { a: 1 }, { a: 1 }],
  ['a secret replaces a map', { a: { b: 2 } }, { a: { secret: 'x' } }, { a: { secret: 'x' } }],
  ['a secret replaces a secret', { a: { secret: 'x' } }, { a: { secret: 'y' } }, { a: { secret: 'y' } }],
  ['a map replaces a secret', { a: { secret: 'x' } }, { a: { b: 1 } }, { a: { b: 1 } }],
];

test('one row for each rule', (t) => {
  for (const [rule, base, layer, merged] of ROWS) t.strictSame(mergeOver(base, layer), merged, rule);
  t.end();
});

test('a key called __proto__ is a key like any other', (t) => {
  const layer = JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as PlainMap;
  const merged = mergeOver({ a: { b: 1 } }, layer);
  t.equal(JSON.stringify(merged), '{"a":{"b":1,"__proto__":{"polluted":true}}}');
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
  t.end();
});

test('every value keeps the place where it was set', (t) => {
  const layer = (file: string, body: PlainMap) => ({
    body,
    originOf: (path: readonly string[]): Origin => ({ file, line: path.length, column: 1 }),
  });
  const { origins } = mergeLayers([
    layer('base.yaml', { a: { b: 1, c: [1, 2] }, 'x/y': 1, gone: 1 }),
    layer('top.yaml', { a: { b: 2, e: {} }, gone: null }),
  ]);
  const files = Object.entries(origins).map(([path, origin]) => `${path} ${origin.file}`);
  t.strictSame(files.sort(), ['/a/b top.yaml', '/a/c base.yaml', '/a/e top.yaml', '/x~1y base.yaml']);
  t.equal(pointer(['a~b', 'c/d']), '/a~0b/c~1d');
  t.end();
});

const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.array(fc.integer(), { maxLength: 3 }),
    tie('map'),
  ),
  map: fc.dictionary(fc.string({ maxLength: 4 }), tie('plain'), { maxKeys: 4 }),
}));
const map = fc.dictionary(fc.string({ maxLength: 4 }), plain, { maxKeys: 4 }) as fc.Arbitrary<PlainMap>;

test('property: the last layer wins, a layer over itself changes nothing, and inputs stay as they are', (t) => {
  fc.assert(
    fc.property(map, map, (a, b) => {
      const before = canonicalJson([a, b]);
      const merged = mergeOver(a, b);
      t.equal(canonicalJson(mergeOver(merged, b)), canonicalJson(merged), 'b is in it already');
      t.equal(canonicalJson(mergeOver({}, a)), canonicalJson(a));
      t.equal(canonicalJson(mergeOver(a, a)), canonicalJson(a));
      t.equal(canonicalJson([a, b]), before);
    }),
  );
  t.end();
});

test('canonical JSON does not depend on the order of keys', (t) => {
  t.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: undefined }), '{"b":[{"c":2,"d":1}]}');
  t.equal(canonicalJson({ x: 1, a: 2 }), canonicalJson({ a: 2, x: 1 }));
  t.end();
});
