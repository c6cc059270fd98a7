/** What a stranger may try against an installation over real sockets: each is refused, and the timeline says what it was. */
import t from 'tap';
import { observe } from '../../src/journey/observe.ts';
import { startSweep } from '../../src/journey/sweep.ts';
import { tokenOf } from '../../src/journey/tokens.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { REPEATABLE_CODES } from '../../src/runs/events.ts';
import type { Run } from '../../src/runs/run.ts';
import { armed, hostKey, install, loadImage, SYSTEM, webhookOf } from '../support/machine.ts';
import { NODE_AT, NODE_MAC, type Parts, SPOOFER_AT, STRANGER_AT, STRANGER_MAC } from '../support/parts.ts';

async function activeRun(parts: Parts): Promise<Run> {
  const [run] = await parts.journey.store.runs.active();
  if (run === undefined) throw new Error('no run is active');
  return run;
}

t.test('two claims at the same moment: exactly one gets the answer', async (t) => {
  for (const from of [NODE_AT, SPOOFER_AT]) {
    const { parts, codes, state } = await armed(t);
    const url = await loadImage(parts);
    const replies = await Promise.all([
      parts.call(url, { body: SYSTEM }),
      ...Array.from({ length: 7 }, () => parts.call(url, { body: SYSTEM, from })),
    ]);
    t.same(replies.map(({ status }) => status).sort(), [200, ...Array(7).fill(403)], `the others from ${from}`);
    t.match(await state(), /contested$/);
    t.equal((await codes()).filter((code) => code === 'installer.answer-served').length, 1);
  }
});

t.test('a replay of the claim, and what follows it', async (t) => {
  const { parts, state } = await armed(t);
  const url = await loadImage(parts);
  const { node, prove } = await install(t, parts, url);
  t.equal((await parts.call(url, { body: SYSTEM })).status, 403, 'the same request once more');
  t.equal(await state(), 'installed contested');
  t.equal((await prove()).status, 403, 'nothing more is released, to nobody');
  t.equal((await parts.call(`${node}/plan`, { token: 'iwn_x_y' })).status, 401);
});

t.test("another run's token", async (t) => {
  const { parts, admin } = await armed(t);
  const api = `${parts.segment.httpsUrl}/api/v1`;
  const mine = await loadImage(parts);
  const other = { mac: STRANGER_MAC, fqdn: 'pve2.lab.example', profile: 'default' };
  await parts.call(`${api}/nodes`, { token: admin, json: other });
  await parts.call(`${api}/nodes/pve2/install`, { token: admin, json: {} });
  // The machine next to it, armed as well, shows the token that it has read off the wire.
  t.equal((await parts.call(mine, { body: SYSTEM, from: STRANGER_AT })).status, 403);
  const runs = await parts.journey.store.runs.active();
  t.same(
    runs.map(({ contested }) => contested).sort(),
    [false, true],
    'the run of the token is contested, its own is as it was',
  );
});

t.test('steps out of order', async (t) => {
  for (const [step, path, body] of [
    ['answer', 'answer', SYSTEM],
    ['hook', 'first-boot', undefined],
    ['webhook', 'webhook', webhookOf('ssh-ed25519 AAAA')],
  ] as const) {
    const { parts, codes, state } = await armed(t);
    const token = tokenOf(parts.journey, await activeRun(parts), step);
    const url = `${parts.segment.httpsUrl}/installer/${token}/${path}`;
    t.equal((await parts.call(url, body === undefined ? {} : { body })).status, 403, `${step} of an armed run`);
    t.equal(await state(), 'armed contested');
    t.ok((await codes()).includes('run.contested'));
  }
});

t.test('an expired run', async (t) => {
  const { parts, state } = await armed(t);
  const sweep = startSweep(parts.journey);
  t.teardown(() => sweep.stop());
  const url = await loadImage(parts);
  for (let minute = 0; minute < 62; minute += 1) {
    parts.clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < 3000 && (await state()) !== 'expired'; i += 1) await new Promise((r) => setTimeout(r, 10));
  t.equal(await state(), 'expired');
  t.equal((await parts.call(url, { body: SYSTEM })).status, 403);
  const image = url.replace(/^https.*installer/, `${parts.segment.httpUrl}/boot`).replace(/answer$/, 'initrd.img');
  t.equal((await parts.call(image)).status, 403);
});

t.test('a forged webhook', async (t) => {
  await t.test('with the token, from elsewhere', async (t) => {
    const { parts, state } = await armed(t);
    const url = await loadImage(parts);
    await parts.call(url, { body: SYSTEM });
    const token = tokenOf(parts.journey, await activeRun(parts), 'webhook');
    const forged = { body: webhookOf('ssh-ed25519 AAAA'), from: STRANGER_AT };
    t.equal((await parts.call(`${parts.segment.httpsUrl}/installer/${token}/webhook`, forged)).status, 403);
    t.equal(await state(), 'claimed contested');
    t.equal((await activeRun(parts)).data.hostKeys, undefined, 'no key of his is believed');
  });
  await t.test('another one after the true one', async (t) => {
    const { parts, state } = await armed(t);
    const { key } = await install(t, parts, await loadImage(parts));
    const token = tokenOf(parts.journey, await activeRun(parts), 'webhook');
    const forged = { body: webhookOf('ssh-ed25519 AAAA') };
    t.equal((await parts.call(`${parts.segment.httpsUrl}/installer/${token}/webhook`, forged)).status, 403);
    t.equal(await state(), 'installed contested');
    const believed = (await activeRun(parts)).data.hostKeys?.ed25519 ?? '?';
    t.ok(key.publicKey.startsWith(believed), 'the first one stays');
  });
});

t.test('a forged proof of the host key', async (t) => {
  const { parts, refusals } = await armed(t);
  const { runId, key, node, prove } = await install(t, parts, await loadImage(parts));
  const ask = async () => JSON.parse((await parts.call(`${node}/challenge`, { json: { run: runId } })).text).nonce;
  const claim = (nonce: string, signature: string, from = NODE_AT) =>
    parts.call(`${node}/credential`, { json: { run: runId, nonce, signature }, from });
  const directory = t.testdir();
  const stranger = hostKey(directory);
  const nonce = await ask();
  t.equal((await claim(nonce, await stranger.sign(nonce))).status, 403, 'by another key');
  t.equal((await claim(`${nonce}x`, await key.sign(`${nonce}x`))).status, 403, 'over a nonce of his own');
  t.equal((await claim(nonce, await key.sign(nonce), STRANGER_AT)).status, 403, 'right, but from elsewhere');
  t.equal((await claim(nonce, 'no signature')).status, 403);
  parts.clock.advance(11 * 60_000);
  t.equal((await claim(nonce, await key.sign(nonce))).status, 403, 'a nonce that is too old');
  t.same([...new Set(await refusals())].sort(), ['bad-signature', 'wrong-mac']);
  t.equal((await prove()).status, 200, 'and the node itself is let in');
});

t.test('guessing tokens of the API', async (t) => {
  const { parts, admin } = await armed(t);
  const url = `${parts.segment.httpsUrl}/api/v1/status`;
  const fresh = await parts.token('viewer');
  const statuses = [];
  for (let i = 0; i < 25; i += 1) statuses.push((await parts.call(url, { token: `iw_guess${i}` })).status);
  t.same(statuses, [...Array(20).fill(401), ...Array(5).fill(429)]);
  t.equal((await parts.call(url, { token: fresh })).status, 429, 'a right guess is not told from a wrong one');
  t.equal((await parts.call(url, { token: admin })).status, 200, 'who was let in from there before is not locked out');
  t.equal((await parts.call(url, { token: fresh, from: STRANGER_AT })).status, 200, 'nor is anybody elsewhere');
  parts.clock.advance(60_001);
  t.equal((await parts.call(url, { token: fresh })).status, 200, 'and it ends');
});

t.test('a token that keeps asking beyond its role', async (t) => {
  const { parts } = await armed(t);
  const viewer = await parts.token('viewer');
  const url = `${parts.segment.httpsUrl}/api/v1`;
  const statuses = [];
  for (let i = 0; i < 32; i += 1) statuses.push((await parts.call(`${url}/tokens`, { token: viewer })).status);
  t.same(statuses, [...Array(30).fill(403), ...Array(2).fill(429)]);
  t.equal((await parts.call(`${url}/status`, { token: viewer })).status, 200, 'what it may do it still may');
});

t.test('made-up step tokens by the dozen', async (t) => {
  const { parts } = await armed(t);
  const { httpUrl, httpsUrl } = parts.segment;
  const made = `${'A'.repeat(22)}.${'A'.repeat(43)}`;
  const urls = [
    `${httpUrl}/boot/${made}/initrd.img`,
    `${httpsUrl}/installer/${made}/first-boot`,
    `${httpsUrl}/node/v1/plan`,
  ];
  const statuses = new Map<number, number>();
  for (let i = 0; i < 66; i += 1) {
    const { status } = await parts.call(urls[i % 3] ?? '', { from: STRANGER_AT });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  t.same([...statuses].sort(), [
    [401, 20],
    [403, 40],
    [429, 6],
  ]);
  for (const url of [
    `${httpUrl}/%62oot/${made}/initrd.img`,
    `${httpUrl}//boot//${made}/initrd.img`,
    `${httpsUrl}/%69nstaller/${made}/first-boot`,
    `${httpsUrl}/n%6fde/v1/plan`,
    `${httpsUrl}/node/v1/plan?a=b`,
  ])
    t.equal((await parts.call(url, { from: STRANGER_AT })).status, 429, `written in another way: ${url.slice(0, 40)}`);
  const elsewhere = await parts.call(`${httpsUrl}/n%6fde/v1/challenge`, { json: { run: 'x' }, from: STRANGER_AT });
  t.equal(elsewhere.status, 429, 'also where the body says which run is meant');
  t.equal((await parts.call(await loadImage(parts), { body: SYSTEM })).status, 200, 'the machine is not held up');
  t.equal((await parts.call(`${httpsUrl}/readyz`, { from: STRANGER_AT })).status, 200);
});

t.test('a stranger behind the same gateway cannot shut the machine out', async (t) => {
  const { parts, state } = await armed(t);
  const { httpUrl, httpsUrl } = parts.segment;
  const made = `${'A'.repeat(22)}.${'A'.repeat(43)}`;
  // The stranger has the machine's address, as everybody behind one gateway has.
  const flood = async (): Promise<void> => {
    for (let i = 0; i < 61; i += 1) await parts.call(`${httpUrl}/boot/${made}/initrd.img`);
    for (const url of [
      `${httpUrl}/boot/${made}/linux26`,
      `${httpUrl}/boot/script/02-00-00-00-66-66`,
      `${httpsUrl}/installer/${made}/webhook`,
      `${httpsUrl}/node/v1/plan`,
    ])
      t.equal((await parts.call(url)).status, 429, 'made up: shut out');
    for (const path of ['challenge', 'credential'])
      t.equal(
        (await parts.call(`${httpsUrl}/node/v1/${path}`, { json: { run: '0'.repeat(36) } })).status,
        429,
        'a made-up run: shut out',
      );
  };
  await flood();
  const url = await loadImage(parts);
  t.equal((await parts.call(url.replace(/installer.*/, 'installer/answer'), { body: SYSTEM })).status, 429);
  const { node, runId, credential } = await install(t, parts, url);
  t.equal(await state(), 'installed', 'script, image, answer, hook and report of the run went through');
  const token = await credential();
  t.equal((await parts.call(`${node}/plan`, { token })).status, 200, 'and so did the proof of the host key');
  t.equal((await parts.call(`${node}/challenge`, { json: { run: runId } })).status, 200);
  await parts.call(`${httpsUrl}/api/v1/nodes/pve1/cancel`, { token: await parts.token('admin'), method: 'POST' });
  t.equal(
    (await parts.call(`${node}/plan`, { token })).status,
    429,
    'when nothing is waited for, nothing goes through',
  );
});

t.test('forged packets and refused requests push no alarm out of sight', async (t) => {
  const { parts, admin } = await armed(t);
  const { journey, segment } = parts;
  const run = await activeRun(parts);
  await observe(journey, run.id, { kind: 'contest', reason: 'second-claim', address: '127.0.0.3' as Ipv4 });
  const rows = Array.from({ length: 700 }, (_, n) => ({
    ...{ at: n, mac: NODE_MAC, nodeId: run.nodeId, runId: run.id, data: {} },
    code: REPEATABLE_CODES[n % REPEATABLE_CODES.length] ?? 'refused',
  }));
  await journey.store.events.append(rows);
  const { timeline } = JSON.parse((await parts.call(`${segment.httpsUrl}/api/v1/nodes/pve1`, { token: admin })).text);
  const ids: number[] = timeline.map(({ id }: { id: number }) => id);
  t.same(
    timeline.slice(0, 3).map(({ code }: { code: string }) => code),
    ['node.registered', 'run.armed', 'run.contested'],
  );
  t.equal(timeline.length, 503);
  t.same(
    ids,
    [...new Set(ids)].sort((a, b) => a - b),
    'each once, in order',
  );
});
