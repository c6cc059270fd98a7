/** The queues of webhooks: filled in the transaction of the event, bounded, read in order. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { type Test, test } from 'tap';
import type { Store } from '../../../src/journey/ports.ts';
import { silentLog } from '../../../src/log.ts';
import type { EventCode } from '../../../src/runs/events.ts';
import { openStore } from '../../../src/store/store.ts';
import { GOOD_HEALTH, WAITING, WAITING_REPEATABLE } from '../../../src/webhooks/webhook.ts';
import { aDelivery, aNode, anEvent, aRun, aWebhook } from './fixtures.ts';

async function aStore(
  t: Pick<Test, 'teardown'>,
  ...webhooks: ReadonlyArray<ReturnType<typeof aWebhook>>
): Promise<Store> {
  const store = await openStore({ path: ':memory:', log: silentLog });
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  await store.runs.insert(aRun());
  for (const webhook of webhooks) await store.webhooks.insert(webhook);
  return store;
}

const queueOf = async (store: Store, webhookId = 'hook-1', limit = 100) =>
  [...(await store.webhooks.deliveries(webhookId, { limit }))].reverse();

test('an event stands in the queue of everybody who wants it, with what is sent', async (t) => {
  const off = { because: 'asked', at: 1 } as const;
  const store = await aStore(
    t,
    aWebhook(),
    aWebhook({ id: 'hook-2', name: 'alarms', events: ['*'], severities: ['alarm'] }),
    aWebhook({ id: 'hook-3', name: 'off', events: ['*'], off }),
  );
  await store.transaction(async ({ runs, events }) => {
    await runs.update(
      aRun({ state: 'failed', failure: 'silent', revision: 2, deadlineAt: undefined, endedAt: 2000 }),
      1,
    );
    await events.append([
      anEvent({ at: 2000, code: 'run.failed', data: { failure: 'silent' } }),
      anEvent({ at: 2000, code: 'node.changed', runId: undefined }),
    ]);
  });
  const [delivery, ...others] = await queueOf(store);
  t.same(others, [], 'nothing of a node');
  t.match(delivery, {
    id: /^msg_[0-9a-f]{32}$/,
    eventId: 1,
    code: 'run.failed',
    state: 'waiting',
    tries: 0,
    dueAt: 2000,
  });
  t.match(JSON.parse(delivery?.body ?? ''), {
    type: 'run.failed',
    timestamp: '1970-01-01T00:00:02.000Z',
    version: 1,
    data: {
      site: 'default',
      event: { id: 1, code: 'run.failed', severity: 'alarm', remedy: /node install pve1\.lab\.example/ },
      node: { id: 'node-1', fqdn: 'pve1.lab.example' },
      run: { id: 'run-1', state: 'failed', failure: 'silent', contested: false },
    },
  });
  const [alarm] = await queueOf(store, 'hook-2');
  t.match(alarm, { code: 'run.failed', body: delivery?.body });
  t.not(alarm?.id, delivery?.id, 'each delivery has its own id');
  t.same(await queueOf(store, 'hook-3'), [], 'what is switched off hears nothing');
});

test('what is not written is not sent', async (t) => {
  const store = await aStore(t, aWebhook());
  await t.rejects(
    store.transaction(async ({ events }) => {
      await events.append([anEvent()]);
      throw new Error('the power went away');
    }),
  );
  t.same(await queueOf(store), []);
});

test('queues are bounded, and no flood pushes an alarm out', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  t.teardown(() => store.close());
  await store.webhooks.insert(aWebhook({ events: ['*'] }));
  const append = (code: EventCode, count = 1) =>
    store.events.append(Array.from({ length: count }, () => anEvent({ code })));
  /** By another connection, in one statement: ten thousand events would take their time. */
  const fill = (count: number, mark: string) => {
    const db = new Database(path);
    db.exec(`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
      insert into webhook_delivery (id, webhook_id, code, body, state, tries, created_at, queued_at, due_at)
      select '${mark}' || i, 'hook-1', 'run.armed', '{}', 'waiting', 0, 1, 1, 1 from n`);
    db.close();
  };
  const counted = async () => (await store.webhooks.counts()).get('hook-1');
  fill(WAITING_REPEATABLE - 1, 'a');
  await append('boot.firmware-asked', 8);
  t.same(await counted(), { waiting: WAITING_REPEATABLE, dead: 0 });
  t.equal((await store.webhooks.byId('hook-1'))?.health.shed, 7, 'what was left out is counted');
  await append('run.contested');
  t.same(await counted(), { waiting: WAITING_REPEATABLE + 1, dead: 0 }, 'an alarm is queued');
  fill(WAITING - WAITING_REPEATABLE - 2, 'b');
  await append('run.armed');
  t.equal((await store.webhooks.byId('hook-1'))?.webhook.off, undefined, 'just full');
  await append('run.armed', 2);
  t.match((await store.webhooks.byId('hook-1'))?.webhook, { off: { because: 'overflow', at: 1000 }, revision: 2 });
  t.same(await counted(), { waiting: WAITING, dead: 0 });
});

test('the next one is the one that is due first; an outage that is over makes all due in their order', async (t) => {
  const store = await aStore(t, aWebhook());
  const { webhooks } = store;
  for (const [n, dueAt] of [9000, 3000, 3000, 5000].entries())
    await webhooks.enqueue(aDelivery({ id: `msg_${n}`, queuedAt: 1000 + n, dueAt }));
  t.equal((await webhooks.next('hook-1'))?.id, 'msg_1');
  t.same(await webhooks.queue(), [{ webhookId: 'hook-1', dueAt: 3000, pausedUntil: undefined }]);
  await webhooks.hasten('hook-1');
  t.equal((await webhooks.next('hook-1'))?.id, 'msg_0');
  await webhooks.putHealth('hook-1', { ...GOOD_HEALTH, failures: 3, failingSince: 5, pausedUntil: 77, shed: 99 });
  t.match(await webhooks.queue(), [{ pausedUntil: 77 }]);
  t.match(
    (await webhooks.byName('chat-ops'))?.health,
    { failures: 3, failingSince: 5, shed: 0 },
    'shed is the queue’s',
  );
});

test('the dead-letter list: listed, taken back, thrown away, and given up by age', async (t) => {
  const store = await aStore(t, aWebhook(), aWebhook({ id: 'hook-2', name: 'other' }));
  const { webhooks } = store;
  for (const n of [1, 2, 3, 4, 5]) {
    await webhooks.enqueue(aDelivery({ id: `msg_${n}`, queuedAt: n * 1000 }));
    if (n <= 3)
      await webhooks.updateDelivery(aDelivery({ id: `msg_${n}`, state: 'dead', tries: 12, endedAt: n, failure: 'x' }));
  }
  const ids = async (state: 'dead' | 'waiting', before?: number, limit = 9) =>
    (await webhooks.deliveries('hook-1', { state, before, limit })).map(({ id }) => id);
  t.same(await ids('dead'), ['msg_3', 'msg_2', 'msg_1'], 'newest first');
  t.same(await ids('dead', 3, 1), ['msg_2'], 'in pages');
  t.equal(await webhooks.reviveDead('hook-2', 7000, 9), 0, 'only of that endpoint');
  t.equal(await webhooks.reviveDead('hook-1', 7000, 1), 1, 'the oldest first');
  t.match(await webhooks.delivery('msg_1'), {
    state: 'waiting',
    tries: 0,
    queuedAt: 7000,
    dueAt: 7000,
    createdAt: 1000,
  });
  t.equal(await webhooks.expire(4500, 8000, 9), 1, 'age counts from when it was taken back');
  t.match(await webhooks.delivery('msg_4'), { state: 'dead', endedAt: 8000, failure: 'not sent in time' });
  t.equal(await webhooks.discardDead('hook-1'), 3);
  await webhooks.discard('msg_5');
  t.same(await ids('waiting'), ['msg_1']);
  t.same((await webhooks.counts()).get('hook-1'), { waiting: 1, dead: 0 }, 'counted through all of that');
  t.ok(await webhooks.remove('hook-1'));
  t.equal(await webhooks.delivery('msg_1'), undefined, 'deliveries go with their endpoint');
});

test('what has ended goes by age and number, what waits stays', async (t) => {
  for (const [name, rule, left] of [
    ['by age', { before: 3, keep: 9, limit: 9 }, [3, 4, 5]],
    ['by number', { before: 0, keep: 1, limit: 9 }, [4, 5]],
    ['a small step', { before: 9, keep: 0, limit: 1 }, [2, 3, 4, 5]],
    ['all that has ended', { before: 99, keep: 0, limit: 9 }, [5]],
  ] as const) {
    const store = await aStore(t, aWebhook());
    for (const n of [1, 2, 3, 4, 5]) {
      await store.webhooks.enqueue(aDelivery({ id: `msg_${n}` }));
      const state = n % 2 === 0 ? 'dead' : 'delivered';
      if (n < 5) await store.webhooks.updateDelivery(aDelivery({ id: `msg_${n}`, state, endedAt: n }));
    }
    t.equal(await store.webhooks.prune(rule), 5 - left.length, name);
    t.same(
      (await queueOf(store)).map(({ seq }) => seq),
      left,
      name,
    );
  }
});

test('two endpoints have two names, and an edit is meant for what was seen', async (t) => {
  const store = await aStore(t, aWebhook());
  await t.rejects(store.webhooks.insert(aWebhook({ id: 'hook-2' })), { code: 'webhook.name-taken' });
  t.equal(await store.webhooks.update(aWebhook({ revision: 2, url: 'https://a.example/' }), 7), false);
  t.equal(await store.webhooks.update(aWebhook({ revision: 2, oldSecret: { sealed: 'v1.o', until: 9 } }), 1), true);
  t.match((await store.webhooks.byId('hook-1'))?.webhook, { revision: 2, oldSecret: { sealed: 'v1.o', until: 9 } });
});

test('whatever is committed and wanted is queued once; what is rolled back never', async (t) => {
  const transactions = fc.array(
    fc.record({ codes: fc.array(fc.constantFrom('run.armed', 'run.ready', 'node.changed')), fails: fc.boolean() }),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(transactions, async (given) => {
      const store = await openStore({ path: ':memory:', log: silentLog });
      await store.webhooks.insert(aWebhook());
      for (const { codes, fails } of given) {
        const work = store.transaction(async ({ events }) => {
          for (const code of codes) await events.append([anEvent({ code: code as EventCode })]);
          if (fails) throw new Error('no');
        });
        await work.catch(() => undefined);
      }
      const wanted = (await store.events.since(0, 999)).filter(({ code }) => code.startsWith('run.'));
      const queued = await queueOf(store, 'hook-1', 999);
      await store.close();
      t.same(
        queued.map(({ eventId, code }) => [eventId, code]),
        wanted.map(({ id, code }) => [id, code]),
      );
    }),
    { numRuns: 12 },
  );
});
