import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { EVENT_CODES, REPEATABLE_CODES } from '../../../src/runs/events.ts';
import { REPEATABLE } from '../../../src/store/migrations/0006-landmarks.ts';
import { openStore } from '../../../src/store/store.ts';
import { aMachine, aMedium, aNode, anEvent, aReport, aRun, MAC1, MAC2, MAC3 } from './fixtures.ts';

const memory = () => openStore({ path: ':memory:', log: silentLog });

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof IronwakeError ? `${error.status} ${error.code} ${error.field ?? ''}`.trim() : String(error);
  }
}

test('a node comes back as it went in, by id, MAC and name', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  const node = aNode({ macs: [MAC2, MAC1] });
  await store.nodes.insert(node);
  t.strictSame(await store.nodes.byId('node-1'), node);
  t.strictSame(await store.nodes.byMac(MAC1), node, 'by the second MAC, order kept');
  t.strictSame(await store.nodes.byFqdn('pve1.lab.example'), node);
  t.equal(await store.nodes.byMac(MAC3), undefined);
  t.strictSame(await store.nodes.list(), [node]);
  t.equal(await store.nodes.remove('node-1'), true);
  t.equal(await store.nodes.remove('node-1'), false);
  t.equal(await store.nodes.byMac(MAC1), undefined, 'its MACs are free again');
});

test('two nodes never share a MAC or a name, and a refused one leaves nothing', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  const name = 'pve2.lab.example' as Fqdn;
  const refused = { id: 'node-2', fqdn: name, macs: [MAC2, MAC1] };
  t.equal(await codeOf(store.nodes.insert(aNode(refused))), '409 node.mac-taken mac');
  t.equal(await codeOf(store.nodes.insert(aNode({ id: 'node-2', macs: [MAC2] }))), '409 node.fqdn-taken fqdn');
  t.equal((await store.nodes.list()).length, 1);
  t.equal(await store.nodes.byMac(MAC2), undefined);
  await store.nodes.insert(aNode({ id: 'node-2', fqdn: name, macs: [MAC2] }));
  t.equal(await codeOf(store.nodes.update(aNode({ ...refused, revision: 2 }), 1)), '409 node.mac-taken mac');
  t.equal((await store.nodes.byId('node-2'))?.revision, 1);
});

test('two living nodes never get one fixed address; who has one may be changed otherwise', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  const at = (address: string) => ({ network: { cidr: `${address}/24` } });
  await store.nodes.insert(aNode({ values: at('10.0.0.5') }));
  const second = { id: 'node-2', fqdn: 'pve2.lab.example' as Fqdn, macs: [MAC2] };
  const taken = '409 node.address-taken values.network.cidr';
  t.equal(await codeOf(store.nodes.insert(aNode({ ...second, values: at('10.0.0.5') }))), taken);
  t.equal(await codeOf(store.nodes.insert(aNode({ ...second, values: { answer: at('10.0.0.5') } }))), taken);
  t.equal(await store.nodes.byMac(MAC2), undefined, 'nothing of it is left');
  const archived = aNode({ ...second, values: at('10.0.0.5'), archivedAt: 1 });
  await store.nodes.insert(archived);
  t.equal(await codeOf(store.nodes.update({ ...archived, archivedAt: undefined, revision: 2 }, 1)), taken, 'taken up');
  t.equal(
    await store.nodes.update({ ...archived, archivedAt: undefined, values: at('10.0.0.6'), revision: 2 }, 1),
    true,
  );
  t.equal(
    await codeOf(store.nodes.update(aNode({ ...second, values: at('10.0.0.5'), revision: 3 }), 2)),
    taken,
    'changed to it',
  );
  t.equal(await store.nodes.update(aNode({ values: at('10.0.0.5'), notes: 'new', revision: 2 }), 1), true);
});

test('a node is changed only by who has seen its last revision', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  const changed = aNode({ macs: [MAC3], revision: 2, profile: 'other' });
  t.equal(await store.nodes.update(changed, 7), false);
  t.strictSame(await store.nodes.byId('node-1'), aNode());
  t.equal(await store.nodes.update(changed, 1), true);
  t.strictSame(await store.nodes.byMac(MAC3), changed);
  t.equal(await store.nodes.byMac(MAC1), undefined);
});

test('runs: one active a node, the newest, the history', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  const first = aRun();
  await store.runs.insert(first);
  t.equal(await codeOf(store.runs.insert(aRun({ id: 'run-2', armedAt: 2000 }))), '409 run.active');
  t.strictSame(await store.runs.activeOf('node-1'), first);
  const ended = aRun({
    state: 'failed',
    failure: 'x',
    contested: true,
    deadlineAt: undefined,
    endedAt: 1500,
    revision: 2,
  });
  t.equal(await store.runs.update(ended, 9), false, 'somebody else was faster');
  t.equal(await store.runs.update(ended, 1), true);
  t.equal(await store.runs.activeOf('node-1'), undefined);
  const second = aRun({ id: 'run-2', armedAt: 2000 });
  await store.runs.insert(second);
  t.strictSame(await store.runs.latestOf('node-1'), second);
  t.strictSame(await store.runs.listOf('node-1'), [second, ended]);
  t.strictSame(await store.runs.active(), [second]);
  t.strictSame(await store.runs.byId('run-1'), ended);
});

test('the run under way is the newest, whatever the clock said', async (t) => {
  for (const { label, armedAt } of [
    { label: 'armed within the same millisecond', armedAt: 1000 },
    { label: 'armed after the clock was set back', armedAt: 10 },
  ]) {
    const store = await memory();
    t.teardown(() => store.close());
    await store.nodes.insert(aNode());
    await store.runs.insert(aRun({ id: 'run-9', armedAt: 1000, state: 'cancelled', endedAt: 1000 }));
    await store.runs.insert(aRun({ id: 'run-1', armedAt }));
    t.equal((await store.runs.latestOf('node-1'))?.id, 'run-1', label);
  }
});

for (const state of ['ready', 'failed', 'expired', 'cancelled'] as const) {
  test(`a run that is ${state} leaves room for the next one`, async (t) => {
    const store = await memory();
    t.teardown(() => store.close());
    await store.nodes.insert(aNode());
    await store.runs.insert(aRun({ state }));
    await store.runs.insert(aRun({ id: 'run-2' }));
    t.equal((await store.runs.active()).length, 1);
  });
}

test('deadlines: due ones earliest first, ended ones never', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  t.equal(await store.runs.nextDeadline(), undefined);
  const deadlines = [3000, 1000, undefined, 2000];
  for (const [i, deadlineAt] of deadlines.entries()) {
    const macs = [`bc:24:11:00:01:0${i}` as Mac];
    await store.nodes.insert(aNode({ id: `n${i}`, fqdn: `n${i}.lab.example` as Fqdn, macs }));
    await store.runs.insert(aRun({ id: `r${i}`, nodeId: `n${i}`, deadlineAt }));
  }
  t.equal(await store.runs.nextDeadline(), 1000);
  t.strictSame(
    (await store.runs.due(2000, 10)).map((run) => run.id),
    ['r1', 'r3'],
  );
  t.strictSame(
    (await store.runs.due(9000, 2)).map((run) => run.id),
    ['r1', 'r3'],
  );
  await store.runs.update(aRun({ id: 'r1', nodeId: 'n1', deadlineAt: 1000, state: 'expired', revision: 2 }), 1);
  t.equal(await store.runs.nextDeadline(), 2000);
});

test('a report is kept once', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  await store.runs.insert(aRun());
  t.equal(await store.runs.saveReport('run-1', aReport({ seq: 2 })), true);
  t.equal(await store.runs.saveReport('run-1', aReport()), true);
  t.equal(await store.runs.saveReport('run-1', aReport({ detail: 'again' })), false);
  t.strictSame(await store.runs.reports('run-1'), [aReport(), aReport({ seq: 2 })]);
});

test('events: by node, by MAC, the feed; they outlive their node', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  await store.events.append([
    anEvent({ data: { n: 1 } }),
    anEvent({ mac: MAC2, data: { n: 2 } }),
    anEvent({ nodeId: undefined, runId: undefined, data: { n: 3 } }),
    anEvent({ mac: undefined, nodeId: undefined, runId: undefined, data: { n: 4 } }),
  ]);
  await store.nodes.remove('node-1');
  const numbers = (events: readonly { data: Readonly<Record<string, unknown>> }[]) => events.map((e) => e.data.n);
  t.strictSame(numbers(await store.events.ofNode('node-1')), [1, 2]);
  t.strictSame(numbers(await store.events.ofMac(MAC1)), [1, 3]);
  const all = await store.events.since(0, 10);
  t.strictSame(numbers(all), [1, 2, 3, 4]);
  t.strictSame(all[2], { ...anEvent({ nodeId: undefined, runId: undefined, data: { n: 3 } }), id: all[2]?.id });
  t.strictSame(numbers(await store.events.since(all[1]?.id ?? 0, 1)), [3]);
  t.strictSame(numbers(await store.events.ofNode('node-1', { afterId: all[0]?.id ?? 0 })), [2]);
  t.strictSame(numbers(await store.events.ofMac(MAC1, { afterId: 0, limit: 1 })), [1]);
});

test('a long timeline: without a cursor its newest rows, with one the rows after it, oldest first both times', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  await store.events.append(Array.from({ length: 600 }, (_, n) => anEvent({ data: { n } })));
  const all = await store.events.since(0, 1000);
  const numbers = (events: readonly { data: Readonly<Record<string, unknown>> }[]) => events.map((e) => e.data.n);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  for (const read of [
    (page: { afterId?: number; limit?: number }) => store.events.ofNode('node-1', page),
    (page: { afterId?: number; limit?: number }) => store.events.ofMac(MAC1, page),
  ]) {
    t.strictSame(numbers(await read({ limit: 500 })), range(100, 600));
    t.strictSame(numbers(await read({ afterId: 0, limit: 500 })), range(0, 500));
    t.strictSame(numbers(await read({ afterId: all[299]?.id ?? 0, limit: 500 })), range(300, 600));
    t.strictSame(numbers(await read({})), range(0, 600));
  }
});

test('discovered machines are counted, and what one packet did not say is kept', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.discovered.record(aMachine(), 10);
  await store.discovered.record(aMachine({ lastSeenAt: 2000, arch: undefined, hostName: 'box' }), 10);
  t.strictSame(await store.discovered.byMac(MAC3), {
    ...aMachine({ lastSeenAt: 2000, hostName: 'box' }),
    firstSeenAt: 1000,
    packets: 2,
  });
  await store.discovered.remove(MAC3);
  t.equal(await store.discovered.byMac(MAC3), undefined);
});

test('a flood of spoofed addresses fills neither the table nor the timeline', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  for (let i = 0; i < 50; i += 1) {
    const mac = `02:00:00:00:00:${i.toString(16).padStart(2, '0')}` as Mac;
    await store.discovered.record(aMachine({ mac, lastSeenAt: 1000 + i }), 8);
    await store.events.append([anEvent({ mac, nodeId: undefined, runId: undefined }), anEvent({ mac })]);
  }
  t.equal((await store.discovered.list(100)).length, 8);
  t.equal((await store.discovered.list(1))[0]?.lastSeenAt, 1049, 'the newest stay');
  const events = await store.events.since(0, 1000);
  t.equal(events.filter((event) => event.nodeId === undefined).length, 8);
  t.equal(events.filter((event) => event.nodeId === 'node-1').length, 50, 'a registered node loses none');
});

test('images, secrets, tokens, audit, settings', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  await store.media.insert(aMedium('aa', 1));
  await store.media.insert(aMedium('bb', 2));
  await store.media.insert(aMedium('aa', 3));
  t.strictSame(await store.media.list(), [aMedium('bb', 2), aMedium('aa', 1)]);
  t.strictSame(await store.media.byId('aa'), aMedium('aa', 1));
  t.strictSame([await store.media.remove('aa'), await store.media.remove('aa')], [true, false]);

  await store.secrets.put('b', 'v1.1', 1);
  await store.secrets.put('a', 'v1.2', 2);
  await store.secrets.put('b', 'v1.3', 3);
  t.equal(await store.secrets.get('b'), 'v1.3');
  t.equal(await store.secrets.get('c'), undefined);
  t.strictSame(await store.secrets.list(), [
    { name: 'a', updatedAt: 2 },
    { name: 'b', updatedAt: 3 },
  ]);
  t.strictSame([await store.secrets.remove('b'), await store.secrets.remove('b')], [true, false]);

  const token = { id: 't1', name: 'setup', role: 'admin', hash: 'h', createdAt: 1, expiresAt: undefined } as const;
  await store.tokens.insert(token);
  t.strictSame(await store.tokens.byHash('h'), token);
  t.equal(await store.tokens.byHash('x'), undefined);
  t.strictSame(await store.tokens.list(), [token]);

  const entry = { at: 1, actor: 'setup', from: '10.0.0.1', action: 'node.add', target: 'n', data: { a: 1 } };
  await store.audit.append(entry);
  await store.audit.append({ ...entry, at: 2 });
  t.strictSame(await store.audit.list(10), [
    { ...entry, id: 2, at: 2 },
    { ...entry, id: 1 },
  ]);
  t.strictSame(await store.audit.list(10, 2), [{ ...entry, id: 1 }]);

  await store.settings.put('k', '1');
  await store.settings.put('k', '2');
  t.strictSame([await store.settings.get('k'), await store.settings.get('x')], ['2', undefined]);
});

test('the newest run of many nodes at once is what it is for each', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  const ended = { state: 'ready', endedAt: 9, deadlineAt: undefined } as const;
  const ids = ['node-1', 'node-2', "node-3'--"];
  for (const [n, id] of ids.entries())
    await store.nodes.insert(
      aNode({ id, fqdn: `pve${n}.lab.example` as Fqdn, macs: [([MAC1, MAC2, MAC3] as const)[n] ?? MAC1] }),
    );
  // The clock went back: the run under way is armed before one that has ended.
  await store.runs.insert(aRun({ id: 'run-a', armedAt: 5000, ...ended }));
  await store.runs.insert(aRun({ id: 'run-b', armedAt: 1000 }));
  await store.runs.insert(aRun({ id: 'run-c', nodeId: 'node-2', armedAt: 1000, ...ended }));
  await store.runs.insert(aRun({ id: 'run-d', nodeId: 'node-2', armedAt: 1000, ...ended }));
  const found = await store.runs.latestOfEach([...ids, 'nobody', "node-3'--"]);
  t.strictSame(found.map(({ id }) => id).sort(), ['run-b', 'run-d']);
  for (const run of found) t.strictSame(run, await store.runs.latestOf(run.nodeId));
  t.strictSame(await store.runs.latestOfEach([]), []);
});

test('nodes by host name: the whole word, and nothing that only begins with it', async (t) => {
  const store = await memory();
  t.teardown(() => store.close());
  const names = ['pve1.a.example', 'pve1.b.example', 'pve10.a.example', 'pve1-x.a.example', 'pve.pve1.example'];
  for (const [n, fqdn] of names.entries())
    await store.nodes.insert(aNode({ id: `node-${n}`, fqdn: fqdn as Fqdn, macs: [`02:00:00:00:00:0${n}` as Mac] }));
  const called = async (name: string, limit = 6) => (await store.nodes.byHostName(name, limit)).map(({ fqdn }) => fqdn);
  t.strictSame(await called('pve1'), ['pve1.a.example', 'pve1.b.example']);
  t.strictSame(await called('pve1', 1), ['pve1.a.example']);
  t.strictSame(await called('pve'), ['pve.pve1.example']);
  for (const name of ['', '%', '_', 'pve1%', "' or 1=1 --", 'pve1.a.exampl'])
    t.strictSame(await called(name), [], name);
});

test('landmarks: what no flood pushes out of sight', async (t) => {
  t.strictSame(
    [...REPEATABLE].sort(),
    [...REPEATABLE_CODES].sort(),
    'the index is made for the codes of the catalogue',
  );
  const store = await memory();
  t.teardown(() => store.close());
  const others = EVENT_CODES.filter((code) => !REPEATABLE_CODES.some((known) => known === code));
  await store.events.append(EVENT_CODES.map((code) => anEvent({ code })));
  await store.events.append([anEvent({ nodeId: 'node-2', code: 'run.ready' })]);
  const seen = async (limit: number) => (await store.events.landmarksOf('node-1', limit)).map(({ code }) => code);
  t.strictSame(await seen(100), others, 'all others, oldest first');
  t.strictSame(await seen(2), others.slice(-2), 'the newest of them');
});
