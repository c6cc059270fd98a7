/** What an administrator decides about trust, over real sockets: confirmation codes, credentials, tokens, the audit log, the certificate. */
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { observe } from '../../src/journey/observe.ts';
import { startRotation } from '../../src/journey/rotation.ts';
import { tokenOf } from '../../src/journey/tokens.ts';
import { parseFqdn } from '../../src/net/fqdn.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { certificateFingerprint } from '../../src/trust/certificate.ts';
import { type Armed, armed, codeOfNode, install, loadImage, SYSTEM } from '../support/machine.ts';
import { type Parts, PROFILE, STRANGER_AT } from '../support/parts.ts';

const CONFIRM = PROFILE.replace('name: admin,', 'name: admin, password: {secret: admin-password},');
const PASSWORD = 'correct-horse-battery';

async function api(at: Armed, path: string, options: Parameters<Parts['call']>[1] = {}) {
  const reply = await at.parts.call(`${at.parts.segment.httpsUrl}/api/v1${path}`, { token: at.admin, ...options });
  return { status: reply.status, body: reply.text === '' ? undefined : JSON.parse(reply.text) };
}

async function armedToConfirm(t: Test): Promise<Armed> {
  return armed(t, {
    profiles: { confirm: `${CONFIRM}install: { release: confirm }\n` },
    profile: 'confirm',
    secrets: { 'admin-password': PASSWORD },
  });
}

t.test('secrets wait for the code of the node; the rest of the plan does not', async (t) => {
  const at = await armedToConfirm(t);
  const { parts, codes, state } = at;
  t.equal((await api(at, '/nodes/pve1/confirm', { json: { code: 'x' } })).body.code, 'run.code-too-early');
  const { key, hook, node, runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();

  const first = await parts.call(`${node}/plan`, { token });
  t.equal(first.status, 200);
  t.notMatch(first.text, PASSWORD);
  t.match(first.text, 'plan.new/modules/repositories', 'what carries no secret is there');
  for (const module of ['admin-user', 'ssh']) t.notMatch(first.text, `plan.new/modules/${module}`, `${module} waits`);
  let view = (await api(at, '/nodes/pve1')).body;
  t.same(view.run.withheld, ['admin-user', 'ssh']);
  t.match(view.waiting.for, /confirmation code/);
  t.match(view.waiting.do, /ironwake run confirm/);
  t.same(JSON.parse((await parts.call(`${node}/release`, { token })).text), { release: 'wait' });
  t.same(JSON.parse((await parts.call(`${node}/release`, { token })).text), { release: 'wait' });
  t.notMatch((await parts.call(`${node}/plan`, { token })).text, PASSWORD, 'asking again releases nothing');

  const code = await codeOfNode(key.publicKey, hook, runId);
  const wrong = `${code[0] === 'b' ? 'c' : 'b'}${code.slice(1)}`;
  const viewer = await parts.token('viewer');
  t.equal((await api(at, '/nodes/pve1/confirm', { token: viewer, json: { code } })).status, 403, 'not by a viewer');
  for (let i = 0; i < 5; i += 1) {
    const refused = await api(at, '/nodes/pve1/confirm', { json: { code: wrong } });
    t.match(refused, { status: 403, body: { code: 'run.wrong-code' } });
  }
  t.match(await api(at, '/nodes/pve1/confirm', { json: { code } }), {
    status: 429,
    body: { code: 'run.too-many-codes' },
  });
  t.notMatch((await parts.call(`${node}/plan`, { token })).text, PASSWORD);
  parts.clock.advance(10 * 60_000);
  const confirmed = await api(at, '/nodes/pve1/confirm', { json: { code: code.toUpperCase().replaceAll('-', ' ') } });
  t.equal(confirmed.status, 200, 'after the pause, in capitals and with spaces');
  t.equal(confirmed.body.run.withheld, undefined);
  t.same(JSON.parse((await parts.call(`${node}/release`, { token })).text), { release: 'now' });
  const whole = await parts.call(`${node}/plan`, { token });
  t.match(whole.text, PASSWORD);
  t.match(whole.text, 'plan.new/modules/ssh');
  view = (await api(at, '/nodes/pve1')).body;
  t.match(view.waiting.for, /report about its plan/);
  const steps = ['repositories', 'admin-user', 'ssh'].flatMap((module) =>
    (['apply changed', 'verify ok', 'reapply unchanged'] as const).map((words) => ({
      module,
      words: words.split(' '),
    })),
  );
  const reports = steps.map(({ module, words: [step, result] }, index) => ({
    ...{ seq: index + 1, module, step, result, startedAt: 1, durationMs: 5, output: '', detail: '' },
  }));
  t.equal((await parts.call(`${node}/reports`, { token, json: { run: runId, reports } })).status, 200);
  t.equal((await parts.call(`${node}/finished`, { token, json: { run: runId, result: 'ok' } })).status, 200);
  t.equal(await state(), 'ready');
  t.same(
    // The ports that the machine reported join it when it is ready, a moment later or sooner: not what this is about.
    (await codes()).filter(
      (each) => /^(plan|run|node)\./.test(each) && each !== 'plan.step' && each !== 'node.ports-joined',
    ),
    [
      'node.registered',
      'run.armed',
      'node.proved',
      'plan.fetched',
      'plan.withheld',
      'plan.waiting-for-code',
      ...Array(5).fill('run.wrong-code'),
      'run.confirmed',
      'plan.fetched',
      'run.ready',
    ],
  );
  t.match(await api(at, '/nodes/pve1/confirm', { json: { code } }), { status: 409, body: { code: 'run.none' } });
  const audited = (await api(at, '/audit')).body.items.filter(({ action }: { action: string }) =>
    /confirm/.test(action),
  );
  t.match(
    audited.find(({ action }: { action: string }) => action === 'run.confirmed'),
    { actor: 'admin', from: '127.0.0.2', data: { before: { released: false }, after: { released: true } } },
  );
  t.equal(audited.length, 9, 'and every refused attempt');
});

t.test('a node that proves the same host key again stays confirmed (another key: core/runs/transition)', async (t) => {
  const at = await armedToConfirm(t);
  const { parts } = at;
  const { key, hook, node, runId, credential } = await install(t, parts, await loadImage(parts));
  await parts.call(`${node}/plan`, { token: await credential() });
  const code = await codeOfNode(key.publicKey, hook, runId);
  t.equal((await api(at, '/nodes/pve1/confirm', { json: { code } })).status, 200);
  const token = await credential();
  t.match((await parts.call(`${node}/plan`, { token })).text, PASSWORD, 'the same key again stays confirmed');
});

t.test('without confirm nothing waits', async (t) => {
  const at = await armed(t, {
    profiles: { auto: CONFIRM },
    profile: 'auto',
    secrets: { 'admin-password': PASSWORD },
  });
  const { node, credential } = await install(t, at.parts, await loadImage(at.parts));
  t.match((await at.parts.call(`${node}/plan`, { token: await credential() })).text, PASSWORD);
  t.match(await api(at, '/nodes/pve1/confirm', { json: { code: 'x' } }), {
    status: 409,
    body: { code: 'run.no-confirmation' },
  });
});

t.test('a node credential is seen, revoked, and got anew by the host key only', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  t.equal((await api(at, '/nodes/pve1/credential')).status, 404);
  const { node, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  const seen = await api(at, '/nodes/pve1/credential');
  t.match(seen.body, { valid: true, revokedAt: null, hostKey: /^SHA256:/ });
  t.notMatch(JSON.stringify(seen.body), token);
  t.equal((await parts.call(`${node}/plan`, { token })).status, 200);
  t.equal(
    (await api(at, '/nodes/pve1/credential', { method: 'DELETE', token: await parts.token('viewer') })).status,
    403,
  );
  t.match(await api(at, '/nodes/pve1/credential', { method: 'DELETE' }), { status: 200, body: { valid: false } });
  t.equal((await parts.call(`${node}/plan`, { token })).status, 401, 'who has a copy of it has nothing');
  t.equal((await api(at, '/nodes/pve1/credential', { method: 'DELETE' })).status, 409);
  const next = await credential();
  t.not(next, token);
  t.equal((await parts.call(`${node}/plan`, { token })).status, 401);
  t.equal((await parts.call(`${node}/plan`, { token: next })).status, 200);
  await api(at, '/nodes/pve1/cancel', { method: 'POST' });
  t.equal((await parts.call(`${node}/plan`, { token: next })).status, 410, 'and with the run it ends');
  t.match((await api(at, '/nodes/pve1/credential')).body, { valid: false });
});

t.test('credentials of all nodes: by name, in pages, without those that were given none', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  const { store } = parts.journey;
  const viewer = await parts.token('viewer');
  t.strictSame((await api(at, '/credentials', { token: viewer })).body, { items: [], next: null });
  const { runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  const run = await store.runs.byId(runId);
  const pve1 = await store.nodes.byId(run?.nodeId ?? '');
  if (run === undefined || pve1 === undefined) throw new Error('the node is not there');
  // More nodes than are looked at at once; every hundredth has a credential of its own.
  await store.transaction(async ({ nodes, runs }) => {
    for (let n = 0; n < 450; n += 1) {
      const id = `node-${n}`;
      const fqdn = parseFqdn(`n${String(n).padStart(3, '0')}.lab.example`);
      await nodes.insert({ ...pve1, id, fqdn, macs: [`02:00:00:00:${hex(n >> 8)}:${hex(n % 256)}` as Mac] });
      if (n % 100 === 99) await runs.insert({ ...run, id: `run-${n}`, nodeId: id });
    }
  });
  const wanted = ['n099', 'n199', 'n299', 'n399', 'pve1'].map((name) => `${name}.lab.example`);
  for (const limit of [1, 2, 5, 1000]) {
    const seen: Array<Record<string, unknown>> = [];
    for (let query = `?limit=${limit}`; query !== ''; ) {
      const reply = await api(at, `/credentials${query}`, { token: viewer });
      t.ok(reply.status === 200 && reply.body.items.length <= limit && !JSON.stringify(reply.body).includes(token));
      seen.push(...reply.body.items);
      query = reply.body.next === null ? '' : `?limit=${limit}&cursor=${reply.body.next}`;
    }
    t.same(
      seen.map(({ node }) => node),
      wanted,
    );
    t.match(seen.at(-1), { runId, nodeId: pve1.id, valid: true, revokedAt: null, hostKey: /^SHA256:/ });
  }
  t.match(await api(at, '/credentials?cursor=x'), { status: 400, body: { code: 'request.cursor' } });
});

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

t.test('a run that is over says so to its node, on every route, and to nobody else', async (t) => {
  for (const contested of [false, true]) {
    const at = await armedToConfirm(t);
    const { parts } = at;
    const { node, runId, key, prove, credential } = await install(t, parts, await loadImage(parts));
    const token = await credential();
    t.equal((await parts.call(`${node}/plan`, { token })).status, 200);
    const { nonce } = JSON.parse((await parts.call(`${node}/challenge`, { json: { run: runId } })).text);
    const signature = await key.sign(nonce);
    if (contested) {
      await observe(parts.journey, runId, { kind: 'contest', reason: 'second-claim', address: '127.0.0.3' as Ipv4 });
      t.equal((await prove()).status, 403, 'contested: an administrator may still trust it');
    }
    await api(at, '/nodes/pve1/cancel', { method: 'POST' });
    const challenge = { json: { run: runId } };
    const proof = { json: { run: runId, nonce, signature } };
    for (const [method, path, body] of [
      ['POST', 'challenge', challenge],
      ['POST', 'credential', proof],
      ['GET', 'plan', {}],
      ['GET', 'release', {}],
      ['GET', 'probe-key', {}],
      ['POST', 'probe', { json: { run: runId } }],
      ['POST', 'finished', { json: { run: runId, result: 'ok' } }],
    ] as const) {
      const reply = await parts.call(`${node}/${path}`, { method, token, ...body });
      t.equal(reply.status, 410, `${path}${contested ? ', contested before' : ''}`);
      t.match(reply.text, /^Refused\. .*reference/);
    }
    t.equal((await parts.call(`${node}/challenge`, { ...challenge, from: STRANGER_AT })).status, 403, 'a stranger');
    t.same(parts.probes, [], 'and nobody was logged in to');
  }
});

t.test('tokens: made, shown once, rotated, expired, revoked; each change audited', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  const made = await api(at, '/tokens', { json: { name: 'ci', role: 'operator', expiresDays: 1 } });
  t.equal(made.status, 201);
  const ci: string = made.body.token;
  t.match(ci, /^iw_[\w-]{43}$/);
  const works = async (token: string) => (await api(at, '/nodes', { token })).status;
  t.equal(await works(ci), 200);
  t.match(await api(at, '/tokens', { json: { name: 'ci', role: 'viewer' } }), {
    status: 409,
    body: { code: 'token.name-taken' },
  });
  t.equal((await api(at, '/tokens', { token: ci })).status, 403, 'an operator does not see who else there is');
  t.notMatch(JSON.stringify((await api(at, '/tokens')).body), ci, 'it is never told again');

  const rotated = (await api(at, '/tokens/ci/rotate', { json: { overlapMinutes: 10 } })).body.token;
  t.same([await works(ci), await works(rotated)], [200, 200], 'both, for a while');
  parts.clock.advance(10 * 60_000);
  t.same([await works(ci), await works(rotated)], [401, 200]);
  const second = (await api(at, '/tokens/ci/rotate', { json: {} })).body.token;
  t.same([await works(rotated), await works(second)], [401, 200], 'without an overlap at once');
  parts.clock.advance(24 * 3_600_000);
  t.equal(await works(second), 401, 'it keeps the length of its life');
  const third = (await api(at, '/tokens', { json: { name: 'ci', role: 'admin' } })).body.token;
  t.equal((await api(at, '/tokens/ci', { method: 'DELETE' })).status, 204);
  t.equal(await works(third), 401);
  t.match(await api(at, '/tokens/admin', { method: 'DELETE' }), { status: 409, body: { code: 'token.last-admin' } });
  t.equal((await api(at, '/tokens/nobody', { method: 'DELETE' })).status, 404);
  t.equal((await api(at, '/tokens', { json: { name: 'X Y', role: 'viewer' } })).status, 400);

  const { items } = (await api(at, '/audit?limit=1000')).body;
  const about = items.filter(({ target }: { target: string }) => target === 'ci').reverse();
  t.same(
    about.map(({ action }: { action: string }) => action),
    ['token.added', 'token.rotated', 'token.rotated', 'token.added', 'token.revoked', 'token.revoked', 'token.revoked'],
  );
  t.match(about[0], { actor: 'admin', from: '127.0.0.2', data: { before: null, after: { role: 'operator' } } });
  t.match(about.at(-1), { data: { before: { role: 'admin' }, after: null } });
  for (const token of [ci, rotated, second, third, at.admin]) t.notMatch(JSON.stringify(items), token);
  const [newest] = items;
  t.same((await api(at, `/audit?limit=1&before=${newest.id}`)).body.items[0], items[1], 'and page by page');
});

/** SHA-256 of the certificate that a new connection meets. */
function presented(parts: Parts): Promise<string> {
  const { port } = new URL(parts.segment.httpsUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }, () => {
      resolve(certificateFingerprint(socket.getPeerCertificate().raw));
      socket.end();
    });
    socket.on('error', reject);
  });
}

t.test('the certificate changes when no run depends on the old one any more', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  const rotation = startRotation(parts.journey);
  t.teardown(() => rotation.stop());
  const before = await presented(parts);
  const url = await loadImage(parts);
  const prepared = await api(at, '/certificate/rotate', { json: {} });
  t.match(prepared.body, { fingerprint: before, waitsFor: ['pve1.lab.example'] });
  const { next } = prepared.body;
  t.equal(
    (await api(at, '/certificate/rotate', { json: {} })).body.next.fingerprint,
    next.fingerprint,
    'asked twice: the same',
  );
  t.equal(await presented(parts), before, 'the installer that is on its way meets what it was told');
  const { hook, node, credential } = await install(t, parts, url);
  t.match(hook, `sha256//${prepared.body.publicKeyPin};sha256//${next.publicKeyPin}`, 'the node is told both');
  for (let i = 0; i < 3000 && (await presented(parts)) === before; i += 1) await new Promise((r) => setTimeout(r, 10));
  t.equal(await presented(parts), next.fingerprint, 'the installer is done, the node knows both: the change');
  const changed = (await api(at, '/certificate')).body;
  t.match(changed, { fingerprint: next.fingerprint, next: null });
  t.same(changed.waitsFor, []);
  t.equal((await parts.call(`${node}/plan`, { token: await credential() })).status, 200);
  t.equal((await api(at, '/status')).body.fingerprint, next.fingerprint);
});

t.test('the certificate changes at once when nothing is under way, or when told to', async (t) => {
  const at = await armed(t);
  const { parts, codes } = at;
  const before = await presented(parts);
  const free = await api(at, '/certificate/rotate', { json: {} });
  t.same(free.body.broken, [], 'a run that has loaded nothing depends on nothing');
  const second = await presented(parts);
  t.not(second, before);
  const url = await loadImage(parts);
  t.match(Buffer.from(parts.overlay()[0]?.content ?? []).toString(), second, 'its image names the new one');
  const forced = await api(at, '/certificate/rotate', { json: { now: true } });
  t.same(forced.body.broken, ['pve1.lab.example']);
  t.not(await presented(parts), second);
  t.ok((await codes()).includes('run.certificate-changed'), 'its timeline says why it fails');
  t.equal((await api(at, '/certificate/rotate', { token: await parts.token('operator'), json: {} })).status, 403);
  t.equal((await parts.call(url, { body: SYSTEM })).status, 200, 'a client without pins would not notice');
});

t.test('a node that knows only the old key holds the change up until it has a plan with both', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  const { node, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  await parts.call(`${node}/plan`, { token });
  const before = await presented(parts);
  t.same((await api(at, '/certificate/rotate', { json: {} })).body.waitsFor, ['pve1.lab.example']);
  const plan = (await parts.call(`${node}/plan`, { token })).text;
  const pins = /'settings\/pins' << '(\w+)'\n([\s\S]+?)\n\1/.exec(plan)?.[2] ?? '';
  t.match(Buffer.from(pins, 'base64').toString(), /^sha256\/\/\S+;sha256\/\/\S+$/);
  t.same((await api(at, '/certificate/rotate', { json: {} })).body.broken, []);
  t.not(await presented(parts), before);
  const [active] = await parts.journey.store.runs.active();
  t.ok(active !== undefined && tokenOf(parts.journey, active, 'webhook').length > 0);
});
