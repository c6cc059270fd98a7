/**
 * Every route is asked what its own description allows, and what it does not, by everybody: never a 5xx, never a secret in an answer, nothing
 * written by a refusal, nothing done beyond a role, and a database that is whole at the end.
 *
 * One seed is always the same, the others are new each time; IRONWAKE_FUZZ_SEED repeats one that failed, IRONWAKE_FUZZ_SEEDS asks for more of them.
 */
import { createHash, randomInt } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Mac } from '../../src/net/mac.ts';
import { aMachine } from '../core/store/fixtures.ts';
import { type Document, type FuzzedRequest, NASTY, requestsTo } from '../support/arbitrary-requests.ts';
import { armed, install, loadImage } from '../support/machine.ts';
import { MEDIA, PROFILE, STRANGER_AT, STRANGER_MAC } from '../support/parts.ts';
import { routesOf } from '../support/routes.ts';

const FIXED_SEED = 20_270_115;
const given = process.env.IRONWAKE_FUZZ_SEED;
const SEEDS =
  given === undefined
    ? [FIXED_SEED, ...Array.from({ length: Number(process.env.IRONWAKE_FUZZ_SEEDS ?? 1) }, () => randomInt(2 ** 31))]
    : [Number(given)];
/** Requests to a route, for each seed. */
const REQUESTS = 16;
/** A certificate is made, a database copied, a hash computed: these are few. */
const COSTLY = /certificate\/rotate|\/backup$/;

const SECRET = 'c4n4ry-s3cret-v4lue-of-the-plan';
const UNUSED = 'c4n4ry-that-nobody-uses';
const CONFIRM = `${PROFILE.replace('name: admin,', 'name: admin, password: {secret: key},')}install: { release: confirm }\n`;
const RACKED = PROFILE.concat(
  'counters: { rack: { from: 1, to: 50, width: 2 } }\npools: { lan: { range: 10.9.0.10-10.9.0.200 } }\n',
);

/** Of these a refusal counts, and stands on the timeline. */
const TOLD_REFUSALS = new Set(['run.wrong-code', 'run.too-many-codes']);
const ROLES = ['viewer', 'operator', 'admin'] as const;
type Asker = (typeof ROLES)[number] | 'nobody';
const RANK: Readonly<Record<Asker, number>> = { nobody: 0, viewer: 1, operator: 2, admin: 3 };

async function site(t: Test) {
  const databasePath = join(t.testdir(), 'ironwake.db');
  const at = await armed(t, {
    databasePath,
    profiles: { confirm: CONFIRM, racked: RACKED },
    profile: 'confirm',
    secrets: { key: SECRET, unused: UNUSED },
  });
  const { parts } = at;
  const { store } = parts.journey;
  const answerUrl = await loadImage(parts);
  const { credential } = await install(t, parts, answerUrl);
  const nodeCredential = await credential();
  const tokens = {
    viewer: await parts.token('viewer'),
    operator: await parts.token('operator'),
    // Its name is none that a request guesses: who revokes his own token asks nothing more.
    admin: at.admin,
  };
  const db = new Database(databasePath);
  t.teardown(() => db.close());
  // An id of its own, as a real one has: here it is the token itself.
  db.prepare("update api_token set id = 'id-of-' || name, name = 'fuzz-' || name").run();
  let peer = 0;
  /** Another address each time, so that nobody is shut out. */
  const inject = (app: keyof typeof parts.apps, { method, url, headers, payload }: FuzzedRequest, from?: string) => {
    peer = (peer + 1) % 60_000;
    return parts.apps[app].inject({
      method: method as 'GET',
      url,
      headers,
      remoteAddress: from ?? `127.1.${peer >> 8}.${peer & 255}`,
      ...(payload !== undefined && { payload }),
    });
  };
  const ask = (method: string, path: string, json?: unknown) =>
    inject('secure', {
      method,
      url: `/api/v1${path}`,
      headers: {
        authorization: `Bearer ${tokens.admin}`,
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      payload: json === undefined ? undefined : JSON.stringify(json),
    });
  /** What the requests find; what one of them took away is there again for the next. */
  const furnish = async () => {
    await ask('POST', '/nodes', {
      mac: '02:00:00:00:00:02',
      fqdn: 'pve2.lab.example',
      profile: 'racked',
      tags: ['rack-a'],
    });
    await ask('POST', '/nodes', { mac: '02:00:00:00:00:03', fqdn: 'pve3.lab.example', profile: 'default' });
    await ask('POST', '/nodes/pve3/archive');
    await ask('POST', '/tokens', { name: 'ci', role: 'viewer' });
    await ask('POST', '/rules', {
      name: 'rack-a',
      when: ['mac:02:00:00:00:07:*'],
      gives: { fqdn: 'pve{{counter.rack}}.rack.example', profile: 'racked' },
    });
    for (const [name, value] of Object.entries({ key: SECRET, unused: UNUSED }))
      await ask('PUT', `/secrets/${name}`, { value });
    if ((await store.media.byId(MEDIA.id)) === undefined) await store.media.insert(MEDIA);
    if ((await store.discovered.byMac(STRANGER_MAC)) === undefined)
      await store.discovered.record(aMachine({ mac: STRANGER_MAC as Mac }), 10);
  };
  await furnish();
  const hashes = db.prepare<[], string>('select hash from api_token').pluck().all();
  const secrets: ReadonlyArray<readonly [what: string, text: string]> = [
    ['a secret of the plan', SECRET],
    ['a secret that is not used', UNUSED],
    ['the credential of a node', nodeCredential],
    ['a step token', /installer\/([^/]+)\//.exec(answerUrl)?.[1] ?? ''],
    ...Object.values(tokens).map((token) => ['a token', token] as const),
    ...hashes.map((hash) => ['the hash of a token', hash] as const),
  ];
  t.ok(
    secrets.every(([, text]) => text.length > 15),
    'all secrets are known',
  );
  const nodes = db.prepare<[], string>('select id from node').pluck().all();
  const runs = db.prepare<[], string>('select id from run').pluck().all();
  const known = [
    ...['pve1', 'pve1.lab.example', 'pve2', 'pve3.lab.example', 'default', 'racked', 'rack-a', 'ci', 'key', 'unused'],
    ...['bc:24:11:00:00:01', '02-00-00-00-00-02', STRANGER_MAC, MEDIA.id, MEDIA.name, 'mac:02:*', '/boot/arch=bios'],
    ...['2027-02-01T00:00:00Z', 'new.lab.example', '02:00:00:00:09:09', 'ansible', 'pve{{counter.rack}}.x.example'],
    ...nodes,
    ...runs,
  ];
  return { parts, db, tokens, inject, furnish, secrets, known, answerUrl, nodeCredential };
}

type Site = Awaited<ReturnType<typeof site>>;

/** Of every row that there is but refusals that are written down. `setting` holds what the daemon tries the disk with. */
const TOLD: Readonly<Record<string, string>> = {
  audit: "where action not like '%-refused'",
};
function printOf(db: Database.Database): () => string {
  const tables = db
    .prepare<[], string>(
      "select name from sqlite_schema where type = 'table' and name not in ('setting', 'sqlite_sequence') order by name",
    )
    .pluck()
    .all();
  const statements = tables.map((name) => db.prepare(`select * from "${name}" ${TOLD[name] ?? ''}`).raw());
  let version: unknown;
  let print = '';
  return () => {
    // Rises with each commit of another connection.
    const now = db.pragma('data_version', { simple: true });
    if (now === version) return print;
    version = now;
    const hash = createHash('sha256');
    for (const statement of statements) hash.update(JSON.stringify(statement.all()));
    print = hash.digest('hex');
    return print;
  };
}

/** As it is, and as base64 and hex would show it. */
const shapesOf = (secret: string): readonly string[] => [
  secret,
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64').slice(0, -4),
];

/** Answers that hold what they are asked for: by an admin, and audited. */
function mayHold(what: string, asker: Asker, { url }: FuzzedRequest, payload: string | undefined): boolean {
  if (asker !== 'admin') return false;
  if (what === 'a secret of the plan') return url.includes('/plan/export') && payload?.includes('true') === true;
  // A whole database, by which the tokens work on after a restore.
  return what === 'the hash of a token' && url.includes('/backup');
}

function whole(t: Test, { db }: Site): void {
  const rows = (sql: string): unknown[] => db.prepare(sql).all();
  t.same(rows('pragma integrity_check'), [{ integrity_check: 'ok' }]);
  t.same(rows('pragma foreign_key_check'), []);
  const none: Readonly<Record<string, string>> = {
    'a node without a MAC':
      'select id from node where archived_at is null and id not in (select node_id from node_mac)',
    'a MAC without a node':
      'select mac from node_mac where node_id not in (select id from node where archived_at is null)',
    'a number of nobody': 'select * from claim where node_id not in (select id from node where archived_at is null)',
    'tags that are not those of the node': `select node_id, tag from node_tag except select node.id, value from node, json_each(tags) where archived_at is null`,
    'tags that are not found': `select node.id, value from node, json_each(tags) where archived_at is null except select node_id, tag from node_tag`,
    'a node that is not registered on its timeline':
      "select id from node where id not in (select node_id from event where code = 'node.registered')",
    'two runs under way': 'select node_id from run where ended = 0 group by node_id having count(*) > 1',
    'a state that is not that of the newest run':
      "select node.id from node left join run on run.id = latest_run_id where node.state <> coalesce(run.state, 'none')",
    'JSON that is none': 'select id from node where not json_valid(node_values) or not json_valid(tags)',
  };
  for (const [what, sql] of Object.entries(none)) t.same(rows(sql), [], what);
}

for (const seed of SEEDS) {
  t.test(`every route, from its own schema (seed ${seed})`, async (t) => {
    const at = await site(t);
    const { db, tokens, inject, furnish, secrets, known } = at;
    const print = printOf(db);
    const { paths } = JSON.parse(
      (await inject('secure', { method: 'GET', url: '/api/v1/openapi.json', headers: {}, payload: undefined })).payload,
    ) as Document;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    let good = 0;
    let refused = 0;
    for (const { path, method, operation } of operations) {
      const name = `${method.toUpperCase()} ${path}`;
      const role = operation['x-role'];
      const needs = role === 'viewer' || role === 'operator' || role === 'admin' ? role : 'nobody';
      const asker = fc.oneof(
        { arbitrary: fc.constant<Asker>('admin'), weight: 6 },
        { arbitrary: fc.constantFrom<Asker>('operator', 'viewer', 'nobody'), weight: 2 },
      );
      const samples = fc.sample(fc.tuple(asker, requestsTo(path, method, operation, known)), {
        numRuns: COSTLY.test(path) ? 3 : REQUESTS,
        seed,
      });
      for (const [who, request] of samples) {
        // What does not end has its own tests; here it is only refused.
        if (path.endsWith('/events/stream') && RANK[who] >= RANK[needs]) continue;
        const before = print();
        const answer = await inject('secure', {
          ...request,
          headers: { ...request.headers, ...(who !== 'nobody' && { authorization: `Bearer ${tokens[who]}` }) },
        });
        const { statusCode: status, payload } = answer;
        const wrong = (what: string): void => {
          const sent = `${request.method} ${request.url} ${JSON.stringify(request.headers)} ${request.payload?.slice(0, 500)}`;
          t.fail(`${what}, seed ${seed}, as ${who}: ${sent} -> ${status} ${payload.slice(0, 300)}`);
        };
        if (status >= 500) wrong('a fault');
        if (status < 400) good += 1;
        else {
          refused += 1;
          const type = String(answer.headers['content-type']);
          if (!type.startsWith('application/problem+json')) wrong(`no problem but ${type}`);
          else {
            const problem = JSON.parse(payload) as Readonly<Record<string, unknown>>;
            if (problem.status !== status) wrong('another status in the problem');
            for (const field of ['code', 'detail', 'remedy', 'title', 'type'])
              if (typeof problem[field] !== 'string' || problem[field] === '') wrong(`no ${field}`);
            if (print() !== before && !TOLD_REFUSALS.has(String(problem.code))) wrong('written by a refusal');
          }
          if (payload.length > 100_000) wrong('a refusal without bound');
        }
        // An empty name, or one of dots, makes another path: of another route, or of none.
        const elsewhere = (request.url.split('?')[0] ?? '')
          .split('/')
          .slice(1)
          .some((part) => /^\.{0,2}$/.test(part));
        if (RANK[who] < RANK[needs] && ![400, 401, 403, 429].includes(status) && !elsewhere)
          wrong('done beyond the role');
        const told = JSON.stringify(answer.headers) + payload;
        for (const [what, secret] of secrets)
          if (shapesOf(secret).some((shape) => told.includes(shape)) && !mayHold(what, who, request, request.payload))
            wrong(what);
        if (status < 400 && method !== 'get') await furnish();
      }
      t.pass(name);
    }
    t.ok(good > operations.length, `${good} were done`);
    t.ok(refused > operations.length, `${refused} were refused`);
    whole(t, at);
  });
}

t.test('methods that a route does not have', async (t) => {
  const at = await site(t);
  const { paths } = JSON.parse(
    (await at.inject('secure', { method: 'GET', url: '/api/v1/openapi.json', headers: {}, payload: undefined }))
      .payload,
  ) as Document;
  const print = printOf(at.db);
  const before = print();
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'HEAD']) {
      if (method.toLowerCase() in methods || (method === 'HEAD' && 'get' in methods)) continue;
      const headers = { authorization: `Bearer ${at.tokens.admin}` };
      const url = path.replaceAll(/\{\w+\}/g, 'pve1');
      const answer = await at.inject('secure', { method, url, headers, payload: undefined });
      // 400: of another route that this one looks like, as `PUT /rules/{name}` with the name `test`.
      t.ok([400, 404, 405].includes(answer.statusCode), `${method} ${url}: ${answer.statusCode}`);
    }
  }
  t.equal(print(), before, 'nothing was written');
});

/** What machines ask is in no document: firmware, loaders and installers know it from elsewhere. */
const ofMachines = ({ parts }: Site) =>
  (['plain', 'secure'] as const).flatMap((app) =>
    routesOf(parts.apps[app])
      .filter(({ path }) => !path.startsWith('/api/v1'))
      .map(({ method, path }) => [app, method, path] as const),
  );

for (const seed of SEEDS) {
  t.test(`what machines ask, by a stranger who knows a token or two (seed ${seed})`, async (t) => {
    const at = await site(t);
    const stepToken = /installer\/([^/]+)\//.exec(at.answerUrl)?.[1] ?? '';
    const names = fc.oneof(
      fc.constantFrom(stepToken, ...at.known),
      fc.constantFrom(...NASTY),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    const json = fc.oneof(
      fc.json(),
      fc
        .record({ run: names, nonce: names, signature: names, reports: fc.array(fc.object()), result: names })
        .map((body) => JSON.stringify(body)),
      names,
      fc.constant(`${'['.repeat(20_000)}${']'.repeat(20_000)}`),
      fc.constant(`"${'x'.repeat(2 * 1024 * 1024)}"`),
    );
    const routes = ofMachines(at);
    t.ok(routes.length > 30, `${routes.length} routes`);
    for (const [app, method, path] of routes) {
      const requests = fc.record({
        name: names,
        type: fc.constantFrom('application/json', 'text/plain', 'application/octet-stream'),
        bearer: fc.oneof(fc.constant(undefined), fc.constantFrom(at.nodeCredential, stepToken, 'x', '')),
        payload: method === 'POST' ? json : fc.constant(undefined),
      });
      for (const { name, type, bearer, payload } of fc.sample(requests, { numRuns: REQUESTS, seed })) {
        const url = path.replace(/:\w+/, () => encodeURIComponent(name.toWellFormed()));
        const headers = {
          ...(payload !== undefined && { 'content-type': type }),
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        };
        const answer = await at.inject(app, { method, url, headers, payload }, STRANGER_AT);
        const what = `seed ${seed}: ${method} ${url} ${JSON.stringify(headers)} ${payload?.slice(0, 400)} -> ${answer.statusCode} ${answer.payload.slice(0, 300)}`;
        if (answer.statusCode >= 500) t.fail(what);
        for (const [secret, text] of at.secrets)
          if (shapesOf(text).some((shape) => answer.payload.includes(shape))) t.fail(`${secret}: ${what}`);
        at.parts.clock.advance(2000);
      }
      t.pass(`${method} ${path}`);
    }
    whole(t, at);
  });
}
