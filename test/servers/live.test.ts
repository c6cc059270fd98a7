/** The live stream, the measurements and the health of the daemon, over real sockets. */

import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import t, { type Test } from 'tap';
import { parseEventStream, type WireEvent } from '../../src/api/event-stream.ts';
import { armNode, cancelRun } from '../../src/journey/arm.ts';
import { observe } from '../../src/journey/observe.ts';
import { addNode } from '../../src/journey/registry.ts';
import { parseExposition } from '../support/exposition.ts';
import { NODE_AT, NODE_MAC, type Parts, STRANGER_AT, startParts } from '../support/parts.ts';

async function aSite(t: Test) {
  const parts = await startParts();
  // Time passes by itself here: the streams have timers of their own.
  const ticking = setInterval(() => parts.clock.advance(200), 20);
  t.teardown(async () => {
    clearInterval(ticking);
    await parts.close();
  });
  const node = await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  const other = await addNode(parts.journey, {
    macs: ['bc:24:11:00:00:02'],
    fqdn: 'pve2.lab.example',
    profile: 'default',
  });
  return { parts, node, other, viewer: await parts.token('viewer') };
}

function open(parts: Parts, token: string, query = '', headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${parts.segment.httpsUrl}/api/v1/events/stream${query}`, {
      rejectUnauthorized: false,
      agent: false,
      headers: { Authorization: `Bearer ${token}`, ...headers },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      response.on('error', () => {});
      resolve(response);
    });
    outgoing.end();
  });
}

/** Reads until `enough` says so, then hangs up. */
async function read(
  response: IncomingMessage,
  enough: (events: readonly WireEvent[]) => boolean,
): Promise<WireEvent[]> {
  const events: WireEvent[] = [];
  for await (const event of parseEventStream(response)) {
    events.push(event);
    if (enough(events)) break;
  }
  response.destroy();
  return events;
}

const timeline = (events: readonly WireEvent[]): readonly WireEvent[] =>
  events.filter(({ type }) => type === 'timeline');
const codes = (events: readonly WireEvent[]): readonly string[] =>
  timeline(events).map(({ data }) => JSON.parse(data).code);

t.test('what happens from now on, with the ids of the store', async (t) => {
  const { parts, node, viewer } = await aSite(t);
  const response = await open(parts, viewer);
  t.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
  const before = await parts.journey.store.events.lastId();
  const run = await armNode(parts.journey, node, { by: 'admin' });
  const reading = read(response, (events) => timeline(events).length >= 2);
  await observe(parts.journey, run.id, {
    kind: 'firmware-asked',
    signal: 'discover',
    arch: 'bios',
    stage: 'PXE',
    interfaceName: 'lo',
  });
  const events = await reading;
  t.strictSame(codes(events), ['run.armed', 'boot.firmware-asked'], 'nothing of what was before');
  t.strictSame(
    timeline(events).map(({ id }) => Number(id)),
    [before + 1, before + 2],
  );
});

t.test('resumed by Last-Event-ID: nothing twice, nothing missing, however often', async (t) => {
  const { parts, node, viewer } = await aSite(t);
  for (let n = 0; n < 30; n += 1) {
    await armNode(parts.journey, node, { by: `admin ${n}` });
    await cancelRun(parts.journey, node, 'admin');
  }
  const last = await parts.journey.store.events.lastId();
  const seen: number[] = [];
  let cursor = 0;
  while (cursor < last) {
    const part = await read(
      await open(parts, viewer, '', { 'Last-Event-ID': String(cursor) }),
      (events) => timeline(events).length >= 7 || Number(timeline(events).at(-1)?.id) === last,
    );
    seen.push(...timeline(part).map(({ id }) => Number(id)));
    cursor = seen.at(-1) ?? 0;
  }
  t.strictSame(
    seen,
    Array.from({ length: last }, (_, n) => n + 1),
  );
});

for (const [name, query, header] of [
  ['of a store that was newer than the backup which was restored', '', '999999999999'],
  ['the same, asked by after', '?after=999999999', undefined],
  ['no number', '', 'abc'],
  ['negative', '', '-1'],
  ['longer than any', '', '9'.repeat(40)],
] as const) {
  t.test(`a Last-Event-ID that cannot be (${name}) costs nothing of what happens from now on`, async (t) => {
    const { parts, node, viewer } = await aSite(t);
    const response = await open(parts, viewer, query, header === undefined ? {} : { 'Last-Event-ID': header });
    t.equal(response.statusCode, 200);
    const before = await parts.journey.store.events.lastId();
    const reading = read(response, (events) => timeline(events).length >= 1);
    await armNode(parts.journey, node, { by: 'admin' });
    const [first] = timeline(await reading);
    t.equal(Number(first?.id), before + 1);
  });
}

t.test('one node only, and its state beside the events', async (t) => {
  const { parts, node, other, viewer } = await aSite(t);
  const response = await open(parts, viewer, '?node=pve1&after=0');
  await armNode(parts.journey, other, { by: 'admin' });
  const run = await armNode(parts.journey, node, { by: 'admin' });
  const reading = read(response, (events) =>
    events.some(({ type, data }) => type === 'run' && JSON.parse(data).run.state === 'cancelled'),
  );
  await observe(parts.journey, run.id, {
    kind: 'image-requested',
    source: { address: '127.0.0.2' as never, interfaceName: 'lo', mac: NODE_MAC },
    totalBytes: 1000,
  });
  await cancelRun(parts.journey, node, 'admin');
  const events = await reading;
  t.strictSame(codes(events), ['node.registered', 'run.armed', 'run.cancelled']);
  const frames = events.filter(({ type }) => type === 'run').map(({ data }) => JSON.parse(data));
  t.ok(frames.every((frame) => frame.node.fqdn === 'pve1.lab.example'));
  t.match(frames.at(-1), { run: { state: 'cancelled', ended: true }, waiting: null });
  t.notMatch(JSON.stringify(frames), /sealed|\$6\$/, 'nothing secret');
});

t.test('silence is broken by a heartbeat; a token that was taken away ends the stream', async (t) => {
  const { parts } = await aSite(t);
  const token = await parts.token('viewer', parts.clock.now() + 40_000);
  const response = await open(parts, token);
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  t.match(text, /: still here\n\n/);
  t.pass('ended when the token had run out');
});

t.test('refused: no token, an unknown node', async (t) => {
  const { parts, viewer } = await aSite(t);
  t.equal((await open(parts, 'wrong')).statusCode, 401);
  t.equal((await open(parts, viewer, '?node=nobody')).statusCode, 404);
});

t.test('a client that takes nothing is let go, and costs no memory until then', async (t) => {
  const { parts, node, viewer } = await aSite(t);
  const filler = 'x'.repeat(20_000);
  for (let n = 0; n < 40; n += 1) {
    await parts.journey.store.events.append(
      Array.from({ length: 25 }, () => ({
        at: parts.clock.now(),
        mac: NODE_MAC,
        nodeId: node.id,
        runId: undefined,
        code: 'refused' as const,
        data: { what: filler },
      })),
    );
  }
  const response = await open(parts, viewer, '?after=0');
  response.pause();
  const gone = new Promise<void>((resolve) => response.socket.once('close', resolve));
  const metric = async () =>
    parseExposition((await parts.call(`${parts.segment.httpsUrl}/metrics`, { token: viewer })).text).value(
      'ironwake_event_streams',
    );
  t.equal(await metric(), 1);
  // The kernel takes some; the rest waits in the store, and patience ends.
  while ((await metric()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  response.destroy();
  await gone;
});

t.test('/metrics: strict format, names by the conventions, numbers that move', async (t) => {
  const { parts, node, viewer } = await aSite(t);
  const url = `${parts.segment.httpsUrl}/metrics`;
  t.equal((await parts.call(url)).status, 401, 'not for strangers');
  await armNode(parts.journey, node, { by: 'admin' });
  const mac = NODE_MAC.replaceAll(':', '-');
  await parts.call(`${parts.segment.httpUrl}/boot/script/${mac}`, { from: STRANGER_AT });
  await parts.call(`${parts.segment.httpUrl}/boot/script/${mac}`, { from: NODE_AT });
  await parts.call(`${parts.segment.httpUrl}/boot/loaders/undionly.kpxe`, { from: NODE_AT });
  const reply = await parts.call(url, { token: viewer });
  t.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const metrics = parseExposition(reply.text);
  t.equal(metrics.value('ironwake_runs', { state: 'booting', contested: 'false' }), 1);
  t.equal(metrics.value('ironwake_refusals_total', { reason: 'wrong-mac' }), 1);
  t.equal(metrics.value('ironwake_served_bytes_total', { protocol: 'http' }), 70_000);
  t.equal(metrics.value('ironwake_dhcp_packets_total', { verdict: 'answered' }), 3);
  t.equal(metrics.value('ironwake_run_state_duration_seconds_count', { state: 'armed' }), 1);
  await cancelRun(parts.journey, node, 'admin');
  const after = parseExposition((await parts.call(url, { token: viewer })).text);
  t.equal(after.value('ironwake_runs_ended_total', { state: 'cancelled', failure: '' }), 1);
  t.equal(after.value('ironwake_run_duration_seconds_count', { state: 'cancelled' }), 1);
  t.notMatch(reply.text, /bc:24|pve1|127\.0/i, 'no machine, no address');
});

t.test('/healthz and /readyz, with and without a database that can be written', async (t) => {
  const { parts } = await aSite(t);
  for (const base of [parts.segment.httpUrl, parts.segment.httpsUrl]) {
    t.strictSame(JSON.parse((await parts.call(`${base}/healthz`)).text), { alive: true });
    t.strictSame(JSON.parse((await parts.call(`${base}/readyz`)).text), { ready: true });
  }
  await parts.journey.store.close();
  // The last probe is remembered for some seconds, so that strangers cannot order writes.
  parts.clock.advance(10_000);
  const reply = await parts.call(`${parts.segment.httpUrl}/readyz`);
  t.equal(reply.status, 503);
  t.strictSame(JSON.parse(reply.text), { ready: false, missing: ['database'] });
  t.equal((await parts.call(`${parts.segment.httpUrl}/healthz`)).status, 200);
});

t.test('runs of a node, and one more like the last', async (t) => {
  const { parts, node, viewer } = await aSite(t);
  const operator = await parts.token('operator');
  const base = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  const retry = () => parts.call(`${base}/retry`, { token: operator, json: {} });
  t.match(JSON.parse((await retry()).text), { status: 409, code: 'run.never' });
  const first = await armNode(parts.journey, node, { by: 'admin', expiresMinutes: 17 });
  t.match(JSON.parse((await retry()).text), { status: 409, code: 'run.active' });
  await cancelRun(parts.journey, node, 'admin');
  t.equal((await parts.call(`${base}/retry`, { token: viewer, json: {} })).status, 403);
  const reply = await retry();
  t.equal(reply.status, 201);
  const { run } = JSON.parse(reply.text);
  t.not(run.id, first.id);
  t.equal(run.mediaId, first.mediaId);
  t.equal(Date.parse(run.deadlineAt) - Date.parse(run.armedAt), 17 * 60_000, 'the same time to live');
  const all = JSON.parse((await parts.call(`${base}/runs`, { token: viewer })).text).items;
  t.strictSame(
    all.map((one: { id: string; state: string }) => [one.id, one.state]),
    [
      [run.id, 'armed'],
      [first.id, 'cancelled'],
    ],
  );
});
