/** One machine with several ports: which of them join its node by themselves, and which never. And the install policy `always`. */
import t from 'tap';
import { DOCTOR_HOST_NAME } from '../../src/boot/facts.ts';
import { changeNode } from '../../src/journey/change-node.ts';
import { hardwareOf } from '../../src/journey/hardware.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { observe } from '../../src/journey/observe.ts';
import { PAUSE_AFTER_READY_MS, REARMED_A_DAY } from '../../src/journey/rearm.ts';
import { addNode, findNode } from '../../src/journey/registry.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Node } from '../../src/nodes/node.ts';
import type { Run } from '../../src/runs/run.ts';
import { aRun } from '../core/store/fixtures.ts';
import { armed, FACTS, install, loadImage, SYSTEM } from '../support/machine.ts';
import { MEDIA, NODE_MAC, type Parts, startParts } from '../support/parts.ts';

const PORT2 = '02:11:22:33:44:55' as Mac;

async function configuring(parts: Parts, node: Node, changes: Partial<Run['data']> = {}, contested = false) {
  const { store, clock } = parts.journey;
  const now = clock.now();
  const data = {
    ...aRun().data,
    planModules: [],
    binding: 'neighbour',
    boundMac: NODE_MAC,
    expiresAt: now,
    ...changes,
  } as const;
  const run = aRun({
    id: `run-${now}`,
    nodeId: node.id,
    state: 'configuring',
    contested,
    mediaId: MEDIA.id,
    armedAt: now,
    stateSince: now,
    deadlineAt: now + 60_000,
    data,
  });
  await store.runs.insert(run);
  const report = { nodeId: node.id, source: 'system-information', at: now, runId: run.id, uuid: undefined } as const;
  await store.hardware.put({ ...report, data: JSON.parse(SYSTEM) });
  return run;
}

const finish = ({ journey }: Parts, run: Run) => observe(journey, run.id, { kind: 'plan-finished', result: 'ok' });

t.test('ports that the installer reported belong to the node when its installation is ready', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey } = parts;
  const node = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  const run = await configuring(parts, node);
  t.equal(await journey.store.nodes.byMac(PORT2), undefined, 'not before');
  const done = await finish(parts, run);
  t.equal(done.run.state, 'ready');
  t.match(await journey.store.nodes.byMac(PORT2), { id: node.id, macs: [NODE_MAC, PORT2], revision: 2 });
  t.match((await journey.store.events.newestOf(node.id, 9)).at(-1), {
    code: 'node.ports-joined',
    data: { macs: [PORT2] },
  });
  const { kind } = await decideDhcp(journey, { ...FACTS, mac: PORT2 }, parts.segment);
  t.equal(kind, 'local-disk', 'it is known by its other port');
});

t.test('whose ports are not joined', async (t) => {
  const rows: ReadonlyArray<readonly [string, Partial<Run['data']>, (parts: Parts, run: Run) => Promise<unknown>]> = [
    ['of a machine behind a router, where nobody checks a MAC', { binding: 'unbound' }, finish],
    [
      'of a plan that failed',
      {},
      ({ journey }, run) => observe(journey, run.id, { kind: 'plan-finished', result: 'failed' }),
    ],
    [
      'of a run that was cancelled',
      {},
      ({ journey }, run) => observe(journey, run.id, { kind: 'cancel', by: 'admin' }),
    ],
    [
      'of a run that is contested to its end',
      {},
      async (parts, run) => {
        await observe(parts.journey, run.id, {
          kind: 'contest',
          reason: 'another-source',
          address: '127.0.0.9' as Ipv4,
        });
        await finish(parts, run);
      },
    ],
  ];
  for (const [name, data, end] of rows) {
    const parts = await startParts();
    const node = await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
    await end(parts, await configuring(parts, node, data));
    t.same((await findNode(parts.journey, 'pve1')).macs, [NODE_MAC], name);
    await parts.close();
  }
});

t.test('a report takes no port from another node', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey } = parts;
  const node = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  await addNode(journey, { macs: [PORT2], fqdn: 'pve2.lab.example', profile: 'default' });
  await finish(parts, await configuring(parts, node));
  t.equal((await findNode(journey, PORT2)).fqdn, 'pve2.lab.example');
  t.same((await findNode(journey, 'pve1')).macs, [NODE_MAC]);
  t.match((await journey.store.events.newestOf(node.id, 9)).at(-1), {
    code: 'node.port-of-another',
    data: { mac: PORT2, other: 'pve2.lab.example' },
  });
});

t.test('what the installer sends is kept with the node, without its token', async (t) => {
  const { parts } = await armed(t);
  const answerUrl = await loadImage(parts);
  await install(t, parts, answerUrl);
  const node = await findNode(parts.journey, 'pve1');
  await parts.journey.discovered.flush();
  const records = await parts.journey.store.hardware.ofNode(node.id);
  t.same(
    records.map(({ source }) => source),
    ['dhcp', 'report', 'system-information'],
  );
  t.notMatch(JSON.stringify(records), /"token"/);
  t.match(await hardwareOf(parts.journey, node), {
    vendorClass: 'PXEClient',
    ports: [
      { name: 'eno2', mac: PORT2, known: false },
      { name: 'eno1', mac: NODE_MAC, known: true },
    ],
    hostKeys: [/^ssh-ed25519 /],
  });
});

t.test('install policy always: armed again at a netboot after it was ready, and not in a circle', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey, clock, segment } = parts;
  const { store } = journey;
  const node = await addNode(journey, {
    macs: [NODE_MAC],
    fqdn: 'pve1.lab.example',
    profile: 'default',
    installPolicy: 'always',
  });
  const netboot = async () => (await decideDhcp(journey, FACTS, segment)).kind;
  const later = (ms: number) => clock.advance(ms);
  t.equal(await netboot(), 'local-disk', 'the first installation is armed by a person');

  const ended = async (state: Run['state'], data: Partial<Run['data']> = {}) => {
    later(1000);
    const now = clock.now();
    await store.runs.insert(
      aRun({
        id: `run-${now}`,
        nodeId: node.id,
        state,
        armedAt: now,
        stateSince: now,
        endedAt: now,
        deadlineAt: undefined,
        data: { ...aRun().data, ...data },
      }),
    );
  };
  const cancel = async () => {
    const run = await store.runs.activeOf(node.id);
    if (run !== undefined) await observe(journey, run.id, { kind: 'cancel', by: 'admin' });
    return run;
  };
  await ended('ready');
  t.equal(await netboot(), 'local-disk', 'the restart at the end of the installation');
  later(PAUSE_AFTER_READY_MS);
  for (const relay of ['10.9.9.9', '127.0.0.9'] as Ipv4[])
    t.equal((await decideDhcp(journey, { ...FACTS, relay }, segment)).kind, 'local-disk', `through the relay ${relay}`);
  const before = await store.events.lastId();
  await journey.discovered.flush();
  const seen = await store.hardware.ofNode(node.id);
  later(60_000);
  for (const [kind, answer] of [
    ['pxe', 'local-disk'],
    ['ipxe', 'script'],
  ] as const)
    t.equal((await decideDhcp(journey, { ...FACTS, kind, hostName: DOCTOR_HOST_NAME }, segment)).kind, answer, kind);
  await journey.discovered.flush();
  t.equal(await store.runs.activeOf(node.id), undefined, 'doctor asks in its name, and it is not armed');
  t.equal(await store.events.lastId(), before, 'nor is there a mark on its timeline');
  t.same(await store.hardware.ofNode(node.id), seen, 'nor was it seen');
  const kinds = await Promise.all([netboot(), netboot(), netboot()]);
  t.ok(kinds.includes('loader'), kinds.join());
  const run = await cancel();
  t.match(run?.data, { armedBy: 'policy' });
  later(DAY);
  t.equal(await netboot(), 'local-disk', 'cancelled: somebody did not want it');
  for (const state of ['failed', 'expired'] as const) {
    await ended(state);
    later(DAY);
    t.equal(await netboot(), 'local-disk', `${state}: somebody must look`);
  }
  await ended('expired', { armedBy: 'policy' });
  later(20_000);
  t.equal(await netboot(), 'loader', 'expired, and nobody but the policy had armed it');
  await cancel();
  await ended('ready');
  await changeNode(journey, node, { protected: true }, { by: 'admin' });
  later(DAY);
  t.equal(await netboot(), 'local-disk', 'protected');
  await changeNode(journey, node, { protected: false }, { by: 'admin' });
  for (let i = 0; i < REARMED_A_DAY; i += 1) await ended('ready', { armedBy: 'policy' });
  later(PAUSE_AFTER_READY_MS);
  t.equal(await netboot(), 'local-disk', 'too often within a day');
  t.match(
    (await store.events.newestOf(node.id, 50)).filter(({ code }) => code === 'node.not-rearmed'),
    [{ data: { message: /12 times within a day/, remedy: /node install pve1/ } }],
  );
});

const DAY = 86_400_000;
