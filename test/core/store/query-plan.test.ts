/**
 * Every statement that the repositories send is explained by SQLite itself: none may walk a whole table or a whole index but those that are named here
 * with what bounds them, none may sort in memory.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'tap';
import type { NodeQuery, Repositories } from '../../../src/journey/ports.ts';
import { silentLog } from '../../../src/log.ts';
import { openStore } from '../../../src/store/store.ts';
import { GOOD_HEALTH } from '../../../src/webhooks/webhook.ts';
import {
  aBornSecret,
  aClaim,
  aDelivery,
  aMachine,
  aMedium,
  aNode,
  anEvent,
  aReport,
  aRule,
  aRun,
  aWebhook,
  MAC1,
} from './fixtures.ts';

const PAGES: ReadonlyArray<Partial<NodeQuery>> = [
  {},
  { after: 'a' },
  { tag: 'rack-a' },
  { tag: 'rack-a', state: 'ready', profile: 'default', search: 'pve' },
  { state: 'ready' },
  { profile: 'default' },
  { search: 'pve' },
  { search: 'bc:24' },
  { archived: true },
  { archived: true, search: 'pve', after: 'pve1.lab.example', afterId: 'node-1' },
];

/** Every method of every repository, so that a new one cannot be forgotten (checked below). */
const CALLS: { [R in keyof Repositories]: { [M in keyof Repositories[R]]: (r: Repositories[R]) => Promise<unknown> } } =
  {
    nodes: {
      insert: (r) => r.insert(aNode()),
      update: (r) => r.update(aNode({ revision: 2 }), 1),
      byId: (r) => r.byId('node-1'),
      byMac: (r) => r.byMac(MAC1),
      byFqdn: (r) => r.byFqdn('pve1.lab.example'),
      byHostName: (r) => r.byHostName('pve1', 6),
      list: (r) => r.list(),
      archivedAs: (r) => r.archivedAs('pve1.lab.example'),
      page: async (r) => {
        for (const query of PAGES) await r.page({ limit: 2, ...query });
      },
      remove: (r) => r.remove('nobody'),
    },
    runs: {
      insert: (r) => r.insert(aRun()),
      update: (r) => r.update(aRun({ revision: 2 }), 1),
      byId: (r) => r.byId('run-1'),
      activeOf: (r) => r.activeOf('node-1'),
      latestOf: (r) => r.latestOf('node-1'),
      latestOfEach: (r) => r.latestOfEach(['node-1', 'node-2']),
      listOf: (r) => r.listOf('node-1'),
      due: (r) => r.due(1, 10),
      nextDeadline: (r) => r.nextDeadline(),
      active: (r) => r.active(),
      revisions: (r) => r.revisions(),
      states: (r) => r.states(),
      prune: (r) => r.prune({ before: 1, keep: 10, limit: 10 }),
      saveReport: (r) => r.saveReport('run-1', aReport()),
      reports: (r) => r.reports('run-1'),
    },
    events: {
      append: (r) => r.append([anEvent()]),
      ofNode: async (r) => [await r.ofNode('node-1'), await r.ofNode('node-1', { afterId: 1, limit: 10 })],
      ofMac: async (r) => [await r.ofMac(MAC1), await r.ofMac(MAC1, { afterId: 1, limit: 10 })],
      newestOf: (r) => r.newestOf('node-1', 10),
      landmarksOf: (r) => r.landmarksOf('node-1', 10),
      since: (r) => r.since(0, 10),
      lastId: (r) => r.lastId(),
      prune: (r) => r.prune({ before: 2000, keep: 10, limit: 10 }),
    },
    discovered: {
      record: async (r) => {
        await r.record(aMachine(), 1);
        await r.record(aMachine({ mac: MAC1 }), 1);
      },
      byMac: (r) => r.byMac(MAC1),
      list: async (r) => [await r.list(10), await r.list(10, { lastSeenAt: 5, mac: MAC1 })],
      putSystemInformation: (r) => r.putSystemInformation(MAC1, {}),
      systemInformationOf: (r) => r.systemInformationOf(MAC1),
      remove: (r) => r.remove(MAC1),
    },
    media: {
      insert: (r) => r.insert(aMedium('aa', 1)),
      byId: (r) => r.byId('aa'),
      list: (r) => r.list(),
      remove: (r) => r.remove('aa'),
    },
    secrets: {
      put: (r) => r.put('a', 'v1.', 1),
      get: (r) => r.get('a'),
      list: (r) => r.list(),
      remove: (r) => r.remove('a'),
    },
    tokens: {
      insert: (r) => r.insert({ id: 't', name: 'n', role: 'admin', hash: 'h', createdAt: 1, expiresAt: undefined }),
      byHash: (r) => r.byHash('h'),
      remove: (r) => r.remove('t'),
      expire: (r) => r.expire('t', 2),
      list: (r) => r.list(),
    },
    audit: {
      append: (r) => r.append({ at: 1, actor: 'a', from: 'f', action: 'x', target: 't', data: {} }),
      list: async (r) => [await r.list(10), await r.list(10, 5)],
      prune: (r) => r.prune({ before: 2000, keep: 10, limit: 10 }),
    },
    keptAnswers: {
      reserve: (r) => r.reserve({ id: 'a', sealed: 's', at: 1 }, { before: 0, keep: 10 }),
      keep: (r) => r.keep('a', 's'),
      release: (r) => r.release('a'),
    },
    bornSecrets: {
      insert: (r) => r.insert(aBornSecret()),
      ofNode: (r) => r.ofNode('node-1'),
      replace: (r) => r.replace('born-1', 2),
      take: async (r) => {
        await r.insert(aBornSecret({ id: 'born-2', delivery: 'd2' }));
        await r.take('born-2', 'admin', 3);
      },
      remove: (r) => r.remove(['born-2']),
    },
    settings: { get: (r) => r.get('k'), put: (r) => r.put('k', 'v') },
    claims: {
      take: async (r) => {
        await r.take(aClaim());
        await r.take(aClaim({ from: 20, to: 29 }));
      },
      peek: (r) => r.peek(aClaim({ pool: 'other' })),
      ofNode: (r) => r.ofNode('node-1'),
      holderOf: (r) => r.holderOf('address', 20),
      releaseAll: (r) => r.releaseAll('nobody'),
    },
    hardware: {
      put: (r) => r.put({ nodeId: 'node-1', source: 'dhcp', at: 1, runId: undefined, uuid: 'u', data: {} }),
      ofNode: (r) => r.ofNode('node-1'),
      nodesWithUuid: (r) => r.nodesWithUuid('u'),
      clear: (r) => r.clear('nobody'),
      retire: (r) => r.retire([MAC1], { fqdn: 'a.example', because: 'removed', at: 1 }),
      retiredAs: (r) => r.retiredAs(MAC1),
      unretire: (r) => r.unretire([MAC1]),
    },
    rules: {
      insert: (r) => r.insert(aRule()),
      update: (r) => r.update(aRule({ revision: 2 }), 1),
      byName: (r) => r.byName('racks'),
      namesOf: (r) => r.namesOf(['rule-1', 'rule-2']),
      list: (r) => r.list(),
      takePlace: (r) => r.takePlace('rule-1', 1, 1),
      remove: (r) => r.remove('nobody'),
    },
    watches: {
      of: (r) => r.of('node-1'),
      put: (r) =>
        r.put({ nodeId: 'node-1', runId: 'run-1', seenAt: 1, verifiedAt: undefined, drift: {}, lastReportSeq: 3 }),
      ofEach: (r) => r.ofEach(['node-1', 'node-2']),
    },
    webhooks: {
      insert: (r) => r.insert(aWebhook()),
      update: (r) => r.update(aWebhook({ revision: 2 }), 1),
      byId: (r) => r.byId('hook-1'),
      byName: (r) => r.byName('chat-ops'),
      list: (r) => r.list(),
      putHealth: (r) => r.putHealth('hook-1', GOOD_HEALTH),
      counts: (r) => r.counts(),
      enqueue: (r) => r.enqueue(aDelivery()),
      queue: (r) => r.queue(),
      next: (r) => r.next('hook-1'),
      delivery: (r) => r.delivery('msg_1'),
      deliveries: async (r) => {
        await r.deliveries('hook-1', { limit: 10 });
        await r.deliveries('hook-1', { limit: 10, before: 9 });
        await r.deliveries('hook-1', { limit: 10, state: 'dead', before: 9 });
      },
      updateDelivery: (r) => r.updateDelivery(aDelivery({ tries: 1 })),
      hasten: (r) => r.hasten('hook-1'),
      reviveDead: (r) => r.reviveDead('hook-1', 1, 10),
      discardDead: (r) => r.discardDead('hook-1'),
      discard: (r) => r.discard('nobody'),
      expire: (r) => r.expire(1, 2, 10),
      prune: (r) => r.prune({ before: 1, keep: 10, limit: 10 }),
      remove: (r) => r.remove('nobody'),
    },
  };

/** In the order of a table read through a primary key or an index is fine; a bare SCAN reads rows in no order for nothing. (The sort
 * that is let through orders the few MACs of one node.) */
const BAD = [/^SCAN \w+$/, /USE TEMP B-TREE(?! FOR json_group_array)/, /AUTOMATIC/];
/** A bare scan that is let through: so many rows from one end of the table, in the order of its integer key, and no condition that could skip any. */
const FROM_ONE_END = /^select [^;]* from "(audit|event)" order by "id"( desc)? limit \?$/;
/**
 * Indexes that are read from one end without a condition that could skip a row, and why that is no more than what was asked for. `whole`: every row of the
 * index is the answer, and how many there can be; `page`: as many as the statement's own limit; `kept`: keys alone, as many as retention keeps, to find where
 * the rest begins.
 */
const WALKED: Readonly<
  Record<string, { readonly as: ReadonlyArray<'whole' | 'page' | 'kept'>; readonly bound: string }>
> = {
  node_by_fqdn: { as: ['whole'], bound: 'living nodes: a site has some thousands' },
  run_active_by_age: { as: ['whole'], bound: 'runs under way: at most one a node' },
  run_active_by_state: { as: ['whole'], bound: 'runs under way: at most one a node' },
  rule_by_priority: { as: ['whole'], bound: 'rules, which an administrator has written' },
  webhook_by_name: { as: ['whole'], bound: 'endpoints, which an administrator has made' },
  media_by_age: { as: ['whole'], bound: 'images, of a gigabyte each' },
  sqlite_autoindex_secret_1: { as: ['whole'], bound: 'secrets, which an administrator has set' },
  sqlite_autoindex_api_token_1: { as: ['whole'], bound: 'tokens, which an administrator has made' },
  discovered_by_age: { as: ['page', 'kept'], bound: 'its page; strangers that are kept' },
  kept_answer_by_age: { as: ['kept'], bound: 'answers that are kept' },
  run_ended_by_age: { as: ['kept'], bound: 'ended runs that are kept' },
  webhook_delivery_ended: { as: ['kept'], bound: 'deliveries that are kept' },
};
/** Of a statement without what stands in parentheses: no condition but that of a partial index, or of a handful of rows. */
const UNCONDITIONAL =
  /^select (?:(?! where ).)*( where (ended = [01]|archived_at is null|"off_because" is null|state <> 'waiting')(?= |$)(?:(?! and | or ).)*)?$/s;
const withoutParentheses = (text: string): string => {
  const shorter = text.replaceAll(/\([^()]*\)/g, '');
  return shorter === text ? text : withoutParentheses(shorter);
};
const ENDS = { whole: /^(?!.* limit )/s, page: / limit \?$/, kept: / limit \? offset \?$/ } as const;

/** Names that a statement gives to what it has selected itself: the candidates for the lowest free number. */
const SUBQUERIES = new Set(['candidate', 'lowest']);

test('no statement walks a table, nor an index without a bound', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const statements = new Set<string>();
  let listening = false;
  const store = await openStore({ path, log: silentLog, onStatement: (text) => listening && statements.add(text) });
  listening = true;
  for (const [name, methods] of Object.entries(CALLS)) {
    const repository = store[name as keyof Repositories] as unknown as Record<string, unknown>;
    t.strictSame(Object.keys(methods).sort(), Object.keys(repository).sort(), `${name}: every method is called`);
    for (const call of Object.values(methods)) {
      await (call as (r: unknown) => Promise<unknown>)(repository);
    }
  }
  // With an endpoint there, writing an event also fills its queue.
  await store.events.append([anEvent(), anEvent({ code: 'boot.firmware-asked' })]);
  await store.close();

  const db = new Database(path, { readonly: true });
  t.teardown(() => db.close());
  let explained = 0;
  const walked = new Set<string>();
  for (const statement of statements) {
    if (!/^(select|update|delete|insert)/.test(statement)) continue;
    const parameters = Array.from(statement.matchAll(/\?/g), () => null);
    const plan = db.prepare<unknown[], { detail: string }>(`explain query plan ${statement}`).all(...parameters);
    explained += 1;
    for (const { detail } of plan) {
      const ordered = /^SCAN (\w+)$/.exec(detail)?.[1];
      const index = /^SCAN \w+ USING (?:COVERING )?INDEX (\w+)/.exec(detail)?.[1];
      if (index !== undefined) {
        walked.add(index);
        const only = UNCONDITIONAL.test(withoutParentheses(statement));
        const bounded = only && WALKED[index]?.as.some((as) => ENDS[as].test(statement));
        t.ok(bounded, `${detail}, bounded by ${WALKED[index]?.bound} <- ${statement.slice(0, 200)}`);
      }
      if (ordered !== undefined && (FROM_ONE_END.test(statement) || SUBQUERIES.has(ordered))) continue;
      t.notOk(
        BAD.some((pattern) => pattern.test(detail)),
        `${detail} <- ${statement.slice(0, 100)}`,
      );
    }
  }
  t.strictSame([...walked].sort(), Object.keys(WALKED).sort(), 'nothing is let through that no statement does');
  t.ok(explained > 40, `${explained} statements explained`);
});
