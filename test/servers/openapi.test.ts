/** The OpenAPI document: linted by a linter that we did not write, complete, and true of what the routes answer. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import t, { type Test } from 'tap';
import { armed } from '../support/machine.ts';
import { NODE_MAC, type Parts, startParts } from '../support/parts.ts';
import { routesOf } from '../support/routes.ts';

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>;
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function documentOf(parts: Parts): Promise<{ readonly text: string; readonly document: Document }> {
  const { status, text } = await parts.call(`${parts.segment.httpsUrl}/api/v1/openapi.json`);
  if (status !== 200) throw new Error(text);
  return { text, document: JSON.parse(text) };
}

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

t.test('every schema of every route compiles, what is otherwise seen when somebody asks for it', async (t) => {
  const parts = await startParts({ compile: 'now' });
  t.teardown(() => parts.close());
  t.equal((await parts.call(`${parts.segment.httpsUrl}/healthz`)).status, 200);
});

t.test('redocly finds no fault with it', async (t) => {
  const { parts } = await armed(t);
  const { text, document } = await documentOf(parts);
  t.equal(document.openapi, '3.1.0');
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  t.same(
    problems.map(({ ruleId, severity, message, location }) => [
      severity,
      ruleId,
      message,
      location.map(({ pointer }) => pointer),
    ]),
    [],
  );
});

t.test('every route of the API is in it, with all that a reader needs', async (t) => {
  const { parts } = await armed(t);
  const { document } = await documentOf(parts);
  const operations = operationsOf(document);
  const routes = routesOf(parts.apps.secure)
    .filter(({ method, path }) => method !== 'HEAD' && path.startsWith('/api/v1'))
    .map(({ method, path }) => `${method} ${path}`);
  t.ok(routes.length > 35, `${routes.length} routes`);
  t.same(
    operations.map(({ path, method }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`).toSorted(),
    routes.toSorted(),
  );
  const ajv = new Ajv2020({ strict: false, validateFormats: true });
  formats.default(ajv);
  for (const { path, method, operation } of operations) {
    const name = `${method} ${path}`;
    t.ok(operation.summary, `${name} has a summary`);
    t.equal(operation.tags?.length, 1, `${name} has a tag`);
    t.ok(operation.responses['4XX'] && operation.responses['5XX'], `${name} tells its refusals`);
    const bodies = [operation.requestBody, ...Object.values(operation.responses)];
    for (const [type, { schema, example }] of bodies.flatMap((body) => Object.entries(body?.content ?? {}))) {
      if (!type.endsWith('json')) continue;
      t.ok(example !== undefined, `${name}: an example`);
      const valid = ajv.compile(schema);
      t.ok(valid(example), `${name}: its example is true: ${JSON.stringify(valid.errors)}`);
    }
  }
});

/** Routes that must fail here: a database in memory has no file to copy. */
const ASK_TOO_MUCH: Readonly<Record<string, number>> = { 'POST /api/v1/backup': 503 };

/** An answer is as it is described: status, type, and shape. */
function checkAnswer(t: Test, operation: Operation, name: string, answer: Awaited<ReturnType<Parts['call']>>): void {
  const status = String(answer.status);
  if (answer.status >= 400) {
    t.ok(answer.status < 500 || ASK_TOO_MUCH[name] === answer.status, `${name}: ${status} ${answer.text}`);
    t.match(answer.headers['content-type'], 'application/problem+json', `${name}: ${status}`);
    t.match(JSON.parse(answer.text), {
      status: answer.status,
      code: /^[a-z-]+(\.[a-z-]+)*$/,
      remedy: /\w/,
      detail: /\w/,
    });
    return;
  }
  const described = operation.responses[status];
  if (described === undefined) {
    t.fail(`${name}: ${status} is not described`);
    return;
  }
  const [type = '', media] = Object.entries(described.content ?? {})[0] ?? [];
  if (media === undefined) {
    t.equal(answer.text, '', `${name}: no body`);
    return;
  }
  t.match(answer.headers['content-type'], type, `${name}: its type`);
  if (!type.endsWith('json')) return;
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  const valid = ajv.compile(media.schema);
  t.ok(valid(JSON.parse(answer.text)), `${name}: ${JSON.stringify(valid.errors)}`);
}

t.test('what the routes answer is what it says', async (t) => {
  const { parts, admin } = await armed(t);
  const { document } = await documentOf(parts);
  const base = parts.segment.httpsUrl;
  const bodies: Readonly<Record<string, unknown>> = {
    'PUT /api/v1/secrets/{name}': { value: 'hidden' },
    'POST /api/v1/nodes': { mac: '02:00:00:00:00:07', fqdn: 'pve7.lab.example', profile: 'default' },
    'POST /api/v1/tokens': { name: 'ci', role: 'viewer' },
    'POST /api/v1/nodes/{id}/confirm': { code: 'aaaa-bbbb-cccc' },
    'POST /api/v1/media': { path: '/srv/image.iso' },
    'POST /api/v1/webhooks': { name: 'default', url: 'https://hooks.example.net/' },
  };
  const values: Readonly<Record<string, string>> = { mac: NODE_MAC, name: 'default', id: 'pve1' };
  await parts.call(`${base}/api/v1/webhooks`, { token: admin, json: bodies['POST /api/v1/webhooks'] });
  // Reads first, then what changes, what removes last.
  const order = ['get', 'put', 'patch', 'post', 'delete'];
  const operations = operationsOf(document).toSorted((a, b) => order.indexOf(a.method) - order.indexOf(b.method));
  let good = 0;
  for (const { path, method, operation } of operations) {
    // The one that does not end; the live stream has its own tests.
    if (path.endsWith('/stream')) continue;
    const name = `${method.toUpperCase()} ${path}`;
    const id = path.includes('/tokens/') ? 'ci' : path.includes('/media/') ? 'proxmox-ve_9.2-1' : values.id;
    const url = path.replaceAll(/\{(\w+)\}/g, (_, key: string) => (key === 'id' ? id : values[key]) ?? key);
    const answer = await parts.call(`${base}${url}`, {
      token: admin,
      method: method.toUpperCase(),
      ...(['post', 'put', 'patch'].includes(method) && !url.endsWith('/backup') && { json: bodies[name] ?? {} }),
    });
    if (answer.status < 300) good += 1;
    checkAnswer(t, operation, name, answer);
    if (operation.security?.length !== 0) {
      const stranger = await parts.call(`${base}${url}`, { method: method.toUpperCase(), from: '127.0.0.77' });
      t.ok([401, 429].includes(stranger.status), `${name} asks for a token`);
    }
  }
  t.ok(good > 25, `${good} routes answered well`);
});

t.test('a body whose fields may all be left out may be left out, and the document says so', async (t) => {
  const { parts, admin: token, state } = await armed(t);
  const { document } = await documentOf(parts);
  const optional = operationsOf(document).filter(({ operation }) => operation.requestBody?.required === false);
  t.ok(optional.length >= 6, `${optional.length} operations`);
  const base = parts.segment.httpsUrl;
  const ask = async (method: string, path: string, more: object = {}) => {
    const { status, text } = await parts.call(`${base}${path}`, { token, method: method.toUpperCase(), ...more });
    return { status, ...JSON.parse(text) };
  };
  for (const { method, path } of optional.filter((each) => each.path.includes('{'))) {
    const nobody = path.replaceAll(/\{\w+\}/g, 'nobody');
    const [without, empty] = [await ask(method, nobody), await ask(method, nobody, { json: {} })];
    t.equal(without.status, 404, `${method} ${nobody}`);
    t.same(without, empty, `${method} ${nobody}: as with {}`);
  }
  t.match(await ask('post', '/api/v1/nodes/pve1/cancel'), { status: 200 });
  t.match(await ask('post', '/api/v1/nodes/pve1/install'), { status: 201, run: { state: 'armed' } });
  t.equal(await state(), 'armed');
  t.match(await ask('post', '/api/v1/nodes'), { status: 400, field: 'body' }, 'what is needed is still asked for');
});
