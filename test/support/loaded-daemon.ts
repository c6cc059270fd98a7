/**
 * A child process of the kill test: the journey's one way to change a run (load, transition, one transaction) over the real store, under load by
 * itself. It waits for the path of the database on its standard input (so that its start-up costs the test nothing), then writes one line for every
 * write that was acknowledged, after it was. It never ends by itself.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/clock.ts';
import { createChanges } from '../../src/journey/changes.ts';
import type { Journey } from '../../src/journey/journey.ts';
import { createMetrics } from '../../src/journey/metrics.ts';
import { observe } from '../../src/journey/observe.ts';
import { createThrottle } from '../../src/journey/throttle.ts';
import { silentLog } from '../../src/log.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { DEFAULT_BUDGETS } from '../../src/runs/budgets.ts';
import type { Observation } from '../../src/runs/observation.ts';
import { openStore } from '../../src/store/store.ts';
import { aNode, aRun } from '../core/store/fixtures.ts';

/** What the parent may rely on from now on. */
export type Acknowledged =
  | { readonly kind: 'node'; readonly id: string; readonly fqdn: string }
  | { readonly kind: 'run'; readonly id: string; readonly revision: number; readonly state: string }
  | { readonly kind: 'report'; readonly run: string; readonly seq: number }
  | { readonly kind: 'secret'; readonly name: string };

const acknowledge = (what: Acknowledged): void => {
  writeSync(1, `${JSON.stringify(what)}\n`);
};

const lines = createInterface({ input: process.stdin });
writeSync(1, '"waiting"\n');
const [databasePath = '', from = '0'] = (await new Promise<string>((resolve) => lines.once('line', resolve))).split(
  ' ',
);
// Should the parent die, nobody reads the acknowledgements.
lines.once('close', () => process.exit(0));

const store = await openStore({ path: databasePath, log: silentLog });
const parts: Pick<Journey, 'store' | 'clock' | 'log' | 'budgets' | 'changes' | 'metrics' | 'throttle'> = {
  store,
  clock: systemClock,
  log: silentLog,
  budgets: DEFAULT_BUDGETS,
  changes: createChanges(),
  metrics: createMetrics(),
  throttle: createThrottle(systemClock),
};
// A run changes through these parts alone; the others need a network.
const journey = parts as Journey;
let number = Number(from);

/** One machine after another, from registration to the end of its installation; every third is armed again and cancelled. */
async function machines(): Promise<never> {
  for (;;) {
    number += 1;
    const n = number;
    const mac =
      `02:00:${[24, 16, 8, 0].map((shift) => ((n >> shift) & 255).toString(16).padStart(2, '0')).join(':')}` as Mac;
    const node = aNode({ id: `node-${n}`, fqdn: `pve${n}.lab.example` as never, macs: [mac] });
    await store.nodes.insert(node);
    acknowledge({ kind: 'node', id: node.id, fqdn: node.fqdn });
    await install(node.id, `run-${n}`, mac, stepsOf(mac));
    if (n % 3 === 0) await install(node.id, `run-${n}-again`, mac, [{ kind: 'cancel', by: 'admin' }]);
  }
}

async function install(nodeId: string, id: string, mac: Mac, steps: readonly Observation[]): Promise<void> {
  const now = systemClock.now();
  const base = aRun();
  const run = aRun({
    id,
    nodeId,
    armedAt: now,
    stateSince: now,
    deadlineAt: now + 3_600_000,
    data: { ...base.data, expiresAt: now + 3_600_000 },
  });
  await store.transaction(async (repositories) => {
    await repositories.runs.insert(run);
    await repositories.events.append([{ at: now, mac, nodeId, runId: id, code: 'run.armed', data: { by: 'admin' } }]);
  });
  acknowledge({ kind: 'run', id, revision: 1, state: 'armed' });
  for (const step of steps) {
    const seen = await observe(journey, id, step, async (repositories) => {
      if (step.kind === 'step-reported') await repositories.runs.saveReport(id, step.report);
    });
    acknowledge({ kind: 'run', id, revision: seen.run.revision, state: seen.run.state });
    if (step.kind === 'step-reported') acknowledge({ kind: 'report', run: id, seq: step.report.seq });
  }
}

async function secrets(): Promise<never> {
  for (let n = 0; ; n += 1) {
    const name = `s-${from}-${n}`;
    await store.secrets.put(name, `value ${n}`, n);
    acknowledge({ kind: 'secret', name });
  }
}

function stepsOf(mac: Mac): readonly Observation[] {
  const source = { address: '127.0.0.2' as Ipv4, interfaceName: 'lo', mac };
  const report = (seq: number) => ({
    kind: 'step-reported' as const,
    report: {
      seq,
      module: 'ssh',
      step: 'apply' as const,
      result: 'changed' as const,
      startedAt: 1,
      durationMs: 2,
      output: 'x'.repeat(2000),
      detail: '',
    },
  });
  return [
    { kind: 'firmware-asked', arch: 'bios', stage: 'PXE', interfaceName: 'lo' },
    { kind: 'loader-fetched', file: 'undionly.kpxe', via: 'TFTP', bytes: 70_000 },
    { kind: 'script-served', source },
    { kind: 'kernel-requested', source },
    { kind: 'image-requested', source, totalBytes: 1000, fingerprint: 'AA' },
    { kind: 'image-progress', bytes: 500 },
    { kind: 'image-delivered', bytes: 1000, durationMs: 10 },
    { kind: 'installer-seen' },
    { kind: 'answer-claimed', source, answer: '[global]\n'.repeat(50), product: 'pve', release: '9.2' },
    { kind: 'hook-fetched', source, pins: [] },
    {
      kind: 'webhook',
      source,
      digest: 'd1',
      readable: true,
      document: {},
      hostKeys: {},
      fqdn: 'x.lab.example',
      product: 'pve',
      version: '9.2.1',
    },
    { kind: 'node-proved', keyType: 'ssh-ed25519', fingerprint: 'SHA256:x', credentialHash: 'h', source },
    { kind: 'plan-fetched', modules: ['ssh'], probePublicKey: 'p', sealedProbeKey: 'v1.y' },
    report(1),
    report(2),
    report(3),
    { kind: 'plan-finished', result: 'ok' },
  ];
}

await Promise.all([machines(), machines(), machines(), secrets()]);
