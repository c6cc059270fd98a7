import { test } from 'tap';
import { silentLog } from '../../../src/log.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import { openStore } from '../../../src/store/store.ts';
import { aNode, anEvent, aRun, MAC2 } from './fixtures.ts';

const memory = () => openStore({ path: ':memory:', log: silentLog });

test('all of it or nothing', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await t.rejects(
    store.transaction(async (tx) => {
      await tx.nodes.insert(aNode());
      await tx.runs.insert(aRun());
      await tx.events.append([anEvent()]);
      throw new Error('no');
    }),
    { message: 'no' },
  );
  t.strictSame(await store.nodes.list(), []);
  t.strictSame(await store.events.since(0, 10), []);
  const result = await store.transaction(async (tx) => {
    await tx.nodes.insert(aNode());
    await tx.events.append([anEvent()]);
    return 'done';
  });
  t.equal(result, 'done');
  t.equal((await store.events.since(0, 10)).length, 1);
});

test('a refusal that the caller survives leaves the rest of the transaction whole', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.transaction(async (tx) => {
    await tx.nodes.insert(aNode());
    const twin = aNode({ id: 'node-2', fqdn: 'pve2.lab.example' as Fqdn, macs: [MAC2, ...aNode().macs] });
    await t.rejects(tx.nodes.insert(twin), { code: 'node.mac-taken' });
  });
  t.strictSame(
    (await store.nodes.list()).map((node) => node.id),
    ['node-1'],
  );
});

test('transactions follow one another: no read between them is lost', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.settings.put('count', '0');
  await Promise.all(
    Array.from({ length: 20 }, () =>
      store.transaction(async (tx) => {
        const count = Number(await tx.settings.get('count'));
        await new Promise((resolve) => setImmediate(resolve));
        await tx.settings.put('count', String(count + 1));
      }),
    ),
  );
  t.equal(await store.settings.get('count'), '20');
});

test('of many who claim the same revision one wins', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  await store.runs.insert(aRun());
  const claims = await Promise.all(
    Array.from({ length: 10 }, () => store.runs.update(aRun({ state: 'claimed', revision: 2 }), 1)),
  );
  t.equal(claims.filter(Boolean).length, 1);
});

test('the store itself, used inside a transaction, fails instead of waiting for ever', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  const message = /use the repositories that were passed in/;
  await t.rejects(
    store.transaction(() => store.nodes.list()),
    message,
  );
  await t.rejects(
    store.transaction(() => store.transaction(async () => 1)),
    message,
  );
  let late: Promise<unknown> | undefined;
  await store.transaction(async () => {
    late = new Promise((resolve) => setImmediate(resolve)).then(() => new Promise((resolve) => setTimeout(resolve, 5)));
    late = late.then(() => store.nodes.list());
  });
  t.strictSame(await late, [], 'what was only started inside and runs after the end is no part of it');
});
