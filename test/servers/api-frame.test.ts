/** What all routes share: entity tags, pages, filters, and requests that come twice. */
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { armed } from '../support/machine.ts';
import { type CallOptions, startParts } from '../support/parts.ts';

async function withApi(t: Test) {
  const { parts, admin } = await armed(t);
  const base = `${parts.segment.httpsUrl}/api/v1`;
  const ask = async (path: string, options: CallOptions = {}) => {
    const answer = await parts.call(`${base}${path}`, { token: admin, ...options });
    return { ...answer, json: answer.text === '' ? undefined : JSON.parse(answer.text) };
  };
  return { parts, admin, ask };
}

t.test('the tag of a node holds until the node, its run or its timeline change', async (t) => {
  const { ask } = await withApi(t);
  const first = await ask('/nodes/pve1');
  const tag = String(first.headers.etag);
  t.match(tag, /^"1\.[\d.]+"$/);
  const same = await ask('/nodes/pve1', { headers: { 'if-none-match': `"other", W/${tag}` } });
  t.match([same.status, same.text, same.headers.etag], [304, '', tag]);
  await ask('/nodes/pve1/cancel', { method: 'POST' });
  const changed = await ask('/nodes/pve1', { headers: { 'if-none-match': tag } });
  t.equal(changed.status, 200);
  t.not(changed.headers.etag, tag);
  const wrong = await ask('/nodes/pve1', { method: 'DELETE', headers: { 'if-match': '"7.1.1"' } });
  t.match([wrong.status, wrong.json.code, wrong.json.field], [412, 'request.outdated', 'If-Match']);
  const nonsense = await ask('/nodes/pve1', { method: 'DELETE', headers: { 'if-match': 'W/"1"' } });
  t.match([nonsense.status, nonsense.json.code], [400, 'request.if-match']);
  const right = await ask('/nodes/pve1', { method: 'DELETE', headers: { 'if-match': tag } });
  t.equal(right.status, 204, 'the run has gone on, the node is the one that was seen');
});

t.test('lists come in pages, filtered, each row once', async (t) => {
  const { ask } = await withApi(t);
  for (let n = 10; n < 22; n += 1) {
    const json = {
      mac: `02:00:00:00:00:${n}`,
      fqdn: `node${n}.lab.example`,
      profile: 'default',
      tags: n % 2 ? ['odd', 'rack-a'] : ['rack-a'],
    };
    t.equal((await ask('/nodes', { json })).status, 201);
  }
  const seen: string[] = [];
  let path: string | undefined = '/nodes?limit=5';
  while (path !== undefined) {
    const page: Awaited<ReturnType<typeof ask>> = await ask(path);
    t.ok(page.json.items.length <= 5);
    seen.push(...page.json.items.map(({ node }: { node: { fqdn: string } }) => node.fqdn));
    const link: string | undefined = /^<\/api\/v1(.*)>; rel="next"$/.exec(String(page.headers.link))?.[1];
    t.equal(link === undefined, page.json.next === null, 'header and body agree');
    path = link;
  }
  t.equal(seen.length, 13);
  t.same(seen, seen.toSorted());
  for (const [query, wanted] of [
    ['tag=odd', 6],
    ['tag=rack-a&q=NODE1', 10],
    ['q=02:00:00:00:00:2', 2],
    ['state=armed', 1],
    ['state=none', 12],
    ['state=ready', 0],
    ['profile=default', 13],
    ['profile=other', 0],
    [`q=${encodeURIComponent("%' or 1=1 --")}`, 0],
  ] as const)
    t.equal((await ask(`/nodes?${query}`)).json.items.length, wanted, query);
  for (const cursor of ['x', 'bnVsbA', Buffer.from('{"fqdn":1}').toString('base64url'), 'e30'])
    t.match(await ask(`/nodes?cursor=${cursor}`), { status: 400, json: { code: 'request.cursor', field: 'cursor' } });
  const audit = await ask('/audit?limit=3');
  const older = await ask(`/audit?limit=3&cursor=${audit.json.next}`);
  t.equal(new Set([...audit.json.items, ...older.json.items].map(({ id }) => id)).size, 6);
});

t.test('strangers come in pages, also when two were seen at the same moment', async (t) => {
  const { parts, ask } = await withApi(t);
  for (let n = 0; n < 7; n += 1)
    await parts.journey.store.discovered.record(
      {
        mac: `02:00:00:00:01:0${n}` as never,
        lastSeenAt: 1000 + Math.floor(n / 3),
        arch: undefined,
        uuid: undefined,
        vendorClass: undefined,
        hostName: undefined,
        interfaceName: 'lo',
        address: undefined,
      },
      100,
    );
  const seen: string[] = [];
  for (let cursor = ''; cursor !== 'null'; ) {
    const { json } = await ask(`/discovered?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...json.items.map(({ mac }: { mac: string }) => mac));
    cursor = String(json.next);
  }
  t.equal(new Set(seen).size, 7);
  t.equal(seen.length, 7);
});

const NODE = { mac: '02:00:00:00:00:55', fqdn: 'twice.lab.example', profile: 'default' };

t.test('a request that comes twice is done once, and answered twice the same', async (t) => {
  const { parts, ask } = await withApi(t);
  const headers = { 'idempotency-key': randomUUID() };
  const first = await ask('/nodes', { json: NODE, headers });
  const again = await ask('/nodes', { json: NODE, headers });
  t.equal(first.status, 201, first.text);
  t.match(again, { status: 201, text: first.text, headers: { location: first.headers.location } });
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.equal((await parts.journey.store.nodes.list()).length, 2);
  const other = await ask('/nodes', { json: { ...NODE, fqdn: 'other.lab.example' }, headers });
  t.match(other, { status: 422, json: { code: 'idempotency.other-request', field: 'Idempotency-Key' } });
  t.match(await ask('/nodes/pve1/cancel', { json: {}, headers }), { status: 422 }, 'nor for another route');
  t.match(await ask('/nodes', { json: NODE, headers: { 'idempotency-key': 'a b' } }), {
    status: 400,
    json: { code: 'idempotency.malformed' },
  });
  const stranger = await parts.token('operator');
  t.match(
    await ask('/nodes', { json: NODE, headers, token: stranger }),
    { status: 409, json: { code: /^node\./ } },
    "another token's key is another key",
  );
  parts.clock.advance(86_400_001);
  t.match(await ask('/nodes', { json: NODE, headers }), { status: 409, json: { code: /^node\./ } }, 'for a day');
});

t.test('of what changes nothing no answer is kept', async (t) => {
  const { ask } = await withApi(t);
  const headers = { 'idempotency-key': 'again' };
  for (const [path, json] of [
    [
      '/rules/test',
      { rule: { name: 'all', when: ['mac:*'], gives: { fqdn: 's-{{mac}}.lab.example', profile: 'default' } } },
    ],
    ['/nodes/pve1/plan/export', { secrets: true }],
  ] as const)
    for (const time of ['once', 'twice']) {
      const answer = await ask(path, { json, headers });
      t.match(
        [answer.status, answer.headers['idempotency-replayed']],
        [200, undefined],
        `${path} ${time}: ${answer.text.slice(0, 200)}`,
      );
    }
  t.equal((await ask('/nodes', { json: NODE, headers })).status, 201, 'and the key is free');
});

t.test('what was refused is forgotten: the corrected request may use its key', async (t) => {
  const { ask } = await withApi(t);
  const headers = { 'idempotency-key': 'k' };
  t.equal((await ask('/nodes', { json: { ...NODE, mac: 'zz' }, headers })).status, 400);
  t.equal((await ask('/nodes', { json: NODE, headers })).status, 201);
});

t.test('two at once with one key: one is done', async (t) => {
  const { ask } = await withApi(t);
  const headers = { 'idempotency-key': 'race' };
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask('/nodes', { json: NODE, headers })));
  const statuses = answers.map(({ status }) => status);
  t.ok(statuses.includes(201));
  t.same(
    [...new Set(statuses)].filter((status) => ![201, 409].includes(status)),
    [],
  );
  for (const { status, json } of answers) if (status === 409) t.equal(json.code, 'idempotency.under-way');
});

t.test('a kept answer holds a token, the database does not; after a crash nothing is done twice', async (t) => {
  const directory = t.testdir();
  const databasePath = `${directory}/ironwake.db`;
  const parts = await startParts({ databasePath });
  t.teardown(() => parts.close());
  const admin = await parts.token('admin');
  const url = `${parts.segment.httpsUrl}/api/v1/tokens`;
  const headers = { 'idempotency-key': 'token-1' };
  const first = await parts.call(url, { token: admin, json: { name: 'ci', role: 'viewer' }, headers });
  const again = await parts.call(url, { token: admin, json: { name: 'ci', role: 'viewer' }, headers });
  t.equal(first.status, 201, first.text);
  t.equal(again.text, first.text, 'the very same token');
  t.equal(again.headers['cache-control'], 'no-store');
  const { token } = JSON.parse(first.text);
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(databasePath);
  const rows = db.prepare<[], Record<string, unknown>>('select * from kept_answer').all();
  t.equal(rows.length, 1);
  t.notMatch(JSON.stringify(rows), token);
  t.notMatch(JSON.stringify(rows), 'token-1', 'nor the key');
  // As a daemon leaves it that was killed between the change and its answer.
  db.prepare('update kept_answer set answered = 0').run();
  db.close();
  const cut = await parts.call(url, { token: admin, json: { name: 'ci', role: 'viewer' }, headers });
  t.match([cut.status, JSON.parse(cut.text).code], [409, 'idempotency.interrupted']);
});
