/** What asking wrongly gets: a problem that names field and remedy below /api/, one line of text elsewhere, and never what was sent. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startParts } from '../support/parts.ts';

const CANARY = 'iw_canary';

const WRONG: ReadonlyArray<{
  readonly name: string;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
  readonly status: number;
  readonly code: string;
  readonly field: string;
}> = [
  { name: 'no UTF-8', path: `/nodes/${CANARY}%ff`, status: 400, code: 'request.unreadable', field: 'path' },
  {
    name: 'too long for the router',
    path: `/nodes/${CANARY.repeat(200)}`,
    status: 400,
    code: 'request.unreadable',
    field: 'path',
  },
  {
    name: 'too long for the schema',
    path: `/nodes/${CANARY.repeat(40)}`,
    status: 400,
    code: 'request.invalid',
    field: 'id',
  },
  { name: 'no route', path: `/${CANARY}`, status: 404, code: 'request.no-such-route', field: 'path' },
  {
    name: 'a route of another method',
    path: '/status',
    body: '{}',
    status: 404,
    code: 'request.no-such-route',
    field: 'path',
  },
  { name: 'broken JSON', path: '/nodes', body: `{"${CANARY}`, status: 400, code: 'request.unreadable', field: 'body' },
  { name: 'no JSON', path: '/nodes', body: '', status: 400, code: 'request.unreadable', field: 'body' },
  {
    name: 'poison',
    path: '/nodes',
    body: '{"__proto__":{}}',
    status: 400,
    code: 'request.unreadable',
    field: 'body',
  },
  {
    name: 'a form',
    path: '/nodes',
    body: CANARY,
    type: 'text/html',
    status: 400,
    code: 'request.unreadable',
    field: 'Content-Type',
  },
  {
    name: 'a number as text in a body',
    path: '/nodes/x/install',
    body: '{"expiresMinutes":"5"}',
    status: 400,
    code: 'request.invalid',
    field: 'expiresMinutes',
  },
  {
    name: 'no number in the query',
    path: `/events?after=${CANARY}`,
    status: 400,
    code: 'request.invalid',
    field: 'after',
  },
  { name: 'a fraction in the query', path: '/events?limit=1.5', status: 400, code: 'request.invalid', field: 'limit' },
  { name: 'an unknown word in the query', path: '/events?afer=1', status: 400, code: 'request.invalid', field: 'afer' },
];

t.test('below /api/', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const token = await parts.token('admin');
  for (const { name, path, body, type = 'application/json', status, code, field } of WRONG) {
    const reply = await parts.call(`${parts.segment.httpsUrl}/api/v1${path}`, {
      token,
      ...(body !== undefined && { body, headers: { 'Content-Type': type } }),
    });
    t.match(reply.headers['content-type'], /^application\/problem\+json/, name);
    t.match(JSON.parse(reply.text), { status, code, field, detail: /\w/, remedy: /\w/ }, name);
    t.equal(reply.status, status, name);
    t.notMatch(reply.text, CANARY, `${name}: nothing of it is repeated`);
  }
  const page = await parts.call(`${parts.segment.httpsUrl}/api/v1/events?after=0&limit=10`, { token });
  t.equal(page.status, 200, page.text);
});

t.test('elsewhere', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { httpUrl, httpsUrl } = parts.segment;
  for (const url of [
    `${httpUrl}/boot/script/${CANARY}%ff`,
    `${httpUrl}/boot/script/${CANARY.repeat(200)}`,
    `${httpUrl}/${CANARY}`,
    `${httpsUrl}/installer/${CANARY}%ff/answer`,
    `${httpsUrl}/${CANARY}`,
  ]) {
    const reply = await parts.call(url);
    t.ok(reply.status === 400 || reply.status === 404, `${reply.status}`);
    t.match(reply.headers['content-type'], /^text\/plain/);
    t.match(reply.text, /^[^\n]+\n$/, 'one line');
    t.notMatch(reply.text, CANARY);
  }
});

t.test('loaders, and nothing else that lies beside them', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  for (const name of ['README.md', 'secret.efi', 'undionly.kpxe.bak'])
    await writeFile(join(parts.directory, name), 'x');
  const base = `${parts.segment.httpUrl}/boot/loaders`;
  t.equal((await parts.call(`${base}/undionly.kpxe`)).status, 200);
  for (const name of ['README.md', 'default.yaml', 'secret.efi', 'undionly.kpxe.bak', 'ipxe-arm64.efi'])
    t.equal((await parts.call(`${base}/${name}`)).status, 404, name);
});
