/**
 * Rotation of the daemon's certificate. The next key pair is made first and its pin given out beside the present one; the change comes when no
 * run under way depends on the old one any more, or at once when an administrator says so.
 */
import { messageOf } from '../errors.ts';
import type { Run, RunState } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import { eventOf } from './observe.ts';
import type { AuditOf } from './ports.ts';

export interface Rotation {
  /** False: the next certificate waits for the runs in `dependents`. */
  readonly switched: boolean;
  /** Full names of the nodes whose runs the change would break; after a change at once: those that it has broken. */
  readonly dependents: readonly string[];
}

/** Between the first byte of an image that demands the old certificate and the end of its installer. */
const INSTALLER_STATES: ReadonlySet<RunState> = new Set(['loading', 'live', 'claimed', 'installing']);

/** Whether a run under way would meet a server that it was not told about. */
function dependsOnPresent({ state, data }: Run, nextPin: string): boolean {
  if (INSTALLER_STATES.has(state)) return true;
  const isUp = state === 'installed' || state === 'configuring';
  return isUp && !(data.knownPins ?? []).includes(nextPin);
}

/** Full names of the nodes whose runs depend on the present certificate. */
export async function dependentsOf(journey: Journey): Promise<readonly string[]> {
  const { next } = journey.certificates;
  if (next === undefined) return [];
  const { runs, nodes } = journey.store;
  const names = [];
  for (const run of await runs.active())
    if (dependsOnPresent(run, next.publicKeyPin)) names.push((await nodes.byId(run.nodeId))?.fqdn ?? run.nodeId);
  return names;
}

/**
 * Makes the next certificate if there is none, and changes to it if nothing stands against it, or `atOnce`.
 * @param audit called before the change, while `journey.certificates` still has the present one and the next
 */
export async function rotateCertificate(
  journey: Journey,
  atOnce: boolean,
  audit?: AuditOf<Rotation>,
): Promise<Rotation> {
  await journey.certificates.prepare(journey.clock.now());
  return changeOver(journey, atOnce, audit);
}

/** Looks and changes within one transaction: no run can come to depend on the old certificate in between. */
async function changeOver(journey: Journey, atOnce: boolean, audit?: AuditOf<Rotation>): Promise<Rotation> {
  const { certificates, store, log } = journey;
  const { next } = certificates;
  if (next === undefined) return { switched: false, dependents: [] };
  const rotation = await store.transaction(async (repositories) => {
    const { runs, nodes, events } = repositories;
    const found = [];
    for (const run of await runs.active()) {
      if (!dependsOnPresent(run, next.publicKeyPin)) continue;
      const node = await nodes.byId(run.nodeId);
      if (node !== undefined) found.push({ run, node });
    }
    const switched = found.length === 0 || atOnce;
    const decided = { switched, dependents: found.map(({ node }) => node.fqdn) };
    if (audit !== undefined) await repositories.audit.append(audit(decided));
    if (!switched) return decided;
    await events.append(
      found.map(({ run, node }) => eventOf(journey, { code: 'run.certificate-changed', data: {} }, node, run)),
    );
    // Last: what cannot be written down is not done.
    await certificates.adopt();
    return decided;
  });
  if (rotation.switched) {
    log.info({ fingerprint: next.fingerprint, broken: rotation.dependents }, 'the certificate has changed');
    journey.changes.notify();
  }
  return rotation;
}

const LOOK_AGAIN_MS = 60_000;

/** Changes to a prepared certificate as soon as nothing depends on the old one, also after a restart. */
export function startRotation(journey: Journey): { stop(): Promise<void> } {
  let stopped = false;
  let cancel = (): void => {};
  let work: Promise<void> = Promise.resolve();
  let asked = false;
  const look = async (): Promise<void> => {
    asked = false;
    cancel();
    if (stopped || journey.certificates.next === undefined) return;
    try {
      await changeOver(journey, false);
    } catch (error) {
      journey.log.error(
        { err: messageOf(error) },
        'the prepared certificate could not be taken into use; it is tried again',
      );
    }
    if (!stopped && journey.certificates.next !== undefined) cancel = journey.clock.after(LOOK_AGAIN_MS, ask);
  };
  function ask(): void {
    if (asked || stopped || journey.certificates.next === undefined) return;
    asked = true;
    work = work.then(look);
  }
  const unlisten = journey.changes.listen(ask);
  ask();
  return {
    async stop() {
      stopped = true;
      unlisten();
      cancel();
      await work;
    },
  };
}
