/** What is kept and what may go: by age and by number, in small steps, and never what still says something about a node. */
import { type Test, test } from 'tap';
import { silentLog } from '../../../src/log.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import { openStore } from '../../../src/store/store.ts';
import { aNode, anEvent, aReport, aRun, MAC2 } from './fixtures.ts';

async function aStore(t: Test) {
  const store = await openStore({ path: ':memory:', log: silentLog });
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  return store;
}

test('events go by age and by number, the oldest first, no more than asked for at once', async (t) => {
  const cases = [
    { name: 'none is old enough', rule: { before: 1000, keep: 100, limit: 100 }, left: [1, 2, 3, 4, 5, 6] },
    { name: 'by age', rule: { before: 1003, keep: 100, limit: 100 }, left: [4, 5, 6] },
    { name: 'by number', rule: { before: 0, keep: 2, limit: 100 }, left: [5, 6] },
    { name: 'what is older of the two rules', rule: { before: 1001, keep: 4, limit: 100 }, left: [3, 4, 5, 6] },
    { name: 'a small step', rule: { before: 2000, keep: 0, limit: 2 }, left: [3, 4, 5, 6] },
    { name: 'all', rule: { before: 2000, keep: 100, limit: 100 }, left: [] },
  ];
  for (const { name, rule, left } of cases) {
    const store = await aStore(t);
    await store.events.append([0, 1, 2, 3, 4, 5].map((n) => anEvent({ at: 1000 + n })));
    const removed = await store.events.prune(rule);
    const ids = (await store.events.since(0, 100)).map((event) => event.id);
    t.strictSame(ids, left, name);
    t.equal(removed, 6 - left.length, `${name}: says how many`);
  }
});

test('the audit log goes by its own rule', async (t) => {
  const store = await aStore(t);
  for (const n of [0, 1, 2, 3, 4, 5])
    await store.audit.append({ at: 1000 + n, actor: 'a', from: 'f', action: 'x', target: String(n), data: {} });
  t.equal(await store.audit.prune({ before: 1002, keep: 100, limit: 100 }), 2, 'by age');
  t.equal(await store.audit.prune({ before: 0, keep: 2, limit: 1 }), 1, 'by number, in a small step');
  t.strictSame(
    (await store.audit.list(10)).map(({ target }) => target),
    ['5', '4', '3'],
    'newest first',
  );
});

test('the cursor of the feed goes on after everything was removed', async (t) => {
  const store = await aStore(t);
  t.equal(await store.events.lastId(), 0);
  await store.events.append([anEvent(), anEvent()]);
  t.equal(await store.events.lastId(), 2);
  await store.events.prune({ before: 9999, keep: 0, limit: 100 });
  await store.events.append([anEvent()]);
  t.strictSame(
    (await store.events.since(2, 10)).map((event) => event.id),
    [3],
    'an id never comes twice',
  );
});

test('ended runs go, with their reports; active ones and the newest of each node stay', async (t) => {
  const store = await aStore(t);
  await store.nodes.insert(aNode({ id: 'node-2', fqdn: 'pve2.lab.example' as Fqdn, macs: [MAC2] }));
  const ended = (id: string, nodeId: string, at: number) =>
    aRun({ id, nodeId, state: 'ready', armedAt: at, endedAt: at + 1, deadlineAt: undefined });
  for (const run of [
    ended('a1', 'node-1', 100),
    ended('a2', 'node-1', 200),
    ended('a3', 'node-1', 300),
    ended('b1', 'node-2', 100),
    aRun({ id: 'b2', nodeId: 'node-2', armedAt: 400 }),
  ])
    await store.runs.insert(run);
  await store.runs.saveReport('a1', aReport());
  t.equal(await store.runs.prune({ before: 150, keep: 100, limit: 1 }), 1, 'no more than asked for');
  t.equal(await store.runs.prune({ before: 150, keep: 100, limit: 10 }), 1);
  t.strictSame(await store.runs.reports('a1'), []);
  t.strictSame(
    (await store.runs.listOf('node-1')).map((run) => run.id),
    ['a3', 'a2'],
  );
  t.equal(await store.runs.prune({ before: 9999, keep: 100, limit: 10 }), 1);
  t.equal((await store.runs.latestOf('node-1'))?.id, 'a3', 'the newest stays, however old');
  t.equal((await store.runs.activeOf('node-2'))?.id, 'b2');
});

test('ended runs go by number', async (t) => {
  const store = await aStore(t);
  for (const n of [1, 2, 3, 4, 5])
    await store.runs.insert(
      aRun({ id: `r${n}`, state: 'failed', armedAt: n * 100, endedAt: n * 100 + 1, deadlineAt: undefined }),
    );
  t.equal(await store.runs.prune({ before: 0, keep: 2, limit: 10 }), 3);
  t.strictSame(
    (await store.runs.listOf('node-1')).map((run) => run.id),
    ['r5', 'r4'],
  );
  t.strictSame(
    (await store.runs.listOf('node-1', 1)).map((run) => run.id),
    ['r5'],
  );
});

test('runs are counted by state', async (t) => {
  const store = await aStore(t);
  await store.nodes.insert(aNode({ id: 'node-2', fqdn: 'pve2.lab.example' as Fqdn, macs: [MAC2] }));
  await store.runs.insert(aRun({ id: 'a', stateSince: 7 }));
  await store.runs.insert(aRun({ id: 'b', nodeId: 'node-2', state: 'live', contested: true, stateSince: 9 }));
  t.strictSame(await store.runs.states(), [
    { state: 'armed', contested: false, runs: 1, oldestSince: 7 },
    { state: 'live', contested: true, runs: 1, oldestSince: 9 },
  ]);
});

test('the newest events of a node, oldest of them first', async (t) => {
  const store = await aStore(t);
  await store.events.append([1, 2, 3, 4].map((at) => anEvent({ at })));
  t.strictSame(
    (await store.events.newestOf('node-1', 2)).map((event) => event.at),
    [3, 4],
  );
});
