/** Secrets that a module made on the node: taken from that node alone, sealed, bounded, listed, read once, erased. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ManualClock } from '../../src/clock.ts';
import { MOST_AN_HOUR, MOST_UNREAD } from '../../src/journey/born-secrets.ts';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { hashApiToken } from '../../src/trust/api-token.ts';
import { commandLine } from '../support/command-line.ts';
import { type ArmedOptions, armed, install, loadImage } from '../support/machine.ts';
import { STRANGER_AT, STRANGER_MAC } from '../support/parts.ts';

t.setTimeout(240_000);
const VALUE = 'otpauth://totp/root@pam?secret=JBSWY3DPEHPK3PXP';
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

async function proved(t: Test, options: ArmedOptions = {}) {
  const at = await armed(t, options);
  const { parts, admin } = at;
  const { node, runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  t.equal((await parts.call(`${node}/plan`, { token })).status, 200);
  const api = async (path: string, method = 'GET', as = admin) => {
    const { status, text, headers } = await parts.call(`${parts.segment.httpsUrl}/api/v1${path}`, {
      token: as,
      method,
    });
    return { status, headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  const hand = async (changes: object = {}, call: object = {}) => {
    // The order of what comes in one millisecond is nobody's business.
    (parts.journey.clock as ManualClock).advance(1);
    const delivery = randomUUID();
    const json = { run: runId, delivery, module: 'admin-user', name: 'totp', value: base64(VALUE), ...changes };
    return parts.call(`${node}/born`, { token, json, ...call });
  };
  const list = async () => (await api('/nodes/pve1/secrets')).body.items;
  const read = (id: string, as = admin) => api(`/nodes/pve1/secrets/${id}/read`, 'POST', as);
  return { ...at, node, runId, token, api, hand, list, read };
}

t.test('handed over, listed, read once by an admin, audited, erased', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'ironwake-born-'));
  t.teardown(() => rm(data, { recursive: true }));
  const { parts, api, hand, list, read, codes, runId } = await proved(t, { databasePath: join(data, 'ironwake.db') });
  t.match(await hand(), { status: 200 });
  const [{ id }] = await list();
  t.match(await list(), [
    {
      id,
      module: 'admin-user',
      name: 'totp',
      run: runId,
      state: 'unread',
      readAt: null,
      readBy: null,
      replacedAt: null,
    },
  ]);
  t.equal((await api('/nodes/pve1/secrets', 'GET', await parts.token('viewer'))).status, 403, 'not even the names');
  t.equal((await read(id, await parts.token('operator'))).status, 403);
  t.equal((await api(`/nodes/pve1/secrets/${id}/read`)).status, 404, 'nothing to GET');
  const sealed = await sealedIn(parts);
  t.equal(sealed.length, 1);

  const answers = await Promise.all([read(id), read(id), read(id)]);
  t.same(answers.map(({ status }) => status).sort(), [200, 409, 409], 'asked for at the same moment: one gets it');
  const given = answers.find(({ status }) => status === 200);
  t.match(given, { body: { value: VALUE, name: 'totp' }, headers: { 'cache-control': 'no-store' } });
  t.match(await read(id), { status: 409, body: { code: 'born.read', detail: /was read by admin \(20\d\d-/ } });
  t.match(await list(), [{ id, state: 'read', readBy: 'admin', readAt: String }]);
  const rows = (await parts.journey.store.audit.list(100)).filter(({ action }) => action === 'node-secret.read');
  t.match(rows, [{ actor: 'admin', target: 'pve1.lab.example', data: { module: 'admin-user', name: 'totp' } }]);
  t.equal(rows.length, 1);
  const seen = await codes();
  t.strictSame(
    ['secret.born', 'secret.read'].map((code) => seen.filter((other) => other === code).length),
    [1, 1],
  );
  await parts.journey.store.close();
  const file = await readFile(join(data, 'ironwake.db'), 'latin1');
  t.ok(file.includes('otp'), 'the name can be found by this search');
  t.notOk(file.includes(sealed[0]?.slice(10) ?? '?'), 'what was sealed is overwritten');
  t.strictSame((await readdir(data)).sort(), ['ironwake.db'], 'and there is no other file with it');
});

/** As the database has it. */
async function sealedIn({ journey }: Awaited<ReturnType<typeof armed>>['parts']): Promise<readonly string[]> {
  const [run] = await journey.store.runs.active();
  const secrets = await journey.store.bornSecrets.ofNode(run?.nodeId ?? '');
  const found: string[] = [];
  await journey.store
    .transaction(async ({ bornSecrets }) => {
      for (const { id } of secrets) found.push((await bornSecrets.take(id, 'the test', 1)) ?? '');
      throw new Error('nothing of it happens');
    })
    .catch(() => {});
  return found;
}

t.test(
  'sent twice, because the first answer was lost, it is one, also when somebody has read it meanwhile',
  async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'ironwake-born-'));
    t.teardown(() => rm(data, { recursive: true }));
    const path = join(data, 'ironwake.db');
    const { hand, list, read, parts } = await proved(t, { databasePath: path });
    const delivery = randomUUID();
    t.equal((await hand({ delivery })).status, 200);
    t.equal((await hand({ delivery })).status, 200);
    t.equal((await list()).length, 1);
    // What a daemon finds that was killed between the seal and its answer: another connection sees it already.
    const other = await openStore({ path, log: silentLog });
    const [run] = await parts.journey.store.runs.active();
    t.match(await other.bornSecrets.ofNode(run?.nodeId ?? ''), [{ delivery, unread: true }]);
    await other.close();
    const [{ id }] = await list();
    t.equal((await read(id)).status, 200);
    t.equal((await hand({ delivery })).status, 200, 'the node is told that it may forget it');
    t.match(await list(), [{ id, state: 'read' }]);
    t.equal((await list()).length, 1);
  },
);

t.test('a newer value replaces one that nobody has read, and stands beside one that was', async (t) => {
  const { hand, list, read, parts, api } = await proved(t);
  const clock = parts.journey.clock as ManualClock;
  const next = async (value: string, changes: object = {}) => {
    clock.advance(1000);
    t.equal((await hand({ value: base64(value), ...changes })).status, 200);
  };
  await next('first');
  await next('second');
  await next('another name', { name: 'recovery' });
  await next('another module', { module: 'ssh' });
  t.match(
    (await list()).map(({ module, name, state }: Record<string, string>) => `${module} ${name} ${state}`),
    ['ssh totp unread', 'admin-user recovery unread', 'admin-user totp unread', 'admin-user totp replaced'],
  );
  const [, , second, first] = await list();
  t.match(await read(first.id), { status: 409, body: { code: 'born.replaced' } });
  t.match(await read(second.id), { body: { value: 'second' } });
  await next('third');
  t.match((await list())[0], { name: 'totp', state: 'unread' });
  t.match(await read(second.id), { status: 409, body: { code: 'born.read' } }, 'the history stays');
  t.match(await read((await list())[0].id), { body: { value: 'third' } });
  const timeline = (await api('/nodes/pve1')).body.timeline.map(({ text }: { text: string }) => text).join('\n');
  t.match(timeline, /made the secret totp, in place of one that nobody had read/);
});

t.test('what is refused, and leaves nothing', async (t) => {
  const { hand, list, parts, admin, runId } = await proved(t);
  const rows: ReadonlyArray<readonly [string, object, object, number, RegExp]> = [
    ['no credential', {}, { token: undefined }, 401, /Refused/],
    ['an invented credential', {}, { token: `iwn_${randomUUID()}_aaaa` }, 401, /Refused/],
    ['from another machine', {}, { from: STRANGER_AT }, 403, /Refused/],
    ['for another run', { run: randomUUID() }, {}, 403, /Refused/],
    ['a module that there is not', { module: 'invented' }, {}, 400, /born\.malformed|no such module/],
    ['a name that is none', { name: '../x' }, {}, 400, /name/],
    ['no base64', { value: 'ä' }, {}, 400, /value/],
    ['empty', { value: '' }, {}, 400, /value/],
    ['too long', { value: base64('x'.repeat(8193)) }, {}, 400, /value|8192/],
    ['not text', { value: base64(new Uint8Array([0xff, 0xfe])) }, {}, 400, /UTF-8/],
    ['a NUL', { value: base64('a\0b') }, {}, 400, /NUL/],
    ['more than is asked', { node: 'pve2' }, {}, 400, /./],
  ];
  for (const [name, body, call, status, said] of rows) {
    const reply = await hand(body, call);
    t.equal(reply.status, status, name);
    t.match(reply.text, said, name);
    t.notMatch(reply.text, base64(VALUE).slice(0, 20), `${name}: the value is not repeated`);
  }
  t.strictSame(await list(), []);
  t.equal((await hand({ value: base64('x'.repeat(8192)) })).status, 200, 'the longest one');

  await t.test('the credential of another node writes for that node alone', async (t) => {
    const api = `${parts.segment.httpsUrl}/api/v1/nodes`;
    const json = { mac: STRANGER_MAC, fqdn: 'pve2.lab.example', profile: 'default' };
    t.equal((await parts.call(api, { token: admin, json })).status, 201);
    t.equal((await parts.call(`${api}/pve2/install`, { token: admin, json: {} })).status, 201);
    const { runs } = parts.journey.store;
    const run = (await runs.active()).find(({ id }) => id !== runId);
    if (run === undefined) return t.fail('it is not armed');
    const stolen = `iwn_${run.id}_stolen`;
    const data = { ...run.data, credentialHash: hashApiToken(stolen), boundAddress: undefined };
    t.ok(await runs.update({ ...run, state: 'configuring', data, revision: run.revision + 1 }, run.revision));
    const before = await list();
    const there = { token: stolen, from: STRANGER_AT };
    t.equal((await hand({}, there)).status, 403, 'it names the run of the first');
    t.equal((await hand({}, { token: stolen })).status, 403, 'from the address of the first');
    t.equal((await hand({ run: run.id }, there)).status, 200);
    t.strictSame(await list(), before, 'the first has what it had');
    const other = JSON.parse((await parts.call(`${api}/pve2/secrets`, { token: admin })).text).items;
    t.match(other, [{ run: run.id, name: 'totp' }]);
    const read = await parts.call(`${api}/pve1/secrets/${other[0].id}/read`, { token: admin, method: 'POST' });
    t.equal(read.status, 404, 'nor is it read by the name of the first');
  });
});

t.test('whoever is root on a node can fill so much and no more', async (t) => {
  const { hand, list, parts, read } = await proved(t);
  const clock = parts.journey.clock as ManualClock;
  for (let n = 0; n < MOST_AN_HOUR; n += 1) t.equal((await hand({ name: `s${n}` })).status, 200);
  t.match(await hand({ name: 's0' }), { status: 429, text: /64 secrets of a node are taken an hour/ });
  clock.advance(3_600_001);
  t.equal(MOST_AN_HOUR, MOST_UNREAD);
  t.match(await hand({ name: 'one-more' }), { status: 409, text: /64 secrets that nobody has read/ });
  t.equal((await hand({ name: 's0' })).status, 200, 'a newer value of one that is there finds its place');
  t.equal((await read((await list())[0].id)).status, 200);
  t.equal((await hand({ name: 'one-more' })).status, 200);
  const { bornSecrets, nodes } = parts.journey.store;
  const node = await nodes.byFqdn('pve1.lab.example');
  // A history of years, and what is older than all of it.
  for (let n = 0; n < 250; n += 1) {
    const secret = { id: `old-${n}`, nodeId: node?.id ?? '', runId: 'long-gone', module: 'ssh', name: 'old' };
    await bornSecrets.insert({ ...secret, delivery: `old-${n}`, sealed: 'v1.x', bornAt: n + 1 });
    await bornSecrets.take(secret.id, 'admin', n + 2);
  }
  t.equal((await hand({ name: 'one-more' })).status, 200);
  t.equal((await list()).length, 256, 'the oldest of what holds nothing goes');
  t.equal((await list()).filter(({ state }: { state: string }) => state === 'unread').length, MOST_UNREAD);
});

t.test('as long as the machine has what the run installed, and no longer', async (t) => {
  const { hand, parts, admin, node, runId, token, list } = await proved(t);
  const api = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  t.equal((await parts.call(`${node}/finished`, { token, json: { run: runId, result: 'failed' } })).status, 200);
  t.match(await hand(), { status: 200 }, 'the plan has failed, and the password is set all the same');
  t.equal((await parts.call(`${api}/retry`, { token: admin, method: 'POST' })).status, 201);
  t.equal((await hand()).status, 200, 'another installation is armed: the disk is what it was');
  await install(t, parts, await loadImage(parts));
  t.equal((await hand()).status, 410, 'it was installed anew');
  t.match(await list(), [{ state: 'unread' }, { state: 'replaced' }], 'what came before can still be read');
  t.equal((await parts.call(`${api}/cancel`, { token: admin, method: 'POST' })).status, 200);
});

t.test('a run that was given up', async (t) => {
  const { hand, parts, admin } = await proved(t);
  const api = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  t.equal((await parts.call(`${api}/cancel`, { token: admin, method: 'POST' })).status, 200);
  t.ok([401, 410].includes((await hand()).status));
});

t.test('by the command line', async (t) => {
  const at = await proved(t);
  const type = commandLine(at.parts, t.testdir(), at.admin);
  t.match(await type('node secrets pve1'), { status: 0, out: /handed over no secret/, err: '' });
  await at.hand();
  await at.hand({ module: 'ssh' });
  t.match(await type('node secrets pve1'), {
    status: 0,
    out: /MODULE +NAME +CAME +STATE[\s\S]*admin-user +totp +.* unread/,
    err: /npx ironwake node read-secret pve1 NAME/,
  });
  t.match(await type('node read-secret pve1 totp'), { status: 1, err: /Say which: ssh\/totp, admin-user\/totp/ });
  t.match(await type('node read-secret pve1 ssh/totp'), { status: 0, out: `${VALUE}\n`, err: /not shown again/ });
  t.match(await type('node read-secret pve1 ssh/totp'), { status: 1, out: '', err: /was read by admin/ });
  t.match(await type('node read-secret pve1 totp'), { status: 0, out: `${VALUE}\n` }, 'one is left of that name');
  t.match(await type('node read-secret pve1 other'), { status: 1, err: /handed over no secret 'other'/ });
  t.match(await type('node secrets pve1'), { status: 0, out: /read by admin/, err: '' });
  const operator = commandLine(at.parts, t.testdirName, await at.parts.token('operator'));
  t.match(await operator('node read-secret pve1 totp'), { status: 1, err: /may not do this/ });
});
