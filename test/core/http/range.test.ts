import fc from 'fast-check';
import { test } from 'tap';
import { type Conditions, type Selection, selectRange } from '../../../src/http/range.ts';

const ETAG = '"abc"';
const whole: Selection = { kind: 'whole' };
const unsatisfiable: Selection = { kind: 'unsatisfiable' };
const part = (start: number, end: number): Selection => ({ kind: 'part', range: { start, end } });

const cases: ReadonlyArray<
  readonly [name: string, conditions: Partial<Conditions>, expected: Selection, sizeBytes?: number]
> = [
  ['no range', {}, whole],
  ['first bytes', { range: 'bytes=0-99' }, part(0, 100)],
  ['from an offset', { range: 'bytes=500-' }, part(500, 1000)],
  ['last bytes', { range: 'bytes=-10' }, part(990, 1000)],
  ['more last bytes than there are', { range: 'bytes=-5000' }, part(0, 1000)],
  ['beyond the end', { range: 'bytes=900-5000' }, part(900, 1000)],
  ['one byte', { range: 'bytes=999-999' }, part(999, 1000)],
  ['unit in capitals, spaces around', { range: ' Bytes= 1-2 ' }, part(1, 3)],
  ['starts at the end', { range: 'bytes=1000-' }, unsatisfiable],
  ['no last bytes', { range: 'bytes=-0' }, unsatisfiable],
  ['empty body', { range: 'bytes=0-' }, unsatisfiable, 0],
  ['empty body, last bytes', { range: 'bytes=-1' }, unsatisfiable, 0],
  ['several ranges', { range: 'bytes=0-1,5-6' }, whole],
  ['other unit', { range: 'lines=0-1' }, whole],
  ['backwards', { range: 'bytes=5-1' }, whole],
  ['nothing said', { range: 'bytes=-' }, whole],
  ['no number', { range: 'bytes=a-b' }, whole],
  ['a number that is too long', { range: `bytes=${'9'.repeat(40)}-` }, whole],
  ['HEAD', { method: 'HEAD', range: 'bytes=0-1' }, whole],
  ['If-Range with our tag', { range: 'bytes=0-1', ifRange: ETAG }, part(0, 2)],
  ['If-Range with another tag', { range: 'bytes=0-1', ifRange: '"old"' }, whole],
  ['If-Range with a weak tag', { range: 'bytes=0-1', ifRange: `W/${ETAG}` }, whole],
  ['If-Range with a date', { range: 'bytes=0-1', ifRange: 'Sat, 29 Oct 1994 19:43:31 GMT' }, whole],
  ['If-None-Match with our tag', { ifNoneMatch: `"x", ${ETAG}` }, { kind: 'not-modified' }],
  ['If-None-Match with our tag, weak', { ifNoneMatch: `W/${ETAG}` }, { kind: 'not-modified' }],
  ['If-None-Match with another', { ifNoneMatch: '"x"' }, whole],
  ['If-Match with our tag', { ifMatch: ETAG, range: 'bytes=0-1' }, part(0, 2)],
  ['If-Match with anything', { ifMatch: '*' }, whole],
  ['If-Match with another', { ifMatch: '"x"' }, { kind: 'precondition-failed' }],
  ['If-Match with our tag, weak', { ifMatch: `W/${ETAG}` }, { kind: 'precondition-failed' }],
];
for (const [name, conditions, expected, sizeBytes = 1000] of cases) {
  test(name, (t) => {
    t.same(selectRange({ method: 'GET', ...conditions }, sizeBytes, ETAG), expected);
    t.end();
  });
}

test('a body without a tag never continues an old one', (t) => {
  t.same(selectRange({ method: 'GET', range: 'bytes=0-1', ifRange: ETAG }, 1000, undefined), whole);
  t.same(selectRange({ method: 'GET', range: 'bytes=0-1' }, 1000, undefined), part(0, 2));
  t.end();
});

test('whatever is asked for, a part lies inside the body', (t) => {
  const text = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom('', '0', '5', '99', '123456789012345'), fc.constantFrom('', '0', '7', '99999'))
      .map(([first, last]) => `bytes=${first}-${last}`),
  );
  fc.assert(
    fc.property(text, fc.nat({ max: 200 }), (range, sizeBytes) => {
      const selection = selectRange({ method: 'GET', range }, sizeBytes, ETAG);
      if (selection.kind !== 'part') return true;
      const { start, end } = selection.range;
      return start >= 0 && start < end && end <= sizeBytes;
    }),
  );
  t.end();
});
