/**
 * Secrets that a test knows, sent through everything there is; then every byte that was written or answered is searched for them, as they are and
 * in the encodings in which they would travel.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EXPORT_NAMES } from '../../src/exports/format-names.ts';
import { createLog } from '../../src/log.ts';
import { armed, install, loadImage, webhookOf } from '../support/machine.ts';
import { PROFILE, STRANGER_AT, STRANGER_MAC } from '../support/parts.ts';

const PASSWORD = 'seeded-Passw0rd-of-the-admin';
const UNUSED = 'seeded-secret-that-nobody-uses';
const BORN = 'seeded-secret-that-was-born-and-read';
const BORN_UNREAD = 'seeded-secret-that-was-born';
const ROOT_BY_PLAN = 'seeded-root-password-of-the-plan';
const ROOT_BY_INSTALLER = 'seeded-root-password-of-the-answer';
const BY_HAND = 'seeded-secret-that-somebody-types';
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const CONFIRM = `${PROFILE.replace('name: admin,', 'name: admin, password: {secret: admin-password}, rootPassword: {secret: root-by-plan},')}install: { release: confirm }\n`;
/** Root's password as the installer sets it is that of a secret: its hash, and nothing else of it, is in the answer. */
const GIVEN = `${PROFILE}install: { allowSecretsInAnswer: true, rootPassword: { secret: root-by-installer } }\n`;

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

/** What there is nothing to answer yet. */
const EMPTY: ReadonlySet<string> = new Set(['/nodes/pve1/drift', '/nodes/pve2/drift']);

async function filesOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Arguments and environment of a process; empty when it has ended. */
async function processOf(pid: number | 'self'): Promise<string> {
  const files = ['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''));
  return (await Promise.all(files)).join('\0');
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
    profiles: { confirm: CONFIRM, given: GIVEN },
    profile: 'confirm',
    secrets: {
      'admin-password': PASSWORD,
      'root-by-plan': ROOT_BY_PLAN,
      'root-by-installer': ROOT_BY_INSTALLER,
      unused: UNUSED,
    },
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
  // A second machine, with the other way to give root a password.
  const given = { mac: STRANGER_MAC, from: STRANGER_AT, fqdn: 'pve2.lab.example' };
  await api('/nodes', { json: { mac: given.mac, fqdn: given.fqdn, profile: 'given' } });
  t.equal((await api('/nodes/pve2/install', { json: {} })).status, 201);
  const givenUrl = await loadImage(parts, given.from, given.mac);
  const second = await install(t, parts, givenUrl, given);
  const secondToken = await second.credential();
  const secondPlan = await parts.call(`${second.node}/plan`, { from: given.from, token: secondToken });
  t.equal(secondPlan.status, 200, 'where nothing is withheld, the plan has no secret of the answer');
  answers.push(secondPlan.text);
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
  const { items } = JSON.parse((await api('/nodes/pve1/secrets')).text) as {
    items: ReadonlyArray<{ readonly id: string; readonly name: string }>;
  };
  // Both were born in the same millisecond: which one is first is chance.
  t.strictSame(items.map(({ name }) => name).sort(), ['read', 'unread']);
  const read = items.find(({ name }) => name === 'read')?.id ?? '';
  const shown = await parts.call(`${base}/nodes/pve1/secrets/${read}/read`, { token: admin, method: 'POST' });
  t.equal(JSON.parse(shown.text).value, BORN);
  await api(`/nodes/pve1/secrets/${read}/read`, { method: 'POST' });
  await api('/nodes/pve1/confirm', { json: { code: 'bcdf-bcdf-bcdf' } });
  await api('/secrets/admin-password', { method: 'PUT', json: { value: PASSWORD, extra: 1 } });
  await api('/secrets/BAD NAME', { method: 'PUT', json: { value: PASSWORD } });
  await api('/secrets/admin-password', {
    method: 'PUT',
    body: `{"value": "${PASSWORD}`,
    headers: { 'Content-Type': 'application/json' },
  });
  await api('/secrets/admin-password', { method: 'PUT', json: { value: { nested: PASSWORD } } });
  const nodes = ['pve1', 'pve2'].flatMap((name) =>
    ['', '/reports', '/profile', '/answer-preview', '/runs', '/plan', '/plan/diff', '/drift', '/secrets']
      .concat('/hardware', '/credential')
      .map((path) => `/nodes/${name}${path}`),
  );
  const others = [
    '/nodes',
    '/runs/pve1/answer',
    '/runs/pve2/answer',
    '/events',
    '/secrets',
    '/tokens',
    '/audit?limit=1000',
    '/status',
    '/profiles',
  ]
    .concat(
      '/profiles/confirm',
      '/profiles/given',
      '/certificate',
      '/discovered',
      '/explain/bc2411000001',
      '/drift',
      '/plans/impact',
    )
    .concat('/rules', '/media', '/exports/nodes', '/exports/nodes?format=json', '/schemas/answer');
  const exported = EXPORT_NAMES.map((format) => `/exports/${format}`);
  for (const path of [...nodes, ...others, ...exported]) {
    const { status, text } = await api(path);
    t.ok(status === 200 || EMPTY.has(path), `${path}: ${status} ${text.slice(0, 200)}`);
  }
  await api('/nodes/pve1/plan/apply', { method: 'POST', json: {} });
  for (const name of ['pve1', 'pve2']) t.equal((await api(`/nodes/${name}/plan/export`, { json: {} })).status, 200);
  await api('/nodes/pve2/root-password', { method: 'POST' });
  await parts.call(url.replace(/answer$/, 'webhook'), { body: webhookOf('ssh-ed25519 AAAA') });
  await api('/nodes/pve1/credential', { method: 'DELETE' });
  await api('/secrets/unused', { method: 'DELETE' });

  // What somebody types is read from standard input: any user of the machine may read arguments, root the environment.
  const directory = t.testdir();
  const apiTokenFile = join(directory, 'token');
  await writeFile(apiTokenFile, `${apiToken}\n`, { mode: 0o600 });
  const server = ['--server', parts.segment.httpsUrl, '--fingerprint', parts.journey.identity.fingerprint];
  const commandLines = [await processOf('self')];
  const typedIn = spawn(process.execPath, [MAIN, 'secret', 'set', 'by-hand', ...server, '--token-file', apiTokenFile], {
    stdio: ['pipe', 'ignore', 'pipe'],
    cwd: directory,
  });
  const left = once(typedIn, 'close');
  let complaint = '';
  typedIn.stderr.on('data', (text) => {
    complaint += text;
  });
  typedIn.stdin.end(BY_HAND);
  while (typedIn.exitCode === null) {
    commandLines.push(await processOf(typedIn.pid ?? 0));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await left;
  t.equal(typedIn.exitCode, 0, complaint);
  answers.push(complaint);
  t.ok(
    commandLines.some((text) => text.includes('secret\0set\0by-hand')) && commandLines[0]?.includes('PATH='),
    'arguments and environments can be found by this search',
  );

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
    ['the root password of a plan', ROOT_BY_PLAN],
    ['the root password of an answer', ROOT_BY_INSTALLER],
    ['a secret that was typed', BY_HAND],
    ['a secret born on the node and read', BORN],
    ['one that nobody has read', BORN_UNREAD],
    ['the root password', password],
    ['the token of the API that asks for all of it', apiToken],
    ['the node credential', token],
    ['the credential of the second node', secondToken],
    ['a step token', stepTokens[0] ?? '?'],
    ['a step token of the second node', givenUrl.match(/installer\/([^/]+)\//)?.[1] ?? '?'],
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
      t.notOk(
        commandLines.some((text) => text.includes(shape)),
        `${name} in arguments or an environment`,
      );
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
