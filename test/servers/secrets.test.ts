/**
 * Secrets that a test knows, sent through everything there is; then every byte that was written or answered is searched for them, as they are and
 * in the encodings in which they would travel.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createLog } from '../../src/log.ts';
import { armed, install, loadImage, webhookOf } from '../support/machine.ts';
import { PROFILE } from '../support/parts.ts';

const PASSWORD = 'seeded-Passw0rd-of-the-admin';
const UNUSED = 'seeded-secret-that-nobody-uses';
const BORN = 'seeded-secret-that-was-born-and-read';
const BORN_UNREAD = 'seeded-secret-that-was-born';
const CONFIRM = `${PROFILE.replace('name: admin,', 'name: admin, password: {secret: admin-password},')}install: { release: confirm }\n`;

/** As it is, and as base64, base64url, hex and percent-encoding would show it. */
function shapes(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // Base64 of a part depends on where it begins: the inner characters of all three.
  const inner = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    return text.slice(4, text.length - 8);
  });
  return [secret, bytes.toString('hex'), encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), ...inner];
}

async function filesOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

t.test('known secrets are nowhere but where they belong', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'ironwake-secrets-'));
  t.teardown(() => rm(data, { recursive: true }));
  const lines: string[] = [];
  const log = await createLog({
    level: 'trace',
    format: 'json',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const at = await armed(t, {
    databasePath: join(data, 'ironwake.db'),
    log,
    profiles: { confirm: CONFIRM },
    profile: 'confirm',
    secrets: { 'admin-password': PASSWORD, unused: UNUSED },
  });
  const { parts, admin } = at;
  const answers: string[] = [];
  let asking = admin;
  const base = `${parts.segment.httpsUrl}/api/v1`;
  const api = async (path: string, options: Parameters<typeof parts.call>[1] = {}) => {
    const reply = await parts.call(`${base}${path}`, { token: asking, ...options });
    answers.push(`${path} ${reply.status} ${JSON.stringify(reply.headers)} ${reply.text}`);
    return reply;
  };
  const url = await loadImage(parts);
  const { node, credential, runId } = await install(t, parts, url);
  const token = await credential();
  // Kept apart: the one answer that shows each of these.
  const apiToken = JSON.parse(
    (await parts.call(`${base}/tokens`, { token: admin, json: { name: 'ci', role: 'admin' } })).text,
  ).token;
  asking = apiToken;
  const password = JSON.parse(
    (await parts.call(`${base}/nodes/pve1/root-password`, { token: admin, method: 'POST' })).text,
  ).password;

  // Every way that answers something, well or with an error, with the secrets where a clumsy client would put them.
  const partial = await parts.call(`${node}/plan`, { token });
  answers.push(partial.text);
  const held = {
    seq: 1,
    module: 'ssh',
    step: 'apply',
    result: 'changed',
    startedAt: 1,
    durationMs: 1,
    output: '',
    detail: '',
  };
  await parts.call(`${node}/reports`, { token, json: { run: runId, reports: [held] } });
  // Made on the node: twice sent, clumsily too, one read and one not.
  const born = { run: runId, module: 'admin-user', delivery: '11111111-1111-4111-8111-111111111111' };
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  for (const body of [
    { ...born, name: 'read', value: base64(BORN) },
    { ...born, name: 'read', value: base64(BORN) },
    { ...born, name: 'unread', value: base64(BORN_UNREAD), delivery: '22222222-2222-4222-8222-222222222222' },
    { ...born, name: 'BAD', value: base64(BORN) },
    { ...born, name: 'bad', value: BORN },
    { ...born, name: 'bad', value: base64(BORN), extra: BORN },
    { ...born, module: 'invented', name: 'bad', value: base64(BORN) },
  ]) {
    const reply = await parts.call(`${node}/born`, { token, json: body });
    answers.push(`/node/v1/born ${reply.status} ${reply.text}`);
  }
  const { items } = JSON.parse((await api('/nodes/pve1/secrets')).text);
  t.match(items, [{ name: 'unread' }, { name: 'read' }]);
  const shown = await parts.call(`${base}/nodes/pve1/secrets/${items[1].id}/read`, { token: admin, method: 'POST' });
  t.equal(JSON.parse(shown.text).value, BORN);
  await api(`/nodes/pve1/secrets/${items[1].id}/read`, { method: 'POST' });
  await api('/nodes/pve1/confirm', { json: { code: 'bcdf-bcdf-bcdf' } });
  await api('/secrets/admin-password', { method: 'PUT', json: { value: PASSWORD, extra: 1 } });
  await api('/secrets/BAD NAME', { method: 'PUT', json: { value: PASSWORD } });
  await api('/secrets/admin-password', {
    method: 'PUT',
    body: `{"value": "${PASSWORD}`,
    headers: { 'Content-Type': 'application/json' },
  });
  await api('/secrets/admin-password', { method: 'PUT', json: { value: { nested: PASSWORD } } });
  for (const path of [
    '/nodes',
    '/nodes/pve1',
    '/nodes/pve1/reports',
    '/nodes/pve1/profile',
    '/nodes/pve1/answer-preview',
  ])
    await api(path);
  for (const path of [
    '/runs/pve1/answer',
    '/events',
    '/secrets',
    '/tokens',
    '/audit?limit=1000',
    '/status',
    '/profiles',
  ])
    await api(path);
  for (const path of [
    '/nodes/pve1/credential',
    '/profiles/confirm',
    '/certificate',
    '/discovered',
    '/explain/bc2411000001',
  ])
    await api(path);
  await parts.call(url.replace(/answer$/, 'webhook'), { body: webhookOf('ssh-ed25519 AAAA') });
  await api('/nodes/pve1/credential', { method: 'DELETE' });
  await api('/secrets/unused', { method: 'DELETE' });

  // What leaves this server: with and without the keys that open what is sealed.
  const archives: Array<readonly [string, string]> = [];
  for (const keys of ['no', 'yes']) {
    const reply = await parts.call(`${base}/backup?keys=${keys}`, { token: admin, method: 'POST', encoding: 'latin1' });
    t.equal(reply.status, 200, reply.text.slice(0, 200));
    t.match(reply.text.slice(0, 15), 'SQLite format 3');
    archives.push([`/backup keys=${keys}`, reply.text]);
  }
  const stepTokens = [...url.matchAll(/installer\/([^/]+)\//g)].map(([, text]) => text ?? '');
  t.equal(stepTokens.length, 1);
  const secrets: ReadonlyArray<readonly [string, string]> = [
    ['a secret of the plan', PASSWORD],
    ['a secret that is not used', UNUSED],
    ['a secret born on the node and read', BORN],
    ['one that nobody has read', BORN_UNREAD],
    ['the root password', password],
    ['the token of the API that asks for all of it', apiToken],
    ['the node credential', token],
    ['a step token', stepTokens[0] ?? '?'],
  ];
  const files = await filesOf(data);
  t.ok(
    files.some((file) => file.endsWith('-wal')),
    'the write-ahead log is among them',
  );
  const written = await Promise.all(
    files.map(async (file) => [file, (await readFile(file)).toString('latin1')] as const),
  );
  written.push(...archives.map(([name, text]) => [`${data}${name}`, text] as const));
  t.ok(
    archives.every(([, text]) => text.includes('pve1.lab.example')),
    'a backup holds what was written',
  );
  t.ok(
    written.some(([, text]) => text.includes('pve1.lab.example')),
    'what is written can be found by this search',
  );
  t.ok(lines.join('').includes('timeline'), 'the log says something');
  t.ok(answers.join('').includes('admin-password'), 'the name of a secret may be told');
  for (const [name, secret] of secrets) {
    for (const shape of shapes(secret)) {
      for (const [file, text] of written) t.notOk(text.includes(shape), `${name} in ${file.slice(data.length)}`);
      t.notOk(
        lines.some((line) => line.includes(shape)),
        `${name} in the log`,
      );
    }
    t.notOk(
      answers.some((text) => shapes(secret).some((shape) => text.includes(shape))),
      `${name} in an answer`,
    );
  }
});
