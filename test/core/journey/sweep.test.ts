/** Deadlines: none is lost by a restart, none comes early because the clock was set, and a busy database only delays them. */
import { uptime } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ManualClock, systemClock } from '../../../src/clock.ts';
import { armNode } from '../../../src/journey/arm.ts';
import { observe } from '../../../src/journey/observe.ts';
import type { RunRepository, Store } from '../../../src/journey/ports.ts';
import { addNode } from '../../../src/journey/registry.ts';
import { startSweep } from '../../../src/journey/sweep.ts';
import { createTimekeeping } from '../../../src/journey/timekeeping.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import type { Observation } from '../../../src/runs/observation.ts';
import { NODE_MAC, type Parts, startParts } from '../../support/parts.ts';

const MINUTE = 60_000;
const NODE = { address: '127.0.0.2' as Ipv4, interfaceName: 'lo', mac: NODE_MAC };

/** What brings a run from armed into each state. */
const STEPS: ReadonlyArray<readonly [string, Observation | undefined]> = [
  ['armed', undefined],
  ['booting', { kind: 'firmware-asked', signal: 'discover', arch: 'bios', stage: 'PXE', interfaceName: 'lo' }],
  ['loading', { kind: 'image-requested', source: NODE, totalBytes: 10, fingerprint: 'AA' }],
  ['loading', { kind: 'image-delivered', bytes: 10, durationMs: 1 }],
  ['live', { kind: 'installer-seen' }],
  ['claimed', { kind: 'answer-claimed', source: NODE, answer: '', product: 'pve', release: '9.2' }],
  ['installing', { kind: 'hook-fetched', source: NODE, pins: [] }],
  [
    'installed',
    {
      kind: 'webhook',
      source: NODE,
      digest: 'd',
      readable: true,
      document: {},
      hostKeys: {},
      fqdn: 'pve1.lab.example',
      product: 'pve',
      version: '9.2.1',
    },
  ],
  [
    'configuring',
    { kind: 'node-proved', keyType: 'ssh-ed25519', fingerprint: 'SHA256:x', credentialHash: 'h', source: NODE },
  ],
  ['configuring', { kind: 'plan-fetched', modules: [], withheld: ['ssh'], probePublicKey: 'p', sealedProbeKey: 's' }],
  ['configuring', { kind: 'code-awaited' }],
];
/** What its deadline makes of a run in the last of these. */
const NOT_CONFIRMED = STEPS.length - 1;

async function armed(parts: Parts) {
  const node = await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  return armNode(parts.journey, node, { by: 'admin' });
}

/** The sweep does its work in promises: a few turns of the loop are enough, in memory. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise(setImmediate);
}

async function swept(t: Test, parts: Parts) {
  const sweep = startSweep(parts.journey);
  t.teardown(() => sweep.stop());
  await settle();
  return sweep;
}

for (const [index, [state]] of STEPS.entries()) {
  t.test(
    `a restart in state ${state}: the deadline that passed meanwhile is seen at once, the others in time`,
    async (t) => {
      const databasePath = join(t.testdir(), 'ironwake.db');
      const clock = new ManualClock();
      const first = await startParts({ databasePath, clock });
      const { id } = await armed(first);
      for (const [, observation] of STEPS.slice(1, index + 1)) {
        if (observation !== undefined) await observe(first.journey, id, observation);
      }
      const before = await first.journey.store.runs.byId(id);
      t.equal(before?.state, state);
      await first.close();

      const second = await startParts({ databasePath, clock });
      let open = true;
      t.teardown(() => open && second.close());
      t.strictSame(await second.journey.store.runs.byId(id), before, 'the run is as it was');
      const sweep = await swept(t, second);
      clock.advance((before?.deadlineAt ?? 0) - clock.now() - 1000);
      await settle();
      t.strictSame(await second.journey.store.runs.byId(id), before, 'not a second early');
      await sweep.stop();
      // The daemon is off when the time is up.
      clock.advance(5 * MINUTE);
      await swept(t, second);
      const after = await second.journey.store.runs.byId(id);
      if (state === 'armed') t.equal(after?.state, 'expired');
      else if (index === NOT_CONFIRMED) t.match(after, { state: 'failed', failure: 'not-confirmed' });
      else t.type(after?.data.stalledSince, 'number');
      if (after?.data.stalledSince === undefined) return;
      // A stall has a deadline of its own, and that is kept, too.
      await second.close();
      open = false;
      const third = await startParts({ databasePath, clock });
      t.teardown(() => third.close());
      t.strictSame(await third.journey.store.runs.byId(id), after);
      clock.advance((after.deadlineAt ?? 0) - clock.now() - 1000);
      await swept(t, third);
      t.strictSame(await third.journey.store.runs.byId(id), after, 'stalled, and not given up a second early');
      clock.advance(2000);
      await settle();
      const given = await third.journey.store.runs.byId(id);
      const beforeClaim = ['booting', 'loading', 'live'].includes(state);
      t.match(given, beforeClaim ? { state: 'expired' } : { state: 'failed', failure: 'silent' });
    },
  );
}

for (const [name, byMs] of [
  ['forward by three hours', 180 * MINUTE],
  ['back by three hours', -180 * MINUTE],
] as const) {
  t.test(`the clock is set ${name}: nothing expires early, nothing lives longer`, async (t) => {
    const clock = new ManualClock();
    const parts = await startParts({ clock });
    t.teardown(() => parts.close());
    const { id, deadlineAt = 0 } = await armed(parts);
    await swept(t, parts);
    const left = deadlineAt - clock.now();
    clock.advance(10 * MINUTE);
    await settle();
    clock.jump(byMs);
    clock.advance(MINUTE);
    await settle();
    const moved = await parts.journey.store.runs.byId(id);
    t.equal(moved?.state, 'armed');
    t.equal((moved?.deadlineAt ?? 0) - clock.now(), left - 11 * MINUTE, 'the same time is left');
    const events = await parts.journey.store.events.newestOf(moved?.nodeId ?? '', 10);
    t.equal(events.at(-1)?.code, 'run.clock-jumped', 'the timeline says so');
    clock.advance(left - 12 * MINUTE);
    await settle();
    t.equal((await parts.journey.store.runs.byId(id))?.state, 'armed', 'still armed before its time');
    clock.advance(2 * MINUTE);
    await settle();
    t.equal((await parts.journey.store.runs.byId(id))?.state, 'expired');
  });
}

for (const [name, byMs] of [
  ['forward by three hours', 180 * MINUTE],
  ['back by three hours', -180 * MINUTE],
] as const) {
  t.test(
    `the clock is set ${name}, and a run is armed before the sweep looks: it has its own time, no more and no less`,
    async (t) => {
      const clock = new ManualClock();
      const parts = await startParts({ clock });
      t.teardown(() => parts.close());
      await swept(t, parts);
      clock.advance(10 * MINUTE);
      await settle();
      clock.jump(byMs);
      clock.advance(20_000);
      const { id, armedAt } = await armed(parts);
      clock.advance(2 * MINUTE);
      await settle();
      const run = await parts.journey.store.runs.byId(id);
      t.match(run, {
        state: 'armed',
        armedAt,
        deadlineAt: armedAt + 60 * MINUTE,
        data: { expiresAt: armedAt + 60 * MINUTE },
      });
      clock.advance(57 * MINUTE);
      await settle();
      t.equal((await parts.journey.store.runs.byId(id))?.state, 'armed');
      clock.advance(2 * MINUTE);
      await settle();
      t.equal((await parts.journey.store.runs.byId(id))?.state, 'expired');
    },
  );

  t.test(`the clock is set ${name}: lengths stay what they were, also when a packet is what notices it`, async (t) => {
    const clock = new ManualClock();
    const parts = await startParts({ clock });
    t.teardown(() => parts.close());
    const { id, armedAt } = await armed(parts);
    await observe(parts.journey, id, {
      kind: 'firmware-asked',
      signal: 'discover',
      arch: 'bios',
      stage: 'PXE',
      interfaceName: 'lo',
    });
    clock.advance(2 * MINUTE);
    clock.jump(byMs);
    // No sweep has looked: the machine asks for its script, and is neither too late nor early.
    const done = await observe(parts.journey, id, { kind: 'script-served', source: NODE });
    t.equal(done.kind, 'accepted');
    t.match(done.run, {
      state: 'booting',
      armedAt: armedAt + byMs,
      stateSince: clock.now() - 2 * MINUTE,
      deadlineAt: clock.now() + 3 * MINUTE,
      data: { expiresAt: clock.now() + 58 * MINUTE },
    });
    clock.advance(3 * MINUTE);
    await swept(t, parts);
    const events = await parts.journey.store.events.newestOf(done.run.nodeId, 10);
    const stalled = events.find(({ code }) => code === 'run.stalled');
    t.equal(stalled?.data.silentMs, 5 * MINUTE, 'the time in the state');
  });
}

for (const [name, startsBehindMs, left] of [
  ['two days behind, then right', 48 * 60 * MINUTE, 60],
  ['ten minutes behind, then right', 10 * MINUTE, 60],
  ['a second behind', 1000, 60],
] as const) {
  t.test(
    `the daemon starts again with its clock ${name}: an armed run lives no longer than it was armed for`,
    async (t) => {
      const databasePath = join(t.testdir(), 'ironwake.db');
      const before = new ManualClock();
      const first = await startParts({ databasePath, clock: before });
      const { id } = await armed(first);
      await first.close();
      const clock = new ManualClock(before.now() - startsBehindMs);
      const second = await startParts({ databasePath, clock });
      t.teardown(() => second.close());
      await swept(t, second);
      const started = await second.journey.store.runs.byId(id);
      const most = left * MINUTE + (startsBehindMs < 5000 ? startsBehindMs : 0);
      t.equal((started?.deadlineAt ?? 0) - clock.now(), most);
      clock.advance(3 * MINUTE);
      await settle();
      clock.jump(startsBehindMs);
      clock.advance(2 * MINUTE);
      await settle();
      const right = await second.journey.store.runs.byId(id);
      t.equal((right?.deadlineAt ?? 0) - clock.now(), left * MINUTE - 5 * MINUTE);
      t.equal(right?.data.expiresAt, right?.deadlineAt);
      clock.advance(left * MINUTE);
      await settle();
      t.equal((await second.journey.store.runs.byId(id))?.state, 'expired');
    },
  );
}

for (const byMs of [20 * MINUTE, -20 * MINUTE]) {
  t.test(
    `the clock is set by ${byMs / MINUTE} min and the second of two writes fails: none is moved twice`,
    async (t) => {
      const clock = new ManualClock();
      const parts = await startParts({ clock });
      t.teardown(() => parts.close());
      const { store } = parts.journey;
      const first = await armed(parts);
      const node = await addNode(parts.journey, {
        macs: ['bc:24:11:00:00:77' as Mac],
        fqdn: 'pve2.lab.example',
        profile: 'default',
      });
      const second = await armNode(parts.journey, node, { by: 'admin' });
      let writes = 0;
      const failing: Store = {
        ...store,
        transaction: (work) =>
          store.transaction((repositories) => {
            const update: RunRepository['update'] = async (run, revision) => {
              writes += 1;
              if (writes === 2) throw new Error('busy');
              return repositories.runs.update(run, revision);
            };
            return work({ ...repositories, runs: { ...repositories.runs, update } });
          }),
      };
      const timekeeping = createTimekeeping({ ...parts.journey, store: failing });
      await timekeeping.follow();
      clock.jump(byMs);
      await t.rejects(timekeeping.follow(), /busy/);
      for (const run of [first, second]) t.strictSame(await store.runs.byId(run.id), run, 'none is moved');
      await Promise.all([timekeeping.follow(), timekeeping.follow()]);
      await timekeeping.follow();
      t.equal(writes, 4);
      for (const { id, deadlineAt = 0 } of [first, second])
        t.equal((await store.runs.byId(id))?.deadlineAt, deadlineAt + byMs, 'each is moved once');
    },
  );
}

for (const [minutes, state] of [
  [20, 'armed'],
  [70, 'expired'],
] as const) {
  t.test(`the host is suspended for ${minutes} min: the machines have waited, no run lives longer`, async (t) => {
    const clock = new ManualClock();
    const parts = await startParts({ clock });
    t.teardown(() => parts.close());
    const run = await armed(parts);
    await swept(t, parts);
    clock.advance(10 * MINUTE);
    await settle();
    clock.suspend(minutes * MINUTE);
    t.strictSame(await parts.journey.store.runs.byId(run.id), run, 'nobody was there');
    // Timers did not count that time: it is noticed at the next look.
    clock.advance(MINUTE);
    await settle();
    const found = await parts.journey.store.runs.byId(run.id);
    t.equal(found?.state, state);
    t.equal(found?.data.expiresAt, run.data.expiresAt);
    const events = await parts.journey.store.events.newestOf(run.nodeId, 10);
    t.notOk(events.some(({ code }) => code === 'run.clock-jumped'));
  });
}

t.test('the host is suspended, and its clock set when it wakes up: only that is made up for', async (t) => {
  const clock = new ManualClock();
  const parts = await startParts({ clock });
  t.teardown(() => parts.close());
  const run = await armed(parts);
  await swept(t, parts);
  clock.advance(10 * MINUTE);
  await settle();
  clock.suspend(20 * MINUTE);
  clock.jump(180 * MINUTE);
  clock.advance(MINUTE);
  await settle();
  const found = await parts.journey.store.runs.byId(run.id);
  t.equal(found?.state, 'armed');
  t.equal((found?.deadlineAt ?? 0) - clock.now(), 60 * MINUTE - 31 * MINUTE);
  clock.advance(29 * MINUTE);
  await settle();
  t.equal((await parts.journey.store.runs.byId(run.id))?.state, 'expired');
});

t.test('what was slept is uptime without the time awake', (t) => {
  const awakeBefore = systemClock.monotonic();
  const upBefore = uptime() * 1000;
  const slept = systemClock.suspended();
  const upAfter = uptime() * 1000;
  const awakeAfter = systemClock.monotonic();
  t.ok(slept >= upBefore - awakeAfter && slept <= upAfter - awakeBefore);
  t.end();
});

t.test('a slewed clock is no jump', async (t) => {
  const clock = new ManualClock();
  const parts = await startParts({ clock });
  t.teardown(() => parts.close());
  const run = await armed(parts);
  await swept(t, parts);
  clock.jump(900);
  clock.advance(MINUTE);
  await settle();
  t.equal((await parts.journey.store.runs.byId(run.id))?.revision, run.revision);
});

t.test('a database that fails for a while delays the sweep and does not end it', async (t) => {
  const clock = new ManualClock();
  const parts = await startParts({ clock });
  t.teardown(() => parts.close());
  const { id } = await armed(parts);
  const { runs } = parts.journey.store;
  let failing = true;
  const journey = {
    ...parts.journey,
    store: {
      ...parts.journey.store,
      runs: {
        ...runs,
        due: async (now: number, limit: number) => (failing ? Promise.reject(new Error('busy')) : runs.due(now, limit)),
      },
    },
  };
  const sweep = startSweep(journey);
  t.teardown(() => sweep.stop());
  clock.advance(61 * MINUTE);
  await settle();
  t.equal((await runs.byId(id))?.state, 'armed');
  failing = false;
  clock.advance(MINUTE);
  await settle();
  t.equal((await runs.byId(id))?.state, 'expired');
});
