/** What a node's look at itself means: when drift began, what is news, what packages are blamed. */
import t from 'tap';
import { afterVerification, ORDER_MS, orderOf, type Verification, type Watch } from '../../../src/nodes/watch.ts';

const FRESH: Watch = { nodeId: 'n', runId: 'r', seenAt: 0, verifiedAt: undefined, drift: {} };
const ok = (module: string): Verification => ({ module, result: 'ok', detail: '' });
const bad = (module: string, found: string): Verification => ({
  module,
  result: 'failed',
  detail: `x: expected a, found ${found}`,
  differences: [{ what: 'x', expected: 'a', found }],
});

t.test('one look after the other', async (t) => {
  const rows: ReadonlyArray<
    readonly [string, readonly Verification[], readonly string[], readonly string[], readonly string[], object]
  > = [
    ['all holds', [ok('ssh'), ok('time')], [], [], [], {}],
    [
      'one does not',
      [bad('ssh', 'b'), ok('time')],
      ['p 1 -> 2'],
      ['ssh'],
      [],
      { ssh: { since: 2, packages: ['p 1 -> 2'] } },
    ],
    [
      'still: no news, and later packages are not to blame',
      [bad('ssh', 'b')],
      ['q 1 -> 2'],
      [],
      [],
      { ssh: { since: 2, packages: ['p 1 -> 2'] } },
    ],
    ['in another way: news, but since then', [bad('ssh', 'c')], [], ['ssh'], [], { ssh: { since: 2 } }],
    [
      'another one too',
      [bad('ssh', 'c'), bad('time', 'z')],
      [],
      ['time'],
      [],
      { ssh: { since: 2 }, time: { since: 5 } },
    ],
    ['a module that is no longer in the plan is over', [bad('time', 'z')], [], [], ['ssh'], { time: { since: 5 } }],
    [
      'a name that every object has',
      [bad('constructor', 'z'), bad('time', 'z')],
      ['p 1 -> 2'],
      ['constructor'],
      [],
      { constructor: { since: 7, packages: ['p 1 -> 2'] }, time: { since: 5 } },
    ],
    ['over', [bad('time', 'z')], [], [], ['constructor'], { time: { since: 5 } }],
    ['mended', [ok('ssh'), ok('time')], [], [], ['time'], {}],
  ];
  let watch = FRESH;
  for (const [index, [name, seen, packages, began, ended, drift]] of rows.entries()) {
    const change = afterVerification(watch, seen, packages, index + 1);
    t.strictSame([change.began, change.ended], [began, ended], name);
    t.strictSame(Object.keys(change.watch.drift), Object.keys(drift), name);
    t.match(change.watch.drift, drift, name);
    t.match(change.watch, { seenAt: index + 1, verifiedAt: index + 1 });
    watch = change.watch;
  }
});

t.test('an order is told until the node has begun with it, for a day', async (t) => {
  const ordered = { by: 'a', orderedAt: 1 };
  const rows: ReadonlyArray<readonly [string, Watch['application'], number, 'none' | 'apply']> = [
    ['no order', undefined, 2, 'none'],
    ['ordered', ordered, 2, 'apply'],
    ['fetched, perhaps lost on the way', { ...ordered, fetchedAt: 2, results: {} }, 3, 'apply'],
    ['reported', { ...ordered, fetchedAt: 2, results: { ssh: { apply: 'changed' } } }, 3, 'none'],
    ['the last moment', ordered, ORDER_MS, 'apply'],
    ['too old', ordered, ORDER_MS + 1, 'none'],
    ['the clock was set back', ordered, 0, 'apply'],
  ];
  for (const [name, application, now, told] of rows)
    t.equal(orderOf({ ...FRESH, ...(application !== undefined && { application }) }, now), told, name);
});
