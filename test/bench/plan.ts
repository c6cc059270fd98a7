/** The plan: building and rendering one of every module there is, which the daemon does for each node that asks. */
import type { Measurement } from '../../scripts/bench.ts';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { everyModule } from './every-module.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDX4Rq8CB1kN0Wk7n2f0CJ4H5GvV6Qb1v8gK6ZxqZ8aM admin@laptop';
const KEYRING = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQGNBGdlbg==\n=Ab1d\n-----END PGP PUBLIC KEY BLOCK-----\n';
const ROUNDS = 100;

export async function run(): Promise<Measurement> {
  const postInstall = everyModule({
    key: KEY,
    server: '10.0.0.2',
    timeServer: '192.0.2.123',
    mirror: { url: 'http://10.0.0.2:8081', keyring: KEYRING },
    port: 'eno1',
  });
  const context = { baseUrl: 'https://10.0.0.2:8443', pins: [`${'A'.repeat(43)}=`], runId: 'bench' };
  const times = (count: number, work: () => void): readonly number[] =>
    Array.from({ length: count }, () => {
      const from = performance.now();
      work();
      return performance.now() - from;
    });
  const build = () => buildPlan({ postInstall, product: 'pve', release: '9.2' });
  // Arming a node builds its plan to check it: that is where templates are read and compiled, and nobody at a node waits for it.
  const [armed = 0] = times(1, build);
  let bytes = 0;
  const rendered = times(ROUNDS, () => {
    bytes = Buffer.byteLength(bundlePlan(build(), context));
  });
  const sorted = rendered.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(share * (ROUNDS - 1))] ?? 0).toFixed(1);
  return {
    title: 'Rendering a plan of every module (goal: below 20 ms), ms',
    rows: [
      {
        modules: Object.keys(postInstall).length,
        KiB: Math.round(bytes / 1024),
        'checked first, when a node is armed': armed.toFixed(1),
        'rendered first': (rendered[0] ?? 0).toFixed(1),
        p50: at(0.5),
        p99: at(0.99),
      },
    ],
  };
}
