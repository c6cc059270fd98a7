/** Webhooks out, to real servers over real sockets: what is sent, what every kind of receiver does to it, and what a crash does. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Value } from '@sinclair/typebox/value';
import t, { type Test } from 'tap';
import { WebhookPayload } from '../../src/api/webhooks.ts';
import { type CourierLimits, createCourier } from '../../src/courier/courier.ts';
import { cancelRun } from '../../src/journey/arm.ts';
import { type Deliveries, startDeliveries } from '../../src/journey/deliveries.ts';
import type { Store } from '../../src/journey/ports.ts';
import { addNode } from '../../src/journey/registry.ts';
import {
  addWebhook,
  changeWebhook,
  type NewWebhook,
  rotateWebhookSecret,
  tryWebhook,
} from '../../src/journey/webhooks.ts';
import { createLog, type Log, silentLog } from '../../src/log.ts';
import type { EventCode } from '../../src/runs/events.ts';
import { openStore } from '../../src/store/store.ts';
import { instanceKey } from '../../src/trust/instance-key.ts';
import { seal } from '../../src/trust/sealing.ts';
import { DEFAULT_EVENTS } from '../../src/webhooks/selection.ts';
import { typed } from '../support/command-line.ts';
import { deliveryJourney } from '../support/delivery-journey.ts';
import { parseExposition } from '../support/exposition.ts';
import { armed } from '../support/machine.ts';
import { type CallOptions, NODE_MAC, type Parts, type PartsOptions, startParts } from '../support/parts.ts';
import { answering, type Behaviour, opensslSignature, startReceiver } from '../support/webhook-receiver.ts';

/** Short enough for tests, whose receivers hang on purpose; far longer than loopback takes. */
const LIMITS: CourierLimits = { connectMs: 2000, answerMs: 2000, bodyBytes: 16_384, bodyMs: 200 };
const LOOPBACK = { allowHttp: true, allowLoopback: true } as const;
const audit = () => ({ at: 1, actor: 'a', from: 'f', action: 'webhook.changed', target: 'x', data: {} });

interface Site {
  readonly parts: Parts;
  readonly store: Store;
  readonly deliveries: Deliveries;
  add(input: Partial<NewWebhook> & { readonly url: string }): Promise<string>;
  tell(...codes: readonly EventCode[]): Promise<void>;
  /** Waits until a question to the store is answered so. */
  until(what: string, ask: () => Promise<boolean>): Promise<void>;
  states(webhook?: string): Promise<readonly string[]>;
}

async function aSite(
  t: Pick<Test, 'teardown' | 'fail'>,
  options: PartsOptions & { limits?: CourierLimits } = {},
): Promise<Site> {
  const parts = await startParts(options);
  const { journey } = parts;
  const { store } = journey;
  const deliveries = startDeliveries(journey, createCourier('0.0.0', options.limits ?? LIMITS), () => 0.5);
  t.teardown(async () => {
    await deliveries.drain(0).catch(() => undefined);
    await parts.close();
  });
  return {
    parts,
    store,
    deliveries,
    async add(input) {
      const issued = await addWebhook(journey, { name: 'hook', ...LOOPBACK, ...input }, 'admin', audit);
      return issued.secret ?? '';
    },
    async tell(...codes) {
      const at = journey.clock.now();
      await store.events.append(
        codes.map((code) => ({ at, mac: undefined, nodeId: undefined, runId: undefined, code, data: {} })),
      );
      journey.changes.notify();
    },
    async until(what, ask) {
      for (let look = 0; look < 3000; look += 1) {
        if (await ask()) return;
        await sleep(10);
      }
      t.fail(`never came: ${what}`);
    },
    async states(name = 'hook') {
      const known = await store.webhooks.byName(name);
      const found = await store.webhooks.deliveries(known?.webhook.id ?? '', { limit: 1000 });
      return [...found].reverse().map(({ state }) => state);
    },
  };
}

const all = (states: readonly string[], state: string, count: number): boolean =>
  states.length === count && states.every((each) => each === state);

t.test('what happens is sent, signed, and true', async (t) => {
  const { parts, store, add, until, states } = await aSite(t);
  const receiver = await startReceiver(t);
  const secret = await add({ url: `${receiver.url}?a=b` });
  await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  parts.journey.changes.notify();
  await receiver.heard(1);
  const [request] = receiver.received;
  if (request === undefined) return t.fail('nothing came');
  t.match(request, {
    method: 'POST',
    path: '/hook?a=b',
    headers: { 'content-type': 'application/json', 'user-agent': 'ironwake/0.0.0', 'webhook-id': /^msg_[0-9a-f]{32}$/ },
  });
  t.equal(request.headers['webhook-signature'], opensslSignature(request, secret), 'OpenSSL agrees');
  t.equal(request.headers['webhook-timestamp'], String(Math.floor(parts.clock.now() / 1000)));
  const payload: unknown = JSON.parse(request.body);
  t.same(
    [...Value.Errors(WebhookPayload, payload)].filter(({ message }) => !/format/.test(message)),
    [],
    'as the contract says',
  );
  t.match(payload, {
    type: 'node.registered',
    data: { node: { fqdn: 'pve1.lab.example' }, run: null, site: 'default' },
  });
  await until('delivered', async () => all(await states(), 'delivered', 1));
  t.match((await store.webhooks.byName('hook'))?.health, { failures: 0, lastDeliveredAt: parts.clock.now() });
});

t.test('every kind of receiver', async (t) => {
  const drip: Behaviour = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('.'), 50);
    response.on('close', () => clearInterval(timer));
  };
  const huge: Behaviour = (_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    more();
  };
  const silent: Behaviour = () => undefined;
  const nonsense: Behaviour = (_, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
  const hangUp: Behaviour = (_, response) => void response.socket?.destroy();
  const longHead: Behaviour = (_, response) => {
    response.socket?.write(`HTTP/1.1 200 OK\r\n${`x: ${'a'.repeat(4000)}\r\n`.repeat(10)}\r\n`);
  };
  for (const [name, behaviour, state, failure] of [
    ['200', answering(200), 'delivered', undefined],
    ['202', answering(202), 'delivered', undefined],
    ['500', answering(500), 'waiting', 'answered 500'],
    ['404', answering(404), 'waiting', 'answered 404'],
    ['a body that never ends', drip, 'delivered', undefined],
    ['a body that fills the memory', huge, 'delivered', undefined],
    ['silence', silent, 'waiting', 'no answer within 2 s'],
    ['another protocol', nonsense, 'waiting', 'no HTTP answer'],
    ['a connection that is closed', hangUp, 'waiting', /closed without an answer|reset/],
    ['a head without end', longHead, 'waiting', 'its answer has too long a head'],
    ['410', answering(410), 'dead', 'answered 410 Gone: it wants no more'],
  ] as const) {
    const { store, add, tell, until } = await aSite(t);
    const receiver = await startReceiver(t, { behaviour });
    await add({ url: receiver.url });
    await tell('run.ready');
    const only = async () =>
      (await store.webhooks.deliveries((await store.webhooks.byName('hook'))?.webhook.id ?? '', { limit: 9 }))[0];
    await until(name, async () => (await only())?.tries === 1);
    t.match(await only(), { state, failure }, name);
    t.equal(receiver.received.length, 1, `${name}: asked once`);
    const off = (await store.webhooks.byName('hook'))?.webhook.off?.because;
    t.equal(off, name === '410' ? 'gone' : undefined, `${name}: switched off`);
  }
});

t.test('a redirect is not followed', async (t) => {
  const { store, add, tell, until } = await aSite(t);
  const elsewhere = await startReceiver(t);
  for (const status of [301, 302, 303, 307, 308]) {
    const receiver = await startReceiver(t, { behaviour: answering(status, { location: elsewhere.url }) });
    await add({ name: `to-${status}`, url: receiver.url });
  }
  await tell('run.ready');
  await until('five answers', async () =>
    (await store.webhooks.list()).every(({ health }) =>
      /redirects are not followed/.test(health.lastFailure?.what ?? ''),
    ),
  );
  t.same(elsewhere.received, [], 'nobody was asked there');
});

t.test('500, then 200: the same message again, later', async (t) => {
  const { parts, add, tell, until, states, store } = await aSite(t);
  const receiver = await startReceiver(t, {
    behaviour: (request, response, number) => answering(number < 3 ? 500 : 200)(request, response, number),
  });
  const secret = await add({ url: receiver.url });
  await tell('run.ready');
  for (const [attempt, waitMs] of [
    [1, 5000],
    [2, 20_000],
  ] as const) {
    await until('a failure', async () => (await store.webhooks.byName('hook'))?.health.failures === attempt);
    parts.clock.advance(waitMs - 1);
    await sleep(30);
    t.equal(receiver.received.length, attempt, 'not before its time');
    parts.clock.advance(1);
  }
  await until('delivered', async () => all(await states(), 'delivered', 1));
  const { received } = receiver;
  t.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1, 'the id says that it is the same');
  t.equal(new Set(received.map(({ body }) => body)).size, 1);
  t.equal(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size, 3, 'each attempt has its time');
  for (const request of received)
    t.equal(request.headers['webhook-signature'], opensslSignature(request, secret), 'each is signed anew');
});

t.test('a slow endpoint keeps nobody else waiting, and one endpoint hears in order, one at a time', async (t) => {
  const { add, tell, until, states } = await aSite(t, { limits: { ...LIMITS, answerMs: 60_000 } });
  const slow = await startReceiver(t, { behaviour: () => undefined });
  let underWay = 0;
  let most = 0;
  const quick = await startReceiver(t, {
    behaviour: (_, response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
        response.writeHead(200).end();
      }, 2);
    },
  });
  await add({ name: 'slow', url: slow.url });
  await add({ name: 'quick', url: quick.url });
  await tell(...Array.from({ length: 20 }, () => 'run.ready' as const));
  await until('all', async () => all(await states('quick'), 'delivered', 20));
  t.equal(slow.received.length, 1, 'the slow one still has its first');
  t.equal(most, 1);
  const ids = quick.received.map(({ body }) => JSON.parse(body).data.event.id);
  t.same(
    ids,
    ids.toSorted((a, b) => a - b),
  );
});

t.test('an outage: one attempt finds out for all, and when it is over all comes in order', async (t) => {
  const { parts, store, add, tell, until, states } = await aSite(t);
  const receiver = await startReceiver(t, { behaviour: answering(503) });
  await add({ url: receiver.url });
  await tell('run.armed', 'run.resumed', 'run.ready');
  const failures = async () => (await store.webhooks.byName('hook'))?.health.failures;
  for (const [n, pauseMs] of [5000, 10_000, 20_000].entries()) {
    await until('a failure', async () => (await failures()) === n + 1);
    t.equal(receiver.received.length, n + 1, 'one attempt each time');
    if (n < 2) parts.clock.advance(pauseMs);
  }
  receiver.received.length = 0;
  receiver.behave(answering(200));
  // The first one is due in its own time; another is tried before it, and frees them all.
  parts.clock.advance(20_000);
  await until('all', async () => all(await states(), 'delivered', 3));
  t.equal(receiver.received.length, 3);
  const after = receiver.received.slice(1).map(({ body }) => JSON.parse(body).data.event.id);
  t.same(
    after,
    after.toSorted((a, b) => a - b),
    'the oldest first',
  );
});

t.test(
  'an endpoint that fails for days is switched off and says so; on again, it gets what is not too old',
  async (t) => {
    const { parts, store, add, tell, until, states } = await aSite(t);
    const { journey } = parts;
    const receiver = await startReceiver(t, { behaviour: answering(500) });
    await add({ url: receiver.url });
    const known = async () => store.webhooks.byName('hook');
    await tell('run.armed');
    for (let hour = 0; hour < 200 && (await known())?.webhook.off === undefined; hour += 1) {
      if (hour % 12 === 0) await tell('run.ready');
      parts.clock.advance(3_600_000);
      // What is due by now is tried, and is not due any more.
      await until('all attempts of this hour', async () => {
        const now = parts.clock.now();
        return (await store.webhooks.queue()).every(({ dueAt, pausedUntil = 0 }) => Math.max(dueAt, pausedUntil) > now);
      });
    }
    t.equal((await known())?.webhook.off?.because, 'failing');
    t.match(await store.audit.list(1), [{ actor: 'ironwake', action: 'webhook.switched-off', target: 'hook' }]);
    const admin = await parts.token('admin');
    const status = await parts.call(`${parts.segment.httpsUrl}/api/v1/status`, { token: admin });
    t.match(JSON.parse(status.text).problems.at(-1), /^webhook hook was switched off \(failing\): answered 500: npx/);
    const asked = receiver.received.length;
    const queued = (await states()).length;
    await tell('run.ready');
    t.equal((await states()).length, queued, 'what happens now is not queued');
    receiver.behave(answering(200));
    parts.clock.advance(60_000);
    t.equal(receiver.received.length, asked, 'and nothing is sent');
    t.ok((await states()).includes('waiting'), 'something still waits');
    await changeWebhook(journey, 'hook', { enabled: true }, undefined, audit);
    await until('nothing waits', async () => !(await states()).includes('waiting'));
    t.ok(receiver.received.length > asked);
    t.match((await known())?.health, { failures: 0, failingSince: undefined });
    t.ok((await states()).includes('dead'), 'what was given up stays on the list until somebody decides');
  },
);

t.test('TLS: an unknown certificate is refused, the authority that was named is trusted', async (t) => {
  const directory = t.testdir();
  const make = (name: string, san: string) => {
    const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.pem`)];
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync(
      'openssl',
      [...words, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`, '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  };
  const right = make('right', 'IP:127.0.0.1');
  const elsewhere = make('elsewhere', 'DNS:hooks.example.net');
  for (const [name, tls, ca, state, failure] of [
    [
      'nobody vouches for it',
      right,
      undefined,
      'waiting',
      /its certificate was not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    ],
    ['somebody else vouches', right, elsewhere.cert, 'waiting', /its certificate was not trusted/],
    [
      'of another name',
      elsewhere,
      elsewhere.cert,
      'waiting',
      /its certificate was not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
    ['the one that was named', right, right.cert, 'delivered', undefined],
  ] as const) {
    const { store, add, tell, until } = await aSite(t);
    const receiver = await startReceiver(t, { tls });
    await add({ url: receiver.url, ca, allowHttp: false });
    await tell('run.ready');
    const only = async () =>
      (await store.webhooks.deliveries((await store.webhooks.byName('hook'))?.webhook.id ?? '', { limit: 9 }))[0];
    await until(name, async () => (await only())?.tries === 1);
    t.match(await only(), { state, failure }, name);
    t.equal(receiver.received.length, state === 'delivered' ? 1 : 0, `${name}: not a byte of an event before`);
  }
});

t.test('where a name leads is looked at when it is sent', async (t) => {
  const receiver = await startReceiver(t);
  const courier = createCourier('0', LIMITS);
  const send = (host: string, allowLoopback: boolean) =>
    courier.send({
      url: `http://${host}:${receiver.port}/`,
      rights: { allowHttp: true, allowLoopback },
      ca: undefined,
      headers: {},
      body: '{}',
      signal: new AbortController().signal,
    });
  t.same(await send('localhost', false), { kind: 'failed', reason: 'its name leads to this host itself' });
  t.same(await send('127.0.0.1', false), { kind: 'failed', reason: 'it leads to this host itself' });
  t.same(await send('169.254.169.254', true), {
    kind: 'failed',
    reason: 'it leads to a link-local address, where clouds keep their metadata service',
  });
  t.same(receiver.received, [], 'nothing was sent');
  t.match(await send('localhost', true), { kind: 'answered', status: 204 });
  t.same(await send('no-such-name.invalid', true), { kind: 'failed', reason: 'its name is not known' });
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as { readonly port: number };
  await new Promise((resolve) => closed.close(resolve));
  t.same(
    await courier.send({
      url: `http://127.0.0.1:${port}/`,
      rights: LOOPBACK,
      ca: undefined,
      headers: {},
      body: '',
      signal: new AbortController().signal,
    }),
    { kind: 'failed', reason: 'connection refused' },
  );
});

t.test('the secret is told once, and stands nowhere in the clear', async (t) => {
  const databasePath = join(t.testdir(), 'ironwake.db');
  const lines: string[] = [];
  const log: Log = await createLog({
    level: 'trace',
    format: 'json',
    destination: { write: (line) => lines.push(line) },
  });
  const { parts, store, until, states } = await aSite(t, { databasePath, log });
  const receiver = await startReceiver(t, { behaviour: answering(500) });
  const token = await parts.token('admin');
  const base = `${parts.segment.httpsUrl}/api/v1`;
  const ask = async (path: string, options: CallOptions = {}) => parts.call(`${base}${path}`, { token, ...options });
  const json = { name: 'hook', url: `${receiver.url}/path-of-theirs`, ...LOOPBACK };
  const issued = await ask('/webhooks', { json, headers: { 'idempotency-key': 'k1' } });
  t.match([issued.status, issued.headers['cache-control']], [201, 'no-store']);
  const first: string = JSON.parse(issued.text).secret;
  t.match(first, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const again = await ask('/webhooks', { json, headers: { 'idempotency-key': 'k1' } });
  t.match([again.headers['idempotency-replayed'], again.text], ['true', issued.text], 'asked twice, added once');
  const second: string = JSON.parse((await ask('/webhooks/hook/rotate', { json: {} })).text).secret;
  const given = `whsec_${randomBytes(24).toString('base64')}`;
  await ask('/secrets/chat-key', { method: 'PUT', json: { value: given } });
  const rotated = await ask('/webhooks/hook/rotate', { json: { secret: 'chat-key' } });
  t.match(JSON.parse(rotated.text), { secret: null, oldSecretUntil: String });
  await ask('/webhooks/hook/test', { method: 'POST' });
  await until('an attempt', async () => receiver.received.length > 0 && (await states()).length === 1);
  await until('its result', async () => (await store.webhooks.byName('hook'))?.health.failures === 1);
  const [request] = receiver.received;
  if (request !== undefined)
    t.equal(
      request.headers['webhook-signature'],
      `${opensslSignature(request, given)} ${opensslSignature(request, second)}`,
      'the present secret signs, and the one before it',
    );
  const answers = [];
  for (const path of [
    '/webhooks',
    '/webhooks/hook',
    '/webhooks/hook/deliveries',
    '/audit',
    '/events',
    '/exports/nodes',
    '/status',
  ])
    answers.push((await ask(path)).text);
  await store.close();
  const kept = ['ironwake.db', 'ironwake.db-wal'].map((name) => {
    try {
      return readFileSync(join(databasePath, '..', name), 'latin1');
    } catch {
      return '';
    }
  });
  for (const [place, text] of Object.entries({ answers: answers.join(), log: lines.join(), database: kept.join() }))
    for (const secret of [first, second, given]) {
      const key = Buffer.from(secret.slice(6), 'base64');
      for (const form of [secret.slice(6), key.toString('latin1'), key.toString('hex'), key.toString('base64url')])
        t.notOk(text.includes(form), `${place}: no secret`);
    }
  const auditText = answers[3] ?? '';
  t.match(auditText, `http://127.0.0.1:${receiver.port}`, 'the audit log names the receiver');
  t.notMatch(auditText + lines.join(), 'path-of-theirs', 'and no path, which may be its secret');
});

t.test('secrets overlap for as long as was said', async (t) => {
  const { parts, add, until } = await aSite(t);
  const receiver = await startReceiver(t);
  const old = await add({ url: receiver.url });
  const { secret = '' } = await rotateWebhookSecret(parts.journey, 'hook', { overlapHours: 1 }, audit);
  const trial = async () => {
    const before = receiver.received.length;
    await tryWebhook(parts.journey, 'hook', 'admin', audit);
    await until('a trial', async () => receiver.received.length > before);
    const request = receiver.received.at(-1);
    return request === undefined
      ? []
      : [request.headers['webhook-signature'], opensslSignature(request, secret), opensslSignature(request, old)];
  };
  const [during, byNew, byOld] = await trial();
  t.equal(during, `${byNew} ${byOld}`);
  parts.clock.advance(3_600_000);
  const [after, alone] = await trial();
  t.equal(after, alone, 'then the new one alone');
});

t.test('the daemon stops: what is under way ends, what hangs is cut and sent after the next start', async (t) => {
  const { parts, deliveries, store, add, tell, states } = await aSite(t, {
    limits: { ...LIMITS, answerMs: 60_000 },
  });
  let finish = (): void => undefined;
  const polite = await startReceiver(t, {
    behaviour: (_, response) => {
      finish = () => void response.writeHead(200).end();
    },
  });
  const hanging = await startReceiver(t, { behaviour: () => undefined });
  await add({ name: 'polite', url: polite.url });
  await add({ name: 'hanging', url: hanging.url });
  await tell('run.ready', 'run.ready');
  await Promise.all([polite.heard(1), hanging.heard(1)]);
  const drained = deliveries.drain(4000);
  finish();
  for (let look = 0; look < 1000 && !(await states('polite')).includes('delivered'); look += 1) await sleep(5);
  t.same(await states('polite'), ['delivered', 'waiting'], 'the answer is written down, and nothing new begun');
  parts.clock.advance(4000);
  await drained;
  t.same(await states('hanging'), ['waiting', 'waiting']);
  const [cut] = [
    ...(await store.webhooks.deliveries((await store.webhooks.byName('hanging'))?.webhook.id ?? '', { limit: 9 })),
  ].reverse();
  t.match(cut, { tries: 0, failure: undefined }, 'no attempt of theirs');
  t.equal(polite.received.length, 1);
});

t.test('killed at any moment: all that was committed arrives, nothing else, each under one id', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const key = randomBytes(32);
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const id = '0199b6a4-7d4e-7c58-9c3a-0f6f8c1d2e3a';
  const receiver = await startReceiver(t);
  const opened = await openStore({ path, log: silentLog });
  await opened.webhooks.insert({
    ...{
      id,
      name: 'hook',
      revision: 1,
      url: receiver.url,
      events: DEFAULT_EVENTS,
      severities: [],
      ...LOOPBACK,
      ca: undefined,
    },
    ...{ secret: seal(instanceKey(key), `webhook ${id}`, secret, randomBytes), secretAt: 1, oldSecret: undefined },
    ...{ off: undefined, createdAt: 1, createdBy: 'test' },
  });
  await opened.close();
  let committed = 0;
  for (let round = 0; round < 4; round += 1) {
    // In turn: while it writes and delivers freely, and with an answer that does not come, between the request and its result.
    const hold = round % 2 === 1;
    const before = receiver.received.length;
    receiver.behave(hold ? () => undefined : answering(204));
    const child = spawn(
      process.execPath,
      [new URL('../support/webhook-until-killed.ts', import.meta.url).pathname, path],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    child.stdin.end(key.toString('hex'));
    const closed = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface({ input: child.stdout });
    // Counted, not timed: on a busy machine a moment is one event, or none.
    const enough = committed + (hold ? 1 : 5);
    await new Promise<void>((resolve) => {
      lines.on('line', () => {
        committed += 1;
        if (committed === enough) resolve();
      });
    });
    if (hold) await receiver.heard(before + 1);
    else await sleep(20 + round * 17);
    child.kill('SIGKILL');
    await closed;
  }
  receiver.behave(answering(204));
  const store = await openStore({ path, log: silentLog });
  t.teardown(() => store.close());
  const deliveries = startDeliveries(deliveryJourney(store, key), createCourier('0', LIMITS));
  for (let look = 0; look < 3000 && (await store.webhooks.queue()).length > 0; look += 1) await sleep(10);
  await deliveries.drain(0);
  const events = await store.events.since(0, 10_000);
  const kept = await store.webhooks.deliveries(id, { limit: 10_000 });
  t.ok(events.length >= committed && committed >= 12, `${committed} said to be committed, ${events.length} written`);
  t.same(
    kept.map(({ eventId }) => eventId).reverse(),
    events.map((event) => event.id),
    'one delivery for each',
  );
  t.ok(kept.every(({ state }) => state === 'delivered'));
  const idOf = new Map(kept.map((delivery) => [delivery.id, delivery.eventId]));
  const arrived = receiver.received.map((request) => idOf.get(String(request.headers['webhook-id'])));
  t.same(
    [...new Set(arrived)].sort((a, b) => (a ?? 0) - (b ?? 0)),
    events.map((event) => event.id),
    'all arrived, and nothing that did not happen',
  );
  const sample = receiver.received.filter((_, n) => n % 20 === 0);
  for (const request of sample)
    t.equal(request.headers['webhook-signature'], opensslSignature(request, secret), 'signed');
});

t.test('the API: roles, tags, refusals, pages', async (t) => {
  const { parts, store, add, tell, until, states } = await aSite(t);
  const base = `${parts.segment.httpsUrl}/api/v1/webhooks`;
  const token = await parts.token('admin');
  const ask = async (path: string, options: CallOptions = {}) => {
    const answer = await parts.call(`${base}${path}`, { token, ...options });
    return { ...answer, json: answer.text === '' ? undefined : JSON.parse(answer.text) };
  };
  const receiver = await startReceiver(t, { behaviour: answering(400) });
  await add({ url: receiver.url });
  for (const role of ['viewer', 'operator'] as const)
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['GET', '/hook'],
      ['PATCH', '/hook'],
      ['DELETE', '/hook'],
      ['POST', '/hook/rotate'],
      ['POST', '/hook/test'],
      ['GET', '/hook/deliveries'],
      ['POST', '/hook/deliveries/retry'],
      ['DELETE', '/hook/deliveries'],
    ] as const)
      t.equal((await ask(path, { method, token: await parts.token(role) })).status, 403, `${role}: ${method} ${path}`);

  const url = 'https://hooks.example.net/';
  for (const [name, method, path, json, status, code, field] of [
    ['a name with a blank', 'POST', '', { name: 'a b', url }, 400, 'webhook.name', 'name'],
    ['a name that is taken', 'POST', '', { name: 'hook', url }, 409, 'webhook.name-taken', 'name'],
    ['plain HTTP', 'POST', '', { name: 'a', url: 'http://hooks.example.net/' }, 400, 'webhook.url', 'url'],
    ['this host', 'POST', '', { name: 'a', url: 'https://127.0.0.1/' }, 400, 'webhook.url', 'url'],
    ['a password', 'POST', '', { name: 'a', url: 'https://u:p@hooks.example.net/' }, 400, 'webhook.url', 'url'],
    ['no such event', 'POST', '', { name: 'a', url, events: ['run.redy'] }, 400, 'webhook.events', 'events'],
    ['no such secret', 'POST', '', { name: 'a', url, secret: 'none' }, 404, 'secret.unknown', undefined],
    ['no certificate', 'POST', '', { name: 'a', url, ca: 'x' }, 400, 'webhook.ca', 'ca'],
    [
      'a damaged certificate',
      'POST',
      '',
      { name: 'a', url, ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
      400,
      'webhook.ca',
      'ca',
    ],
    [
      'a field that there is not',
      'POST',
      '',
      { name: 'a', url, headers: { 'X-Evil': '1' } },
      400,
      'request.malformed',
      undefined,
    ],
    ['HTTP by a change', 'PATCH', '/hook', { allowHttp: false }, 400, 'webhook.url', 'url'],
    ['no such webhook', 'PATCH', '/none', { enabled: false }, 404, 'webhook.unknown', undefined],
    ['no such delivery', 'POST', '/hook/deliveries/msg_0/retry', undefined, 404, 'webhook.delivery-unknown', undefined],
  ] as const) {
    const answer = await ask(path, { method, ...(json !== undefined && { json }) });
    t.equal(answer.status, status, `${name}: ${answer.text}`);
    if (code !== 'request.malformed') t.match(answer.json, { code, ...(field !== undefined && { field }) }, name);
  }
  t.equal((await store.webhooks.list()).length, 1, 'nothing was written');

  const { headers } = await ask('/hook');
  const tag = String(headers.etag);
  t.equal((await ask('/hook', { headers: { 'if-none-match': tag } })).status, 304);
  const changed = await ask('/hook', { method: 'PATCH', json: { severities: ['good'] }, headers: { 'if-match': tag } });
  t.match(changed.json, { revision: 2, severities: ['good'], events: [...DEFAULT_EVENTS] });
  const late = await ask('/hook', { method: 'PATCH', json: { enabled: false }, headers: { 'if-match': tag } });
  t.match([late.status, late.json.code], [412, 'request.outdated']);
  t.equal((await ask('/hook', { method: 'DELETE', headers: { 'if-match': tag } })).status, 412);

  await tell('run.ready', 'run.ready', 'run.armed', 'run.ready');
  await until('three attempts', async () => receiver.received.length === 3);
  await until('their results', async () => (await store.webhooks.byName('hook'))?.health.failures === 3);
  t.not(String((await ask('/hook')).headers.etag), tag, 'how it goes is part of the answer');
  const seen: string[] = [];
  for (let path: string | undefined = '/hook/deliveries?limit=2&state=waiting'; path !== undefined; ) {
    const page: Awaited<ReturnType<typeof ask>> = await ask(path);
    seen.push(...page.json.items.map(({ id }: { id: string }) => id));
    path = /^<\/api\/v1\/webhooks(.*)>; rel="next"$/.exec(String(page.headers.link))?.[1];
  }
  t.equal(new Set(seen).size, 3, 'each once, in pages; run.armed is not of the severity that is wanted');
  const [newest = ''] = seen;
  t.match((await ask(`/hook/deliveries/${newest}`)).json, {
    payload: { type: 'run.ready' },
    failure: 'answered 400',
    status: 400,
  });

  await store.webhooks.expire(parts.clock.now() + 1, parts.clock.now(), 9);
  receiver.behave(answering(200));
  t.match((await ask(`/hook/deliveries/${newest}/retry`, { method: 'POST' })).json, { state: 'waiting', id: newest });
  await until('one delivered', async () => (await states()).includes('delivered'));
  t.match((await ask('/hook')).json, { waiting: 0, dead: 2, health: 'good' });
  const metrics = parseExposition((await parts.call(`${parts.segment.httpsUrl}/metrics`, { token })).text);
  t.equal(metrics.value('ironwake_webhook_attempts_total', { webhook: 'hook', result: 'failed' }), 3);
  t.equal(metrics.value('ironwake_webhook_attempts_total', { webhook: 'hook', result: 'delivered' }), 1);
  t.equal(metrics.value('ironwake_webhook_deliveries', { webhook: 'hook', state: 'dead' }), 2);
  t.equal(metrics.value('ironwake_webhook_up', { webhook: 'hook' }), 1);
  t.equal((await ask(`/hook/deliveries/${seen[1]}`, { method: 'DELETE' })).status, 204);
  t.same((await ask('/hook/deliveries/retry', { method: 'POST' })).json, { deliveries: 1 });
  await until('the other delivered', async () => all(await states(), 'delivered', 2));
  t.same((await ask('/hook/deliveries', { method: 'DELETE' })).json, { deliveries: 0 });
  t.match((await ask('/hook', { method: 'PATCH', json: { enabled: false } })).json, {
    off: { because: 'asked' },
    health: 'off',
  });
  t.match([(await ask('/hook/test', { method: 'POST' })).json.code], ['webhook.off']);
  t.equal((await ask('/hook', { method: 'DELETE' })).status, 204);
  const actions = (await store.audit.list(100))
    .map(({ action }) => action)
    .filter((action) => action.startsWith('webhook.'));
  t.same(actions.reverse(), [
    'webhook.changed',
    'webhook.changed',
    'webhook.delivery-retried',
    'webhook.delivery-discarded',
    'webhook.deliveries-retried',
    'webhook.deliveries-discarded',
    'webhook.changed',
    'webhook.removed',
  ]);
});

t.test('an administrator tries it on the command line, with the receiver that is there for it', async (t) => {
  const { parts, admin } = await armed(t);
  const { journey } = parts;
  const deliveries = startDeliveries(journey, createCourier('0', LIMITS), () => 0.5);
  t.teardown(() => deliveries.drain(0));
  const cwd = t.testdir();
  writeFileSync(join(cwd, 'token'), admin);
  const here = { cwd, now: () => journey.clock.now(), sleep: (ms: number) => sleep(ms) };
  const server = [
    '--server',
    parts.segment.httpsUrl,
    '--fingerprint',
    journey.identity.fingerprint,
    '--token-file',
    'token',
  ];
  const run = (words: string) => typed([...words.split(' '), ...server], here);

  const receiving = Promise.withResolvers<string>();
  const secretFile = join(cwd, 'secret');
  writeFileSync(secretFile, `whsec_${Buffer.alloc(32, 9).toString('base64')}\n`);
  const receiver = typed(['webhook', 'receive', '--secret-file', 'secrets', '--port', '0', '--count', '3'], {
    ...here,
    err: (text) => receiving.resolve(text),
  }).catch((error: unknown) => error);
  t.match(await receiving.promise, /secrets cannot be read \(ENOENT\)/, 'a file that is not there is named');
  await receiver;

  const none = await run('webhook add try --url http://127.0.0.1:9/ --out secret');
  t.match(none, { status: 1, err: /url: plain HTTP shows every event .*--allow-http/ });
  const listening = Promise.withResolvers<string>();
  const first = typed(['webhook', 'receive', '--secret-file', 'secret', '--port', '0', '--count', '1', '--json'], {
    ...here,
    err: (text) => listening.resolve(text),
  });
  const url = /http:\S+/.exec(await listening.promise)?.[0] ?? '';
  const added = await run(
    `webhook add try --url ${url} --allow-http --allow-loopback --event run.* --event node.* --out mine`,
  );
  t.match(added, { status: 0, out: /^webhook try is sent run\.\*, node\.\*; its secret is in .*mine\nTry it: / });
  const refused = await run('webhook test try');
  t.match(refused, { status: 1, out: /^not delivered msg_\w+: answered 401\n$/ }, 'the receiver has another secret');
  const other = await first;
  t.match(JSON.parse(other.out), { verdict: 'wrong-signature', payload: null });
  t.equal(other.status, 1);

  const again = Promise.withResolvers<string>();
  const second = typed(['webhook', 'receive', '--secret-file', 'mine', '--port', '0', '--count', '3'], {
    ...here,
    err: (text) => again.resolve(text),
  });
  const moved = /http:\S+/.exec(await again.promise)?.[0] ?? '';
  t.match(await run(`webhook set try --url ${moved}`), { status: 0, out: /url +http:\/\/127\.0\.0\.1/ });
  const tried = await run('webhook test try');
  t.match(tried, { status: 0, out: /^delivered msg_\w+: answered 204\n$/ });
  const [running] = await journey.store.runs.active();
  const node = await journey.store.nodes.byId(running?.nodeId ?? '');
  if (node !== undefined) await cancelRun(journey, node, 'somebody');
  const heard = await second;
  t.equal(heard.status, 0);
  t.match(heard.out, /^msg_\w+ \S+ webhook\.test admin tries the webhook try$/m);
  t.match(heard.out, /^msg_\w+ \S+ run\.cancelled pve1\.lab\.example installation cancelled by somebody$/m);

  t.match(await run('webhook list'), { status: 0, out: /^try +(good|failing \(\d+\)) +\d+ +0 .*run\.\*, node\.\*$/m });
  t.match(await run('webhook deliveries try --state delivered'), {
    status: 0,
    out: /run\.cancelled +delivered +1 +204/,
  });
  t.match(await run('webhook deliveries try --state dead'), { status: 0, out: 'There is none.\n' });
  t.match(await run('webhook retry try'), { status: 1, err: /one delivery or all/ });
  t.match(await run('webhook retry try --all'), { status: 0, out: '0 deliveries are sent again\n' });
  t.match(await run('webhook discard try --all --yes'), { status: 0, out: '0 deliveries were thrown away\n' });
  t.match(await run('webhook disable try'), { status: 0, out: /is off/ });
  t.match(await run('webhook show try'), { out: /health +off/ });
  t.match(await run('webhook enable try'), { status: 0, out: /is on/ });
  t.match(await run('webhook rotate try --overlap 0'), { status: 0, out: /^whsec_\S+\n$/, err: /not shown again/ });
  t.match(await run('webhook rm try --yes'), { status: 0, out: /removed webhook try/ });
});
