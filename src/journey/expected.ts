/**
 * Whether a request is one that the daemon waits for. Asked only for callers from an address that is shut out for its refusals: behind a
 * gateway an honest machine and a stranger have one address, and the stranger must not be able to shut the machine out. One look-up and one MAC
 * each, so that it is no work worth ordering.
 */
import type { Mac } from '../net/mac.ts';
import type { TokenStep } from '../runs/run.ts';
import { ENDED_STATES, type Run } from '../runs/run.ts';
import { nodeOf } from './configure.ts';
import type { Journey } from './journey.ts';
import { holderOf } from './tokens.ts';

export type Knock =
  /** A step token of the image, or one of the installer's. */
  | { readonly kind: 'step'; readonly token: string; readonly steps: readonly TokenStep[] }
  /** The boot script of a machine. */
  | { readonly kind: 'script'; readonly mac: Mac }
  | { readonly kind: 'credential'; readonly credential: string }
  /** A first boot that has no credential yet: names its run, which was told to nobody but the node, under our pin. */
  | { readonly kind: 'first-boot'; readonly runId: string };

export async function isExpected(journey: Journey, knock: Knock): Promise<boolean> {
  const run = await runOf(journey, knock);
  // A contested run releases nothing, so that there is nothing to wait for.
  return run !== undefined && !ENDED_STATES.has(run.state) && !run.contested;
}

async function runOf(journey: Journey, knock: Knock): Promise<Run | undefined> {
  switch (knock.kind) {
    case 'step':
      for (const step of knock.steps) {
        const holder = await holderOf(journey, knock.token, step);
        if (holder !== undefined) return holder.run;
      }
      return undefined;
    case 'script': {
      const node = await journey.store.nodes.byMac(knock.mac);
      return node === undefined ? undefined : journey.store.runs.activeOf(node.id);
    }
    case 'credential':
      return (await nodeOf(journey, knock.credential))?.run;
    case 'first-boot':
      return journey.store.runs.byId(knock.runId);
  }
}
