/** The state machine as a table: what is observed in which state, and what becomes of the run. */
import fc from 'fast-check';
import t from 'tap';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { DEFAULT_BUDGETS } from '../../../src/runs/budgets.ts';
import { describeEvent, EVENT_CODES } from '../../../src/runs/events.ts';
import type { Observation, Source } from '../../../src/runs/observation.ts';
import {
  ENDED_STATES,
  RUN_STATES,
  type Run,
  type RunData,
  type RunState,
  type StepReport,
} from '../../../src/runs/run.ts';
import { transition } from '../../../src/runs/transition.ts';
import { waitingOf } from '../../../src/runs/waiting.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const NODE: Source = { address: '10.0.0.50' as Ipv4, interfaceName: 'eno1', mac: 'bc:24:11:00:00:01' as Mac };
const STRANGER: Source = { address: '10.0.0.66' as Ipv4, interfaceName: 'eno1', mac: 'bc:24:11:00:00:01' as Mac };
const BOUND: Partial<RunData> = {
  boundAddress: NODE.address,
  boundMac: NODE.mac,
  boundInterface: NODE.interfaceName,
  binding: 'neighbour',
  imageDeliveredAt: NOW - MINUTE,
};
/** A module that holds: verified, and a second run changed nothing. */
const HOLDS: Partial<RunData> = { planModules: ['ssh'], results: { ssh: { verify: 'ok', reapply: 'unchanged' } } };

function aRun(state: RunState, data: Partial<RunData> = {}, changes: Partial<Run> = {}): Run {
  return {
    id: 'run',
    nodeId: 'node',
    state,
    failure: undefined,
    contested: false,
    generation: 1,
    mediaId: 'media',
    armedAt: NOW - 5 * MINUTE,
    stateSince: NOW - MINUTE,
    deadlineAt: ENDED_STATES.has(state) ? undefined : NOW + MINUTE,
    endedAt: ENDED_STATES.has(state) ? NOW - MINUTE : undefined,
    revision: 7,
    data: {
      profileName: 'default',
      profileVersion: 'v1',
      profile: {},
      sealedRootPassword: 'v1.x',
      rootPasswordHash: '$6$x',
      expiresAt: NOW + 55 * MINUTE,
      ...data,
    },
    ...changes,
  };
}

const REPORT: StepReport = {
  seq: 1,
  module: 'ssh',
  step: 'apply',
  result: 'changed',
  startedAt: NOW,
  durationMs: 900,
  output: '',
  detail: '',
};

/** One observation of each kind, as the machine of the run makes it. */
const SEEN = {
  'firmware-asked': {
    kind: 'firmware-asked',
    signal: 'discover',
    arch: 'bios',
    stage: 'firmware (PXE)',
    interfaceName: 'eno1',
    relayed: false,
  },
  'loader-fetched': { kind: 'loader-fetched', file: 'undionly.kpxe', via: 'TFTP', bytes: 70_000 },
  'script-served': { kind: 'script-served', source: NODE },
  'kernel-requested': { kind: 'kernel-requested', source: NODE },
  'image-requested': { kind: 'image-requested', source: NODE, totalBytes: 1000 },
  'image-progress': { kind: 'image-progress', bytes: 500 },
  'image-delivered': { kind: 'image-delivered', bytes: 1000, durationMs: 8000 },
  'image-cut': { kind: 'image-cut', bytes: 500, because: 'client' },
  'installer-seen': { kind: 'installer-seen' },
  'answer-requested': { kind: 'answer-requested', source: NODE },
  'answer-unusable': { kind: 'answer-unusable', source: NODE, message: 'not JSON' },
  'answer-claimed': { kind: 'answer-claimed', source: NODE, answer: '[global]', product: 'pve', release: '9.2' },
  'answer-invalid': { kind: 'answer-invalid', message: 'country', remedy: 'Mend it.' },
  'hook-fetched': { kind: 'hook-fetched', source: NODE },
  webhook: {
    kind: 'webhook',
    source: NODE,
    digest: 'd1',
    readable: true,
    document: {},
    hostKeys: { ed25519: 'ssh-ed25519 AAAA' },
    fqdn: 'pve1.lab.example',
    product: 'pve',
    version: '9.2.1',
  },
  'node-proved': {
    kind: 'node-proved',
    keyType: 'ssh-ed25519',
    fingerprint: 'SHA256:x',
    credentialHash: 'h',
    source: NODE,
  },
  'plan-fetched': {
    kind: 'plan-fetched',
    modules: ['ssh'],
    probePublicKey: 'ssh-ed25519 AAAA',
    sealedProbeKey: 'v1.y',
  },
  'step-reported': { kind: 'step-reported', report: REPORT },
  probe: { kind: 'probe', result: 'ok', detail: '' },
  'plan-finished': { kind: 'plan-finished', result: 'ok' },
  contest: { kind: 'contest', reason: 'another-source', address: STRANGER.address },
  'code-awaited': { kind: 'code-awaited' },
  'code-entered': { kind: 'code-entered', right: true, by: 'admin' },
  'credential-revoked': { kind: 'credential-revoked', by: 'admin' },
  'password-read': { kind: 'password-read', by: 'admin' },
  trust: { kind: 'trust', by: 'admin' },
  cancel: { kind: 'cancel', by: 'admin' },
  'clock-jumped': { kind: 'clock-jumped', byMs: 3_600_000 },
  deadline: { kind: 'deadline' },
} as const satisfies { [K in Observation['kind']]: Extract<Observation, { kind: K }> };

t.test('the journey, step by step', async (t) => {
  const steps: ReadonlyArray<readonly [Observation, RunState, readonly string[]]> = [
    [SEEN['firmware-asked'], 'booting', ['boot.firmware-asked']],
    [SEEN['firmware-asked'], 'booting', []],
    [SEEN['loader-fetched'], 'booting', ['boot.loader-fetched']],
    [{ ...SEEN['firmware-asked'], stage: 'iPXE' }, 'booting', ['boot.firmware-asked']],
    [SEEN['script-served'], 'booting', ['boot.script-served']],
    [SEEN['kernel-requested'], 'loading', ['boot.kernel-sent']],
    [SEEN['image-requested'], 'loading', ['boot.image-started']],
    [SEEN['image-progress'], 'loading', []],
    [SEEN['image-delivered'], 'loading', ['boot.image-delivered']],
    [SEEN['installer-seen'], 'live', ['installer.seen']],
    [SEEN['installer-seen'], 'live', []],
    [SEEN['answer-claimed'], 'claimed', ['installer.answer-served']],
    [SEEN['hook-fetched'], 'installing', ['installer.hook-fetched']],
    [SEEN.webhook, 'installed', ['installer.installed']],
    [SEEN.webhook, 'installed', ['installer.webhook-repeated']],
    [SEEN['node-proved'], 'configuring', ['node.proved']],
    [SEEN['plan-fetched'], 'configuring', ['plan.fetched']],
    [SEEN['step-reported'], 'configuring', ['plan.step']],
    [SEEN['step-reported'], 'configuring', []],
    [
      { kind: 'step-reported', report: { ...REPORT, seq: 2, step: 'verify', result: 'ok' } },
      'configuring',
      ['plan.step'],
    ],
    [
      { kind: 'step-reported', report: { ...REPORT, seq: 3, step: 'reapply', result: 'unchanged' } },
      'configuring',
      ['plan.step'],
    ],
    [SEEN.probe, 'configuring', ['plan.probe']],
    [SEEN['plan-finished'], 'ready', ['run.ready']],
    [SEEN['plan-finished'], 'ready', []],
    [SEEN.webhook, 'ready', []],
  ];
  let run = aRun('armed');
  for (const [observation, state, events] of steps) {
    const result = transition(run, observation, NOW, DEFAULT_BUDGETS);
    t.equal(result.kind, 'accepted', `${observation.kind} in ${run.state}`);
    t.equal(result.run.state, state, `${observation.kind} leads to ${state}`);
    t.same(
      result.events.map((event) => event.code),
      events,
    );
    run = result.run;
  }
  t.equal(run.endedAt, NOW);
  t.equal(run.deadlineAt, undefined);
});

t.test('what is refused, and what contests a run', async (t) => {
  interface Row {
    readonly name: string;
    readonly run: Run;
    readonly seen: Observation;
    readonly reason: string;
    readonly contested: boolean;
  }
  const rows: readonly Row[] = [
    {
      name: 'kernel after the claim',
      run: aRun('claimed', BOUND),
      seen: SEEN['kernel-requested'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'image before any script',
      run: aRun('armed'),
      seen: SEEN['image-requested'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'image by somebody else',
      run: aRun('loading', BOUND),
      seen: { ...SEEN['image-requested'], source: STRANGER },
      reason: 'another-source',
      contested: true,
    },
    {
      name: 'answer before the image',
      run: aRun('booting'),
      seen: SEEN['answer-claimed'],
      reason: 'out-of-order',
      contested: true,
    },
    {
      name: 'answer of a run that is only armed',
      run: aRun('armed'),
      seen: SEEN['answer-claimed'],
      reason: 'out-of-order',
      contested: true,
    },
    {
      name: 'answer from another address',
      run: aRun('loading', BOUND),
      seen: { ...SEEN['answer-claimed'], source: STRANGER },
      reason: 'another-source',
      contested: true,
    },
    {
      name: 'answer a second time',
      run: aRun('claimed', BOUND),
      seen: SEEN['answer-claimed'],
      reason: 'second-claim',
      contested: true,
    },
    {
      name: 'answer a second time, by another',
      run: aRun('installing', BOUND),
      seen: { ...SEEN['answer-claimed'], source: STRANGER },
      reason: 'another-source',
      contested: true,
    },
    {
      name: 'answer asked for before all of the image',
      run: aRun('loading', { ...BOUND, imageDeliveredAt: undefined }),
      seen: SEEN['answer-requested'],
      reason: 'out-of-order',
      contested: true,
    },
    {
      name: 'answer asked for again',
      run: aRun('installing', BOUND),
      seen: SEEN['answer-requested'],
      reason: 'second-claim',
      contested: true,
    },
    {
      name: 'rubbish after the claim',
      run: aRun('installing', BOUND),
      seen: SEEN['answer-unusable'],
      reason: 'second-claim',
      contested: true,
    },
    {
      name: 'an invalid answer after the claim',
      run: aRun('installing', BOUND),
      seen: SEEN['answer-invalid'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'hook before the answer',
      run: aRun('live', BOUND),
      seen: SEEN['hook-fetched'],
      reason: 'out-of-order',
      contested: true,
    },
    {
      name: 'hook by another',
      run: aRun('claimed', BOUND),
      seen: { ...SEEN['hook-fetched'], source: STRANGER },
      reason: 'another-source',
      contested: true,
    },
    {
      name: 'webhook before the claim',
      run: aRun('live', BOUND),
      seen: SEEN.webhook,
      reason: 'out-of-order',
      contested: true,
    },
    {
      name: 'webhook by another',
      run: aRun('installing', BOUND),
      seen: { ...SEEN.webhook, source: STRANGER },
      reason: 'another-source',
      contested: true,
    },
    {
      name: 'another webhook later',
      run: aRun('installed', { ...BOUND, webhookDigest: 'd0' }),
      seen: SEEN.webhook,
      reason: 'other-webhook',
      contested: true,
    },
    {
      name: 'proof before the webhook',
      run: aRun('installing', BOUND),
      seen: SEEN['node-proved'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'plan without proof',
      run: aRun('installed', BOUND),
      seen: SEEN['plan-fetched'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'report without proof',
      run: aRun('installed', BOUND),
      seen: SEEN['step-reported'],
      reason: 'not-in-this-state',
      contested: false,
    },
    {
      name: 'trust where nothing is contested',
      run: aRun('live', BOUND),
      seen: SEEN.trust,
      reason: 'not-contested',
      contested: false,
    },
    {
      name: 'script while contested',
      run: aRun('booting', {}, { contested: true }),
      seen: SEEN['script-served'],
      reason: 'contested',
      contested: true,
    },
    {
      name: 'hook while contested',
      run: aRun('claimed', BOUND, { contested: true }),
      seen: SEEN['hook-fetched'],
      reason: 'contested',
      contested: true,
    },
    {
      name: 'answer of an expired run',
      run: aRun('expired'),
      seen: SEEN['answer-claimed'],
      reason: 'run-ended',
      contested: false,
    },
    {
      name: 'plan of a cancelled run',
      run: aRun('cancelled'),
      seen: SEEN['plan-fetched'],
      reason: 'run-ended',
      contested: false,
    },
  ];
  for (const { name, run, seen, reason, contested } of rows) {
    const result = transition(run, seen, NOW, DEFAULT_BUDGETS);
    t.equal(result.kind, 'refused', name);
    t.equal(result.kind === 'refused' && result.reason, reason, name);
    t.equal(result.run.contested, contested, `${name}: contested`);
    t.equal(result.run.state, run.state, `${name}: the state stays`);
    if (contested && !run.contested)
      t.ok(
        result.events.some((event) => event.code === 'run.contested'),
        `${name}: alarm`,
      );
  }
});

t.test('a machine that starts again', async (t) => {
  for (const state of ['loading', 'live'] as const) {
    const heard = transition(aRun(state, BOUND), SEEN['firmware-asked'], NOW, DEFAULT_BUDGETS);
    t.equal(heard.run.state, state, 'a DISCOVER moves nothing: anybody on the segment can forge one');
    t.equal(heard.run.data.boundAddress, NODE.address);
    t.strictSame(
      heard.events.map((event) => event.code),
      ['boot.firmware-asked'],
    );
    const again = transition(heard.run, SEEN['script-served'], NOW, DEFAULT_BUDGETS);
    t.equal(again.run.state, 'booting', 'its script does: that request is bound');
    t.equal(again.run.data.boundAddress, undefined, 'it may have another address now');
    t.strictSame(
      again.events.map((event) => event.code),
      ['boot.restarted', 'boot.script-served'],
    );
  }
  for (const state of ['claimed', 'installing', 'installed', 'configuring'] as const) {
    const result = transition(aRun(state, BOUND), SEEN['firmware-asked'], NOW, DEFAULT_BUDGETS);
    t.equal(result.run.state, state, `nothing changes in ${state}: it boots its disk`);
    t.strictSame(result.events, []);
  }
});

t.test('the live system may have another address than its loader, and the timeline says so', async (t) => {
  const elsewhere: Source = { ...NODE, address: '10.0.0.51' as Ipv4 };
  const claim: Observation = { ...SEEN['answer-claimed'], source: elsewhere };
  const early = transition(aRun('loading', BOUND), claim, NOW, DEFAULT_BUDGETS);
  t.equal(early.kind, 'refused', 'not before its own DHCP request was heard');
  t.equal(early.run.contested, true);
  const live = transition(aRun('loading', BOUND), SEEN['installer-seen'], NOW, DEFAULT_BUDGETS).run;
  t.equal(live.data.boundAddress, NODE.address, 'hearing it unbinds nothing');
  const otherMac = { ...claim, source: { ...elsewhere, mac: 'bc:24:11:00:00:02' as Mac } } as Observation;
  t.equal(transition(live, otherMac, NOW, DEFAULT_BUDGETS).run.contested, true, 'another MAC is another machine');
  const claimed = transition(live, claim, NOW, DEFAULT_BUDGETS);
  t.equal(claimed.kind, 'accepted');
  t.strictSame(
    claimed.events.map((event) => event.code),
    ['installer.address-changed', 'installer.answer-served'],
  );
  t.equal(claimed.run.data.boundAddress, elsewhere.address, 'and is fixed from the claim on');
  const hook = transition(claimed.run, SEEN['hook-fetched'], NOW, DEFAULT_BUDGETS);
  t.equal(hook.kind, 'refused');
});

t.test('ready rests on reports', async (t) => {
  const rows: ReadonlyArray<readonly [string, Partial<RunData>, RunState]> = [
    ['every module holds', HOLDS, 'ready'],
    ['a plan of no modules', { planModules: [] }, 'ready'],
    ['nothing was reported', { planModules: ['ssh'] }, 'failed'],
    ['one of two holds', { ...HOLDS, planModules: ['ssh', 'repositories'] }, 'failed'],
    ['applied, not verified', { planModules: ['ssh'], results: { ssh: { apply: 'changed' } } }, 'failed'],
    [
      'a second run changed something',
      { planModules: ['ssh'], results: { ssh: { verify: 'ok', reapply: 'changed' } } },
      'failed',
    ],
    [
      'the last verify failed',
      { planModules: ['ssh'], results: { ssh: { verify: 'failed', reapply: 'unchanged' } } },
      'failed',
    ],
  ];
  for (const [name, data, state] of rows) {
    const { run } = transition(aRun('configuring', { ...BOUND, ...data }), SEEN['plan-finished'], NOW, DEFAULT_BUDGETS);
    t.equal(run.state, state, name);
    t.equal(run.failure, state === 'failed' ? 'reports-missing' : undefined, name);
  }
  const unfetched = transition(aRun('configuring', BOUND), SEEN['plan-finished'], NOW, DEFAULT_BUDGETS);
  t.equal(unfetched.kind, 'refused', 'a plan that was never fetched cannot be done');
});

t.test('expiry does not wait for the sweep', async (t) => {
  const over = { expiresAt: NOW };
  for (const kind of ['script-served', 'kernel-requested', 'image-requested', 'answer-claimed'] as const) {
    const result = transition(aRun('loading', { ...BOUND, ...over }), SEEN[kind], NOW, DEFAULT_BUDGETS);
    t.equal(result.kind, 'refused', kind);
    t.equal(result.run.state, 'expired', kind);
  }
  t.equal(
    transition(aRun('claimed', { ...BOUND, ...over }), SEEN['hook-fetched'], NOW, DEFAULT_BUDGETS).run.state,
    'installing',
  );
});

t.test('a webhook that comes while the run is contested is kept, and taken by trust', async (t) => {
  const contested = aRun('installing', BOUND, { contested: true });
  const held = transition(contested, SEEN.webhook, NOW, DEFAULT_BUDGETS);
  t.equal(held.kind, 'accepted');
  t.equal(held.run.state, 'installing');
  const trusted = transition(held.run, SEEN.trust, NOW, DEFAULT_BUDGETS);
  t.equal(trusted.run.state, 'installed');
  t.equal(trusted.run.contested, false);
  t.same(
    trusted.events.map((event) => event.code),
    ['run.trusted', 'installer.installed'],
  );
  const forged = transition(contested, { ...SEEN.webhook, source: STRANGER }, NOW, DEFAULT_BUDGETS);
  const afterTrust = transition(forged.run, SEEN.trust, NOW, DEFAULT_BUDGETS);
  t.equal(afterTrust.kind, 'refused', "a stranger's report is not taken by trust either");
  t.equal(afterTrust.run.contested, true);
});

t.test('forged reports leave a place for the report of the bound machine', async (t) => {
  let run = aRun('installing', BOUND, { contested: true });
  const kinds = [];
  for (let n = 0; n < 6; n += 1) {
    const seen = transition(run, { ...SEEN.webhook, source: STRANGER, digest: `forged ${n}` }, NOW, DEFAULT_BUDGETS);
    kinds.push(seen.kind);
    run = seen.run;
  }
  t.same(kinds, ['accepted', 'accepted', 'refused', 'refused', 'refused', 'refused'], 'what is held is bounded');
  const held = transition(run, SEEN.webhook, NOW, DEFAULT_BUDGETS);
  t.equal(held.kind, 'accepted', 'its own is held all the same');
  const trusted = transition(held.run, SEEN.trust, NOW, DEFAULT_BUDGETS);
  t.match(trusted.run, { state: 'installed', contested: false, data: { webhookDigest: SEEN.webhook.digest } });
});

t.test('deadlines', async (t) => {
  const due = { deadlineAt: NOW };
  const expired = transition(aRun('armed', { expiresAt: NOW }, due), SEEN.deadline, NOW, DEFAULT_BUDGETS);
  t.equal(expired.run.state, 'expired');
  t.equal(transition(aRun('armed'), SEEN.deadline, NOW, DEFAULT_BUDGETS).run.state, 'armed', 'not before its time');
  const stalled = transition(aRun('installing', BOUND, due), SEEN.deadline, NOW, DEFAULT_BUDGETS);
  t.equal(stalled.run.state, 'installing');
  t.equal(stalled.run.data.stalledSince, NOW);
  t.match(describeEvent('run.stalled', stalled.events[0]?.data ?? {}), {
    severity: 'warning',
    cause: String,
    remedy: String,
  });
  t.match(waitingOf(stalled.run)?.do, /Likely cause/);
  const later = NOW + DEFAULT_BUDGETS.giveUp;
  const awake = transition(stalled.run, SEEN.webhook, later - 1, DEFAULT_BUDGETS);
  t.equal(awake.run.state, 'installed');
  t.equal(awake.run.data.stalledSince, undefined);
  t.equal(awake.events[0]?.code, 'run.resumed');
  t.equal(transition(stalled.run, SEEN.deadline, later, DEFAULT_BUDGETS).run.state, 'failed');
  const loading = transition(aRun('loading', BOUND, due), SEEN.deadline, NOW, DEFAULT_BUDGETS).run;
  t.equal(loading.deadlineAt, loading.data.expiresAt, 'before the claim the expiry of the run is the last word');
  t.equal(transition(loading, SEEN.deadline, loading.data.expiresAt, DEFAULT_BUDGETS).run.state, 'expired');
});

t.test('what silence means: by the last that was heard, one cause and one thing to do', async (t) => {
  const asked = (signal: 'discover' | 'boot-server' | 'ipxe', arch = 'x64-uefi'): Observation => ({
    kind: 'firmware-asked',
    ...{ arch, stage: signal === 'ipxe' ? 'iPXE' : 'firmware (PXE)', interfaceName: 'eno1', signal },
  });
  const rows: readonly {
    readonly name: string;
    readonly seen: readonly Observation[];
    readonly cause: RegExp;
    readonly remedy: RegExp;
  }[] = [
    {
      name: 'DISCOVER alone',
      seen: [asked('discover')],
      cause: /did not take our offer/,
      remedy: /^Run npx ironwake doctor/,
    },
    {
      name: 'it asks the boot server, again and again',
      seen: [asked('discover'), asked('boot-server'), asked('discover'), asked('boot-server')],
      cause: /request for the loader does not come through/,
      remedy: /UDP ports 69 and 4011/,
    },
    {
      name: 'loader fetched, and the firmware begins anew',
      seen: [asked('discover'), asked('boot-server'), SEEN['loader-fetched'], asked('discover')],
      cause: /Secure Boot/,
      remedy: /^Switch Secure Boot off/,
    },
    {
      name: 'the same with a BIOS, which has no Secure Boot',
      seen: [asked('discover', 'bios'), SEEN['loader-fetched']],
      cause: /no way to use the network card/,
      remedy: /^Look at the machine's screen/,
    },
    {
      name: 'iPXE asks',
      seen: [SEEN['loader-fetched'], asked('ipxe')],
      cause: /request for the script/,
      remedy: /8080/,
    },
    {
      name: 'script',
      seen: [asked('ipxe'), SEEN['script-served']],
      cause: /kernel was never asked for/,
      remedy: /boot script says there/,
    },
    {
      name: 'kernel',
      seen: [SEEN['script-served'], SEEN['kernel-requested']],
      cause: /image was never asked for/,
      remedy: /boot script says there/,
    },
    {
      name: 'half an image',
      seen: [SEEN['script-served'], SEEN['kernel-requested'], SEEN['image-requested']],
      cause: /transfer of the image stopped/,
      remedy: /^Restart the machine/,
    },
    {
      name: 'the whole image',
      seen: [SEEN['script-served'], SEEN['image-requested'], SEEN['image-delivered']],
      cause: /too little memory.*no driver for the network card/,
      remedy: /which of the two/,
    },
    {
      name: 'restarted in the middle of it, and no kernel this time',
      seen: [SEEN['script-served'], SEEN['image-requested'], SEEN['image-delivered'], SEEN['script-served']],
      cause: /kernel was never asked for/,
      remedy: /boot script says there/,
    },
  ];
  for (const { name, seen, cause, remedy } of rows) {
    const run = seen.reduce((now, each) => transition(now, each, NOW, DEFAULT_BUDGETS).run, aRun('armed'));
    const due = { ...run, deadlineAt: NOW };
    const stalled = transition(due, SEEN.deadline, NOW, DEFAULT_BUDGETS);
    const event = stalled.events.find(({ code }) => code === 'run.stalled');
    t.match(describeEvent('run.stalled', event?.data ?? {}), { cause, remedy }, name);
    const line = waitingOf(stalled.run)?.do ?? '';
    t.match(line, cause, `${name}: and the view says it`);
    t.match(line, remedy);
  }
  const later: readonly (readonly [RunState, RegExp, RegExp])[] = [
    ['live', /request does not come through/, /8443/],
    ['claimed', /refused the answer/, /names the key/],
    ['installing', /stopped at an error/, /log is in \/tmp/],
    ['installed', /did not boot from its disk/, /login prompt/],
    ['configuring', /step of the plan hangs/, /journalctl -u ironwake-first-boot/],
  ];
  for (const [state, cause, remedy] of later) {
    const { events } = transition(aRun(state, BOUND, { deadlineAt: NOW }), SEEN.deadline, NOW, DEFAULT_BUDGETS);
    t.match(describeEvent('run.stalled', events[0]?.data ?? {}), { cause, remedy }, state);
  }
  t.equal(
    transition(
      aRun('booting', { lastStage: 'iPXE', arch: 'bios', bootSignal: 'ipxe' }),
      { ...asked('ipxe', 'bios') },
      NOW,
      DEFAULT_BUDGETS,
    ).run.revision,
    7,
    'a repetition writes nothing',
  );
});

t.test('release by code: how long a person may take, how often he may be wrong, and for which key', async (t) => {
  const HOUR = 60 * MINUTE;
  const step = (run: Run, seen: Observation, now: number) => transition(run, seen, now, DEFAULT_BUDGETS);
  const withheld: Partial<RunData> = { ...BOUND, ...HOLDS, withheld: ['admin-user'], provedFingerprint: 'SHA256:x' };

  const stalled = aRun('configuring', { ...withheld, stalledSince: NOW - MINUTE });
  const waiting = step(stalled, SEEN['code-awaited'], NOW).run;
  t.match(waiting, { deadlineAt: NOW + 24 * HOUR, data: { waitingForCodeSince: NOW } });
  t.equal(waiting.data.stalledSince, undefined, 'a node that waits for a person is not stalled');
  t.equal(step(waiting, SEEN['code-awaited'], NOW + HOUR).run, waiting, 'asking again wins no time');
  const reported = step(waiting, SEEN['step-reported'], NOW + HOUR).run;
  t.equal(reported.deadlineAt, NOW + 24 * HOUR, 'nor does a report that was held up');
  t.equal(step(reported, SEEN.deadline, NOW + 24 * HOUR - 1).run.state, 'configuring');
  t.match(step(reported, SEEN.deadline, NOW + 24 * HOUR).run, { state: 'failed', failure: 'not-confirmed' });

  const wrong: Observation = { kind: 'code-entered', right: false, by: 'admin' };
  let guessed = waiting;
  for (let n = 0; n < 5; n += 1) guessed = step(guessed, wrong, NOW).run;
  t.match(step(guessed, SEEN['code-entered'], NOW + 10 * MINUTE - 1), { kind: 'refused', reason: 'too-many-codes' });
  t.match(step(guessed, SEEN['code-entered'], NOW + 10 * MINUTE), { kind: 'accepted' });
  t.match(step(guessed, wrong, NOW + 10 * MINUTE), { reason: 'wrong-code', run: { data: { codeFailures: 1 } } });

  const confirmed = step(waiting, SEEN['code-entered'], NOW).run;
  t.equal(confirmed.data.confirmedAt, NOW);
  t.equal(step(confirmed, SEEN['node-proved'], NOW + 1).run.data.confirmedAt, NOW, 'the same host key stays confirmed');
  const other = step(confirmed, { ...SEEN['node-proved'], fingerprint: 'SHA256:other' }, NOW + 1).run;
  t.equal(other.data.confirmedAt, undefined, 'another host key is not');
  t.match(step(other, SEEN['plan-fetched'], NOW + 2), { kind: 'refused' }, 'and gets nothing that was withheld');
});

t.test('a failed plan fails the run', async (t) => {
  const result = transition(
    aRun('configuring', { ...BOUND, ...HOLDS }),
    { kind: 'plan-finished', result: 'failed' },
    NOW,
    DEFAULT_BUDGETS,
  );
  t.equal(result.run.state, 'failed');
  t.equal(result.run.failure, 'plan-failed');
});

t.test('every state takes every observation: no throw, revision and deadline hold', async (t) => {
  const kinds = Object.keys(SEEN) as Observation['kind'][];
  fc.assert(
    fc.property(
      fc.constantFrom(...RUN_STATES),
      fc.boolean(),
      fc.constantFrom(undefined, NODE.address, STRANGER.address),
      fc.array(fc.tuple(fc.constantFrom(...kinds), fc.boolean(), fc.integer({ min: 0, max: 40 * MINUTE })), {
        maxLength: 25,
      }),
      (state, contested, boundAddress, seen) => {
        let run = aRun(state, { boundAddress }, { contested });
        let now = NOW;
        for (const [kind, byStranger, later] of seen) {
          now += later;
          const made: Observation = SEEN[kind];
          const observation = byStranger && 'source' in made ? { ...made, source: STRANGER } : made;
          const before = run;
          const result = transition(before, observation, now, DEFAULT_BUDGETS);
          run = result.run;
          const changed = JSON.stringify({ ...run, revision: 0 }) !== JSON.stringify({ ...before, revision: 0 });
          if (changed && run.revision <= before.revision)
            throw new Error(`${kind} in ${before.state} changed without a new revision`);
          if (ENDED_STATES.has(before.state) && run.state !== before.state)
            throw new Error(`${kind} left ${before.state}`);
          if (ENDED_STATES.has(run.state) !== (run.deadlineAt === undefined))
            throw new Error(`${kind}: deadline and end disagree in ${run.state}`);
          if (
            before.contested &&
            kind !== 'trust' &&
            kind !== 'cancel' &&
            kind !== 'deadline' &&
            run.state !== before.state &&
            run.state !== 'expired'
          ) {
            throw new Error(`${kind} moved a contested run`);
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('every event has words, whatever its data', async (t) => {
  for (const code of EVENT_CODES) {
    const words = describeEvent(code, {});
    t.ok(words.text.length > 5, code);
    t.notMatch(JSON.stringify(words), /undefined|\[object/, code);
  }
});

t.test('every state that lasts says what it waits for', async (t) => {
  for (const state of RUN_STATES) t.equal(waitingOf(aRun(state)) === undefined, ENDED_STATES.has(state), state);
});
