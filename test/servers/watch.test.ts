/** A node that is ready is watched: what it says of itself, an order to apply, and who may not say anything. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ManualClock } from '../../src/clock.ts';
import { MAX_REPORTS_OF_ORDER, ORDER_MS } from '../../src/nodes/watch.ts';
import type { ProfileRegistry } from '../../src/profiles/registry.ts';
import { armed, install, loadImage } from '../support/machine.ts';
import { PROFILE, STRANGER_AT } from '../support/parts.ts';

t.test('from ready on', async (t) => {
  const { parts, admin, codes, state } = await armed(t);
  const { runId: run, node, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  const clock = parts.journey.clock as ManualClock;
  const post = (path: string, json: object, from?: string) =>
    parts.call(`${node}/${path}`, { token, json: { run, ...json }, ...(from !== undefined && { from }) });
  const api = async (path: string, method = 'GET') => {
    const answer = await parts.call(`${parts.segment.httpsUrl}/api/v1${path}`, {
      token: admin,
      method,
      ...(method === 'POST' && { json: {} }),
    });
    return { status: answer.status, body: JSON.parse(answer.text) };
  };
  let seq = 0;
  const report = (module: string, step: string, result: string) => ({
    ...{ seq: ++seq, module, step, result, startedAt: 1, durationMs: 5, output: '', detail: '' },
  });
  const whole = (module: string, first = 'changed') => [
    report(module, 'apply', first),
    report(module, 'verify', 'ok'),
    report(module, 'reapply', 'unchanged'),
  ];
  t.equal((await parts.call(`${node}/plan`, { token })).status, 200);
  t.equal((await post('watch', {})).status, 410, 'not before it is ready');
  t.match(await api('/nodes/pve1/plan/apply', 'POST'), { status: 409, body: { code: 'plan.not-kept' } });
  t.equal(
    (await post('reports', { reports: ['repositories', 'admin-user', 'ssh'].flatMap((m) => whole(m)) })).status,
    200,
  );
  t.equal((await post('finished', { result: 'ok' })).status, 200);
  t.equal(await state(), 'ready');

  const asked = await post('watch', {});
  t.match(JSON.parse(asked.text), { order: 'none', pins: /^sha256\/\/\S+$/ });
  const differences = [{ what: 'MaxAuthTries', expected: '4', found: '20' }];
  const look = (result: 'ok' | 'failed') => ({
    verifications: [
      {
        module: 'ssh',
        result,
        detail: result === 'ok' ? '' : 'MaxAuthTries: expected 4, found 20',
        ...(result === 'failed' && { differences }),
      },
    ],
    packages: ['openssh-server 1:9.2 -> 1:9.3'],
  });
  let woken = 0;
  const listening = parts.journey.changes.listen(() => {
    woken += 1;
  });
  t.teardown(listening);
  t.equal((await post('watch', look('failed'))).status, 200);
  t.not(woken, 0, 'who follows events is told');
  t.equal((await post('watch', look('failed'))).status, 429, 'once a minute');
  t.equal((await post('watch', {})).status, 200, 'it may ask at any time');
  clock.advance(60_000);
  t.equal((await post('watch', look('failed'))).status, 200, 'again');
  t.match((await api('/nodes/pve1/drift')).body, {
    drift: [{ module: 'ssh', differences, packages: ['openssh-server 1:9.2 -> 1:9.3'] }],
  });
  t.match((await api('/drift')).body.items, [{ node: 'pve1.lab.example', drift: [{ module: 'ssh' }] }]);
  t.equal((await codes()).filter((code) => code === 'drift.found').length, 1, 'said once');
  t.match((await api('/nodes/pve1')).body.timeline.at(-1).text, /ssh no longer holds.*openssh-server 1:9.2 -> 1:9.3/);

  clock.advance(60_000);
  const invented = ['constructor', 'nonsense'].map((module) => ({ module, result: 'failed', detail: 'x' }));
  t.equal((await post('watch', { verifications: [...look('failed').verifications, ...invented] })).status, 200);
  t.strictSame(
    (await api('/drift')).body.items[0].drift.map(({ module }: { module: string }) => module),
    ['ssh'],
    'what the node invents is no module',
  );

  await t.test('an order: told, fetched, reported, and the drift is over', async (t) => {
    writeFileSync(join(parts.directory, 'default.yaml'), PROFILE.replace('ssh: {}', 'ssh: { maxAuthTries: 2 }'));
    await (parts.journey.profiles as ProfileRegistry).reload();
    t.equal((await parts.call(`${node}/plan`, { token })).status, 410, 'nothing to fetch without an order');
    const probed = async () => [
      (await parts.call(`${node}/probe-key`, { token })).status,
      (await post('probe', { checks: ['ssh'] })).status,
    ];
    t.strictSame(await probed(), [410, 410], 'nothing to probe either');
    t.match(await api('/nodes/pve1/plan/apply', 'POST'), { status: 202, body: { ordered: { fetchedAt: null } } });
    t.strictSame(await probed(), [410, 410], 'ordered, not fetched');
    t.match(JSON.parse((await post('watch', {})).text), { order: 'apply' });
    const plan = await parts.call(`${node}/plan`, { token });
    t.match(plan.text, 'MaxAuthTries 2', 'the profile as it is now');
    t.match(JSON.parse((await post('watch', {})).text), { order: 'apply' }, 'the transfer may have been lost');
    t.equal((await parts.call(`${node}/plan`, { token })).status, 200, 'fetched again');
    const reports = ['repositories', 'admin-user', 'ssh'].flatMap((m) => whole(m, 'unchanged'));
    t.equal((await post('reports', { reports })).status, 200);
    t.equal((await post('reports', { reports })).status, 200, 'repeated');
    t.match(JSON.parse((await post('watch', {})).text), { order: 'none' }, 'under way');
    t.equal((await parts.call(`${node}/plan`, { token })).status, 410, 'it has the plan: nobody fetches it again');
    t.match(JSON.parse((await post('probe', { checks: ['ssh'] })).text), { result: 'ok' });
    t.strictSame(await probed(), [200, 200], 'ssh and firewall come through it');
    t.equal((await post('finished', { result: 'ok' })).status, 200);
    t.strictSame(await probed(), [410, 410], 'over');
    t.equal(await state(), 'ready');
    const { body } = await api('/nodes/pve1/drift');
    t.match(body, { ordered: null, applied: { result: 'ok' } });
    t.same(body.drift, []);
    t.equal((await api('/nodes/pve1/plan/diff')).body.changes.length, 0, 'it is the last plan now');
    const seen = await codes();
    t.equal(seen.filter((code) => code === 'plan.step').length, 18, 'each step once');
    t.ok(seen.includes('plan.applied'));
    t.equal((await api('/nodes/pve1/reports')).body.items.length, 18);
  });

  await t.test('it says ok and nothing proves it', async (t) => {
    await api('/nodes/pve1/plan/apply', 'POST');
    await parts.call(`${node}/plan`, { token });
    t.equal((await post('finished', { result: 'ok' })).status, 200);
    t.match((await api('/nodes/pve1/drift')).body, { applied: { result: 'failed' } });
  });

  await t.test('an order of yesterday is void', async (t) => {
    await api('/nodes/pve1/plan/apply', 'POST');
    await parts.call(`${node}/plan`, { token });
    clock.advance(ORDER_MS);
    t.match(JSON.parse((await post('watch', {})).text), { order: 'none' });
    t.equal((await parts.call(`${node}/plan`, { token })).status, 410);
    t.equal((await parts.call(`${node}/probe-key`, { token })).status, 410);
    t.equal((await post('reports', { reports: whole('ssh') })).status, 410);
    await post('finished', { result: 'ok' });
    t.match((await api('/nodes/pve1/drift')).body, { ordered: { fetchedAt: String } }, 'its end ends nothing');
    t.match(await api('/nodes/pve1/plan/apply', 'POST'), { status: 202 }, 'ordered anew');
    t.match(JSON.parse((await post('watch', {})).text), { order: 'apply' });
    await parts.call(`${node}/plan`, { token });
    t.equal((await post('finished', { result: 'failed' })).status, 200);
  });

  await t.test('more reports than any plan has', async (t) => {
    await api('/nodes/pve1/plan/apply', 'POST');
    await parts.call(`${node}/plan`, { token });
    const known = await parts.journey.store.watches.of((await parts.journey.store.nodes.list())[0]?.id ?? '');
    if (known?.application === undefined) return t.fail('no order');
    const reported = MAX_REPORTS_OF_ORDER - 1;
    await parts.journey.store.watches.put({ ...known, application: { ...known.application, reported } });
    t.equal((await post('reports', { reports: [report('ssh', 'apply', 'ok')] })).status, 200, 'the last one');
    t.equal((await post('reports', { reports: [report('ssh', 'verify', 'ok')] })).status, 409);
    t.equal((await post('finished', { result: 'failed' })).status, 200);
  });

  await t.test('a profile that has come to want a confirmation gives no secret to a node that had none', async (t) => {
    const profile = (text: string) => {
      writeFileSync(join(parts.directory, 'default.yaml'), text);
      return (parts.journey.profiles as ProfileRegistry).reload();
    };
    const secrets = `${parts.segment.httpsUrl}/api/v1/secrets/ops`;
    await parts.call(secrets, { token: admin, method: 'PUT', json: { value: 'Very-secret-Passw0rd' } });
    const withPassword = PROFILE.replace('name: admin,', 'name: admin, password: { secret: ops },');
    const refused = { status: 409, body: { code: 'plan.not-confirmed' } };
    await profile(`${withPassword}install: { release: confirm }\n`);
    t.match(await api('/nodes/pve1/plan/apply', 'POST'), refused);
    await profile(withPassword);
    t.match(await api('/nodes/pve1/plan/apply', 'POST'), { status: 202 });
    await profile(`${withPassword}install: { release: confirm }\n`);
    const fetched = await parts.call(`${node}/plan`, { token });
    t.equal(fetched.status, 409, 'changed between order and fetch');
    t.notMatch(fetched.text, 'Very-secret');
    await profile(`${PROFILE}install: { release: confirm }\n`);
    t.equal((await parts.call(`${node}/plan`, { token })).status, 200, 'a plan without secrets needs nobody');
    t.equal((await post('finished', { result: 'failed' })).status, 200);
  });

  await t.test('who may not', async (t) => {
    t.equal((await post('watch', look('ok'), STRANGER_AT)).status, 403, 'from another machine');
    t.equal((await parts.call(`${node}/watch`, { token: 'iwn_x', json: { run } })).status, 401);
    for (const wrong of [
      { verifications: [{ module: '../x', result: 'ok', detail: '' }] },
      { packages: ['a\nb'] },
      { more: 1 },
    ])
      t.equal((await post('watch', wrong)).status, 400);
    t.equal((await api('/nodes/pve1/install', 'POST')).status, 201, 'armed again');
    clock.advance(60_000);
    t.match(JSON.parse((await post('watch', look('ok'))).text), { order: 'none' }, 'it stands until the answer is out');
    t.equal(
      (await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve1/cancel`, { token: admin, json: {} })).status,
      200,
    );
    clock.advance(60_000);
    t.match(JSON.parse((await post('watch', look('ok'))).text), { order: 'none' }, 'cancelled: nothing happened to it');
    t.equal((await api('/nodes/pve1/install', 'POST')).status, 201);
    await install(t, parts, await loadImage(parts));
    t.equal((await post('watch', look('ok'))).status, 410, 'the former installation has nothing to say any more');
  });
});
