import fc from 'fast-check';
import { test } from 'tap';
import {
  isMap,
  isSecretReference,
  mergeLayers,
  mergeOver,
  type Origin,
  type PlainMap,
  pointer,
} from '../../../src/profiles/merge.ts';
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
  ['key+ appends to a list', { a: [1, 2] }, { 'a+': [3] }, { a: [1, 2, 3] }],
  ['key+ appends where nothing is', {}, { 'a+': [1] }, { a: [1] }],
  ['key+ appends in a map below', { a: { b: ['x'] } }, { a: { 'b+': ['y'] } }, { a: { b: ['x', 'y'] } }],
  ['key+ does not put in what is there', { a: [1, { b: 2 }] }, { 'a+': [{ b: 2 }, 3] }, { a: [1, { b: 2 }, 3] }],
  ['key+ with an empty list changes nothing', { a: [1] }, { 'a+': [] }, { a: [1] }],
  ['key+ keeps doubles that were in the list', { a: [1, 1] }, { 'a+': [2] }, { a: [1, 1, 2] }],
  ['a list after key+ replaces', { a: [1, 2] }, { a: [3] }, { a: [3] }],
  ['a lone + is a key like any other', { '+': [1] }, { '+': [2] }, { '+': [2] }],
  [
    'a map with a secret in it is a map',
    { a: { secret: 'x', b: 1 } },
    { a: { c: 2 } },
    { a: { secret: 'x', b: 1, c: 2 } },
  ],
  ['so is one laid over a map', { a: { b: 1 } }, { a: { secret: 'x', c: 2 } }, { a: { b: 1, secret: 'x', c: 2 } }],
  ['a secret that is no name is a map', { a: { b: 1 } }, { a: { secret: 1 } }, { a: { b: 1, secret: 1 } }],
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

test('what is a map, and what a reference to a secret', (t) => {
  const rows: ReadonlyArray<readonly [value: unknown, map: boolean, secret: boolean]> = [
    [null, false, false],
    ['x', false, false],
    [[], false, false],
    [{}, true, false],
    [{ secret: 'x' }, true, true],
    [{ secret: 1 }, true, false],
    [{ secret: 'x', more: 1 }, true, false],
    [{ other: 'x' }, true, false],
  ];
  for (const [value, map, secret] of rows) {
    t.equal(isMap(value), map, JSON.stringify(value));
    t.equal(isSecretReference(value), secret, `${JSON.stringify(value)} as a secret`);
  }
  t.strictSame(mergeLayers([]), { body: {}, origins: {}, conflicts: [] }, 'no layer at all');
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
  t.strictSame(files.sort(), [
    '/a/b top.yaml',
    '/a/c base.yaml',
    '/a/c/0 base.yaml',
    '/a/c/1 base.yaml',
    '/a/e top.yaml',
    '/x~1y base.yaml',
  ]);
  t.equal(pointer(['a~b', 'c/d']), '/a~0b/c~1d');
  t.end();
});

test('what was appended keeps the place of each item', (t) => {
  const layer = (file: string, body: PlainMap) => ({
    body,
    originOf: (path: readonly string[]): Origin => ({ file: `${file}${pointer(path)}`, line: path.length, column: 1 }),
  });
  const { body, origins, conflicts } = mergeLayers([
    layer('base.yaml', { keys: ['a', 'b'], name: 'x' }),
    layer('middle.yaml', { 'keys+': ['b', 'c'] }),
    layer('top.yaml', { 'keys+': ['d'], 'name+': ['y'] }),
  ]);
  t.strictSame(body, { keys: ['a', 'b', 'c', 'd'], name: ['y'] });
  t.strictSame(
    Object.entries(origins).map(([path, origin]) => `${path} ${origin.file}`),
    [
      '/keys base.yaml/keys',
      '/keys/0 base.yaml/keys/0',
      '/keys/1 base.yaml/keys/1',
      '/keys/2 middle.yaml/keys+/1',
      '/keys/3 top.yaml/keys+/0',
      '/name top.yaml/name+',
      '/name/0 top.yaml/name+/0',
    ],
  );
  t.strictSame(conflicts, [{ path: ['name'], origin: { file: 'top.yaml/name+', line: 1, column: 1 } }]);
  t.end();
});

const key = fc.string({ maxLength: 4 }).filter((text) => !text.endsWith('+'));
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.array(fc.integer(), { maxLength: 3 }),
    tie('map'),
  ),
  map: fc.dictionary(key, tie('plain'), { maxKeys: 4 }),
}));
const map = fc.dictionary(key, plain, { maxKeys: 4 }) as fc.Arbitrary<PlainMap>;

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

const layerOf = (body: PlainMap) => ({ body, originOf: (): Origin => ({ file: 'x', line: 1, column: 1 }) });

/** Layers of one shape, as profiles have it: at a path stands a map in all of them, or a value. */
const leaf = fc.oneof(fc.integer(), fc.array(fc.integer(), { maxLength: 3 }), fc.constant({ secret: 'x' }));
const shaped = fc.record(
  {
    a: leaf,
    b: fc.record({ c: leaf, d: fc.record({ e: leaf, f: leaf }, { requiredKeys: [] }) }, { requiredKeys: [] }),
    g: fc.record({ h: leaf }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PlainMap>;

test('property: merging is associative for layers of one shape, so that files may be regrouped', (t) => {
  fc.assert(
    fc.property(shaped, shaped, shaped, (a, b, c) => {
      t.equal(canonicalJson(mergeOver(mergeOver(a, b), c)), canonicalJson(mergeOver(a, mergeOver(b, c))));
    }),
  );
  const appending = fc.record({ 'a+': fc.array(fc.integer({ max: 3 }), { maxLength: 3 }) }) as fc.Arbitrary<PlainMap>;
  fc.assert(
    fc.property(appending, appending, (a, b) => {
      const [left, right] = [mergeLayers([a, b].map(layerOf)), mergeLayers([mergeOver(a, {}), b].map(layerOf))];
      t.strictSame(left.body, right.body);
    }),
  );
  t.end();
});

test('where it is not associative, and why', (t) => {
  // null and key+ are about what lies below: without it they have done their work.
  t.strictSame(mergeOver(mergeOver({ a: 1 }, { a: null }), {}), {});
  t.strictSame(mergeOver({ a: 1 }, mergeOver({ a: null }, {})), { a: 1 });
  t.strictSame(mergeOver({ a: [1] }, mergeOver({ 'a+': [2] }, {})), { a: [2] });
  // A value between two maps cuts them apart.
  t.strictSame(mergeOver(mergeOver({ a: { b: 1 } }, { a: 2 }), { a: { c: 3 } }), { a: { c: 3 } });
  t.strictSame(mergeOver({ a: { b: 1 } }, mergeOver({ a: 2 }, { a: { c: 3 } })), { a: { b: 1, c: 3 } });
  t.end();
});

test('property: every value of the result has an origin, and every origin is a value of the result', (t) => {
  fc.assert(
    fc.property(map, map, (a, b) => {
      const { body, origins } = mergeLayers([layerOf(a), layerOf(b)]);
      const leaves = (value: unknown, path: readonly string[]): string[] => {
        if (Array.isArray(value)) return [pointer(path), ...value.map((_, i) => pointer([...path, String(i)]))];
        if (typeof value !== 'object' || value === null) return [pointer(path)];
        const entries = Object.entries(value);
        const secret = entries.length === 1 && entries[0]?.[0] === 'secret' && typeof entries[0][1] === 'string';
        if (path.length > 0 && (entries.length === 0 || secret)) return [pointer(path)];
        return entries.flatMap(([name, below]) => leaves(below, [...path, name]));
      };
      t.strictSame(Object.keys(origins).sort(), leaves(body, []).sort());
    }),
  );
  t.end();
});

test('canonical JSON does not depend on the order of keys', (t) => {
  t.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: undefined }), '{"b":[{"c":2,"d":1}]}');
  t.equal(canonicalJson({ x: 1, a: 2 }), canonicalJson({ a: 2, x: 1 }));
  t.end();
});
