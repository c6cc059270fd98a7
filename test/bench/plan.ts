/** The plan: building and rendering a full one, which the daemon does for each node that asks. */
import type { Measurement } from '../../scripts/bench.ts';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDX4Rq8CB1kN0Wk7n2f0CJ4H5GvV6Qb1v8gK6ZxqZ8aM admin@laptop';
const POST_INSTALL = {
  repositories: {},
  upgrade: {},
  time: { servers: ['192.0.2.123'] },
  locale: { lang: 'en_US.UTF-8' },
  timezone: { zone: 'Europe/Berlin' },
  sysctl: {},
  'kernel-modules': {},
  services: {},
  'unattended-upgrades': {},
  'admin-user': { name: 'ops', keys: [KEY] },
  ssh: {},
};
const ROUNDS = 100;

export async function run(): Promise<Measurement> {
  const context = { baseUrl: 'https://10.0.0.2:8443', pins: [`${'A'.repeat(43)}=`], runId: 'bench' };
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = performance.now();
    const plan = buildPlan({ postInstall: POST_INSTALL, product: 'pve', release: '9.2' });
    bytes = Buffer.byteLength(bundlePlan(plan, context));
    times.push(performance.now() - from);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(share * (ROUNDS - 1))] ?? 0).toFixed(1);
  return {
    title: 'Rendering a plan (goal: below 20 ms)',
    rows: [
      {
        modules: Object.keys(POST_INSTALL).length,
        KiB: Math.round(bytes / 1024),
        'first ms': (times[0] ?? 0).toFixed(1),
        'p50 ms': at(0.5),
        'p99 ms': at(0.99),
      },
    ],
  };
}
