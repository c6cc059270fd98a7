/** Numbers of pools: the lowest free one, never twice, and back again when the node goes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { claimsInARow } from '../../../src/journey/claims-in-a-row.ts';
import type { Store } from '../../../src/journey/ports.ts';
import { silentLog } from '../../../src/log.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { openStore } from '../../../src/store/store.ts';
import { aClaim, aNode } from './fixtures.ts';

const open = (path = ':memory:'): Promise<Store> => openStore({ path, log: silentLog });

async function addNodes(store: Store, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `node-${i}`);
  for (const [i, id] of ids.entries()) {
    const mac = `02:00:00:00:${Math.floor(i / 256)
      .toString(16)
      .padStart(2, '0')}:${(i % 256).toString(16).padStart(2, '0')}` as Mac;
    await store.nodes.insert(aNode({ id, fqdn: `${id}.lab.example` as Fqdn, macs: [mac] }));
  }
  return ids;
}

/** Name, what happens before (node and number that it gets), the request, what it gets. */
const ROWS: ReadonlyArray<
  readonly [
    string,
    ReadonlyArray<Partial<ReturnType<typeof aClaim>>>,
    Partial<ReturnType<typeof aClaim>>,
    number | undefined,
  ]
> = [
  ['the first of an empty pool', [], {}, 10],
  ['the next one', [{ nodeId: 'node-0' }], {}, 11],
  ['the one that it holds already', [{ nodeId: 'node-0' }, {}], {}, 11],
  ['not one that is in use otherwise', [], { except: [10, 11] }, 12],
  ['a gap between such numbers', [{ nodeId: 'node-0' }], { except: [11, 13] }, 12],
  ['nothing when all are taken', [{ nodeId: 'node-0', to: 10 }], { to: 10 }, undefined],
  ['nothing when all are in use otherwise', [], { to: 11, except: [11, 10] }, undefined],
  ['the last one', [{ nodeId: 'node-0', to: 11 }], { to: 11 }, 11],
  ['another pool of the scope shares its numbers', [{ nodeId: 'node-0', pool: 'other' }], {}, 11],
  ['another scope does not', [{ nodeId: 'node-0', scope: 'counter rack' }], {}, 10],
  ['one of the new range when the pool has moved', [{}], { from: 20, to: 29 }, 20],
  ['from where the search is told to begin', [], { searchFrom: 12 }, 12],
  ['nothing when the search would begin behind the pool', [], { to: 12, searchFrom: 13 }, undefined],
  ['an address as a number beyond 31 bits', [], { from: 3_232_235_777, to: 3_232_235_778 }, 3_232_235_777],
];

test('which number a node gets', async (t) => {
  for (const [name, before, request, number] of ROWS) {
    const store = await open();
    await addNodes(store, 3);
    for (const earlier of before) await store.claims.take(aClaim(earlier));
    t.equal(await store.claims.peek(aClaim(request)), number, `${name}: looking`);
    t.equal(await store.claims.peek(aClaim(request)), number, `${name}: looking takes nothing`);
    t.equal(await store.claims.take(aClaim(request)), number, name);
    await store.close();
  }
});

test('a node that goes gives its numbers back', async (t) => {
  const store = await open();
  t.teardown(() => store.close());
  await addNodes(store, 2);
  await store.claims.take(aClaim({ nodeId: 'node-0' }));
  await store.claims.take(aClaim({ nodeId: 'node-0', scope: 'counter rack', pool: 'rack', from: 1 }));
  t.strictSame(
    (await store.claims.ofNode('node-0')).map(({ scope, pool, number }) => [scope, pool, number]),
    [
      ['address', 'lan', 10],
      ['counter rack', 'rack', 1],
    ],
  );
  t.equal(await store.claims.holderOf('address', 10), 'node-0');
  t.equal(await store.claims.holderOf('address', 1), undefined);
  await store.nodes.remove('node-0');
  t.equal(await store.claims.holderOf('address', 10), undefined);
  t.strictSame(await store.claims.ofNode('node-0'), []);
  t.equal(await store.claims.take(aClaim({ nodeId: 'node-1' })), 10);
});

test('nobody without a node', async (t) => {
  const store = await open();
  t.teardown(() => store.close());
  await t.rejects(store.claims.take(aClaim({ nodeId: 'nobody' })));
});

test('many at once: each its own, and the pool ends exactly', async (t) => {
  const store = await open();
  t.teardown(() => store.close());
  const ids = await addNodes(store, 300);
  const got = await Promise.all(
    ids.map((nodeId, i) => {
      const request = aClaim({ nodeId, from: 1, to: 250, except: [7] });
      // Some inside a transaction with other work, as the daemon does it, some alone.
      return i % 2 === 0 ? store.claims.take(request) : store.transaction((tx) => tx.claims.take(request));
    }),
  );
  const numbers = got.filter((number) => number !== undefined);
  t.equal(numbers.length, 249);
  t.equal(new Set(numbers).size, 249);
  t.notOk(numbers.includes(7));
  const same = await Promise.all(
    Array.from({ length: 20 }, () => store.claims.take(aClaim({ nodeId: 'node-1', from: 1, to: 250 }))),
  );
  t.equal(new Set(same).size, 1, 'one node that asks twenty times has one number');
});

test('property: many new nodes in a row get what they would get one by one', async (t) => {
  const numbers = fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 5 });
  // No two nodes have one fixed address.
  const distinct = fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { maxLength: 5 });
  const wants = fc.array(
    fc.record({
      pool: fc.constantFrom({ pool: 'a', from: 1, to: 9 }, { pool: 'b', from: 4, to: 14 }),
      // Two kinds of nodes, as those of two profiles are.
      except: fc.constantFrom([], [2, 5]),
      answering: fc.constantFrom([], [3]),
    }),
    // Often more than there are numbers.
    { minLength: 8, maxLength: 24, size: 'max' },
  );
  await fc.assert(
    fc.asyncProperty(numbers, distinct, wants, async (held, fixed, nodes) => {
      const store = await open();
      const before = await addNodes(store, 10);
      for (const [i, number] of held.entries())
        await store.claims.take(aClaim({ nodeId: before[i] ?? '', from: number, to: number }));
      for (const [i, number] of fixed.entries()) {
        const node = await store.nodes.byId(before[5 + i] ?? '');
        if (node === undefined) throw new Error('gone');
        const values = { network: { source: 'from-answer', cidr: `0.0.0.${number}/24` } };
        await store.nodes.update({ ...node, values: { answer: values } }, node.revision);
      }
      const drafts = nodes.map((_, i) => {
        const mac = `02:00:00:01:00:${i.toString(16).padStart(2, '0')}` as Mac;
        return aNode({ id: `new-${i}`, fqdn: `new-${i}.lab.example` as Fqdn, macs: [mac] });
      });
      const outcome = async (inARow: boolean): Promise<Array<number | undefined>> => {
        const got: Array<number | undefined> = [];
        await store
          .transaction(async (tx) => {
            const claims = inARow ? claimsInARow(tx.claims) : tx.claims;
            for (const [i, { pool, except, answering }] of nodes.entries()) {
              const draft = drafts[i];
              if (draft === undefined) continue;
              await tx.nodes.insert(draft);
              got.push(await claims.take(aClaim({ nodeId: draft.id, ...pool, except: [...except, ...answering] })));
            }
            throw new Error('undone');
          })
          .catch(() => {});
        return got;
      };
      const oneByOne = await outcome(false);
      const inARow = await outcome(true);
      await store.close();
      if (JSON.stringify(oneByOne) !== JSON.stringify(inARow)) throw new Error(`${oneByOne} became ${inARow}`);
    }),
    { numRuns: 25 },
  );
  t.pass('the same');
});

test('two daemons on one file', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const stores = [await open(path), await open(path)] as const;
  const ids = await addNodes(stores[0], 100);
  const got = await Promise.all(
    ids.map((nodeId, i) => stores[i % 2 === 0 ? 0 : 1].claims.take(aClaim({ nodeId, from: 1, to: 100 }))),
  );
  t.strictSame(
    got.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  for (const store of stores) await store.close();
});

test('a transaction that fails gives back what it took', async (t) => {
  const store = await open();
  t.teardown(() => store.close());
  await addNodes(store, 1);
  await t.rejects(
    store.transaction(async (tx) => {
      await tx.nodes.insert(aNode({ id: 'new', fqdn: 'new.lab.example' as Fqdn, macs: ['02:00:00:00:ff:ff' as Mac] }));
      t.equal(await tx.claims.take(aClaim({ nodeId: 'new' })), 10);
      throw new Error('no');
    }),
    { message: 'no' },
  );
  t.equal(await store.claims.take(aClaim({ nodeId: 'node-0' })), 10);
});

test('a process that is killed between taking and the end of its transaction', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const first = await open(path);
  await addNodes(first, 1);
  await first.close();
  const child = fork(new URL('./claim-and-hang.ts', import.meta.url), [path], { stdio: 'inherit' });
  const [taken] = await once(child, 'message');
  t.equal(taken, 10);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = await open(path);
  t.teardown(() => store.close());
  t.strictSame(await store.claims.ofNode('node-0'), []);
  t.equal(await store.claims.take(aClaim({ nodeId: 'node-0' })), 10);
});

test('property: whatever nodes come and go, no number is held twice and none is outside its pool', async (t) => {
  const step = fc.record({
    node: fc.nat(7),
    leave: fc.boolean(),
    from: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 0, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const store = await open();
      for (const { node, leave, from, size } of steps) {
        const nodeId = `node-${node}`;
        if (leave) await store.nodes.remove(nodeId);
        if ((await store.nodes.byId(nodeId)) === undefined) {
          const mac = `02:00:00:00:00:0${node}` as Mac;
          await store.nodes.insert(aNode({ id: nodeId, fqdn: `${nodeId}.lab.example` as Fqdn, macs: [mac] }));
        }
        const number = await store.claims.take(aClaim({ nodeId, from, to: from + size }));
        if (number !== undefined && (number < from || number > from + size)) throw new Error(`${number} is outside`);
        const all = (await Promise.all((await store.nodes.list()).map(({ id }) => store.claims.ofNode(id)))).flat();
        if (new Set(all.map((claim) => claim.number)).size !== all.length) throw new Error('twice');
      }
      await store.close();
    }),
    { numRuns: 30 },
  );
  t.pass('held');
});
