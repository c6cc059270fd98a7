/** Root's password: made for the run or given by a secret, hashed by a library, and its clear text readable once or never. */
import t, { type Test } from 'tap';
import { verify } from 'unixcrypt';
import { type Armed, armed, install, loadImage } from '../support/machine.ts';
import { PROFILE } from '../support/parts.ts';

const GIVEN = 'a-password-that-I-chose';

async function read(at: Armed, token = at.admin) {
  const url = `${at.parts.segment.httpsUrl}/api/v1/nodes/pve1/root-password`;
  const reply = await at.parts.call(url, { token, method: 'POST' });
  return { status: reply.status, body: JSON.parse(reply.text) };
}

const withInstall = (install: string) => `${PROFILE}install: ${install}\n`;

async function newestRun(at: Armed) {
  const { runs, nodes } = at.parts.journey.store;
  const node = await nodes.byFqdn('pve1.lab.example');
  return runs.latestOf(node?.id ?? '');
}

const hashIn = (at: Armed) => newestRun(at).then((run) => run?.data.rootPasswordHash ?? '');

async function readyNode(t: Test, at: Armed): Promise<void> {
  const { parts } = at;
  const { node, credential, runId } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  await parts.call(`${node}/plan`, { token });
  const reports = ['repositories', 'admin-user', 'ssh'].flatMap((module, m) =>
    (['apply changed', 'verify ok', 'reapply unchanged'] as const).map((words, n) => {
      const [step = '', result = ''] = words.split(' ');
      return { seq: m * 3 + n + 1, module, step, result, startedAt: 1, durationMs: 5, output: '', detail: '' };
    }),
  );
  await parts.call(`${node}/reports`, { token, json: { run: runId, reports } });
  await parts.call(`${node}/finished`, { token, json: { run: runId, result: 'ok' } });
  t.equal(await at.state(), 'ready');
}

t.test('a random one: readable once, also when the node is ready, by an admin, audited', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  await readyNode(t, at);
  t.equal((await read(at, await parts.token('operator'))).status, 403);
  const hash = await hashIn(at);
  const answers = await Promise.all([read(at), read(at), read(at)]);
  t.same(answers.map(({ status }) => status).sort(), [200, 409, 409], 'asked for at the same moment: one gets it');
  const { body } = answers.find(({ status }) => status === 200) ?? {};
  t.match(body, { password: /^[a-zA-Z2-9]{24}$/, replaced: false });
  t.ok(verify(body.password, hash), 'it is the one whose hash the machine was given');
  t.match(await read(at), { status: 409, body: { code: 'node.no-root-password', detail: /it was read before/ } });
  t.equal((await newestRun(at))?.data.sealedRootPassword, undefined, 'it is kept no longer, not even sealed');
  const rows = (await parts.journey.store.audit.list(100)).filter(({ action }) => action === 'root-password.read');
  t.match(rows, [{ actor: 'admin', from: '127.0.0.2', target: 'pve1.lab.example' }]);
  t.equal(rows.length, 1);
  t.equal((await at.codes()).filter((code) => code === 'node.password-read').length, 1);
  for (const text of [JSON.stringify(rows), JSON.stringify(await parts.journey.store.events.since(0, 1000))])
    t.notMatch(text, body.password);
});

t.test('no answer is kept for a repetition, whatever the client asks', async (t) => {
  const at = await armed(t);
  const url = `${at.parts.segment.httpsUrl}/api/v1/nodes/pve1/root-password`;
  const options = { token: at.admin, method: 'POST', headers: { 'Idempotency-Key': 'one-and-the-same' } };
  t.equal((await at.parts.call(url, options)).status, 200);
  t.equal((await at.parts.call(url, options)).status, 409);
});

t.test('it is that of what is on the disk: an installation that is only armed has none there yet', async (t) => {
  const at = await armed(t);
  const { parts } = at;
  const api = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  await readyNode(t, at);
  const hash = await hashIn(at);
  t.equal((await parts.call(`${api}/retry`, { token: at.admin, method: 'POST' })).status, 201);
  t.not(await hashIn(at), hash);
  const { body } = await read(at);
  t.ok(verify(body.password, hash));
});

t.test('what no machine has got is not kept', async (t) => {
  const at = await armed(t);
  await at.parts.call(`${at.parts.segment.httpsUrl}/api/v1/nodes/pve1/cancel`, { token: at.admin, method: 'POST' });
  t.equal((await newestRun(at))?.data.sealedRootPassword, undefined);
  t.match(await read(at), { status: 409, body: { detail: /before the machine got it/ } });
});

t.test('never: random, and kept nowhere', async (t) => {
  const at = await armed(t, { profiles: { p: withInstall('{ rootPassword: never }') }, profile: 'p' });
  t.match(await hashIn(at), /^\$6\$/);
  t.equal((await newestRun(at))?.data.sealedRootPassword, undefined);
  t.match(await read(at), { status: 409, body: { detail: /rootPassword: never/ } });
});

t.test('given by a secret: its hash in the answer, its clear text nowhere', async (t) => {
  const profile = withInstall('{ rootPassword: { secret: root }, allowSecretsInAnswer: true }');
  const at = await armed(t, { profiles: { p: profile }, profile: 'p', secrets: { root: `${GIVEN}\n` } });
  t.ok(verify(GIVEN, await hashIn(at)), 'the line feed at the end of a file is no part of it');
  t.match(await read(at), { status: 409, body: { detail: /secret 'root'/ } });
  t.notMatch(JSON.stringify(await newestRun(at)), GIVEN);
});

t.test('given, but not allowed, not there, or of no use: said before a machine waits', async (t) => {
  for (const [install, secrets, code, status] of [
    ['{ rootPassword: { secret: root }, allowSecretsInAnswer: true }', {}, 'secret.unknown', 404],
    ['{ rootPassword: { secret: root }, allowSecretsInAnswer: true }', { root: 'short' }, 'install.root-password', 400],
    [
      '{ rootPassword: { secret: root }, allowSecretsInAnswer: true }',
      { root: 'two\nlines of it' },
      'install.root-password',
      400,
    ],
  ] as const) {
    const at = await armed(t, { profiles: { p: withInstall(install) } });
    const { parts, admin } = at;
    const api = `${parts.segment.httpsUrl}/api/v1`;
    for (const [name, value] of Object.entries(secrets))
      await parts.call(`${api}/secrets/${name}`, { token: admin, method: 'PUT', json: { value } });
    await parts.call(`${api}/nodes`, {
      token: admin,
      json: { mac: '02:00:00:00:00:09', fqdn: 'pve9.lab.example', profile: 'p' },
    });
    const refused = await parts.call(`${api}/nodes/pve9/install`, { token: admin, json: {} });
    t.equal(refused.status, status);
    t.match(JSON.parse(refused.text), { code });
    t.equal((await parts.journey.store.runs.active()).length, 1, 'nothing was armed');
  }
});

t.test('a profile that would put its hash into the answer without saying so is refused as it is saved', async (t) => {
  const at = await armed(t, { profiles: { p: withInstall('{ rootPassword: { secret: root } }') } });
  t.match(at.parts.journey.profiles.problems(), [{ message: /hash of a lasting password/ }]);
});
