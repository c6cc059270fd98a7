/** Arming, cancelling and trusting: what an administrator decides about a run. */
import { IronwakeError, invalid } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { buildPlan } from '../postinstall/plan.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { Observation } from '../runs/observation.ts';
import { ENDED_STATES, type Run, type RunData } from '../runs/run.ts';
import { shifted } from '../runs/set-clock.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { currentNode, refuseArchived } from './change-node.ts';
import { withFreeAddresses } from './free-addresses.ts';
import { imageCalled } from './images.ts';
import { answerOf } from './install.ts';
import type { Journey } from './journey.ts';
import { refuseLockOut } from './lock-out.ts';
import { machineFactsOf } from './machine-facts.ts';
import { nodeProfileOf } from './node-profile.ts';
import { observe } from './observe.ts';
import { endOverdue } from './overdue.ts';
import type { AuditOf, MediaRecord } from './ports.ts';
import { rootPasswordFor } from './root-password.ts';
import { secretsOf, withSecrets } from './secrets.ts';
import { snapshotOf } from './snapshot.ts';

const MINUTE = 60_000;

export interface ArmOptions {
  /** Id, the beginning of it, or the short name of an image; the newest that fits the profile when absent. */
  readonly media?: string | undefined;
  readonly expiresMinutes?: number | undefined;
  /** Who arms, for the timeline. */
  readonly by: string;
  /** What the audit log says of it, written with it or not at all. */
  readonly audit?: AuditOf<Run> | undefined;
  /** Where no person wanted it. */
  readonly armedBy?: RunData['armedBy'];
}

/**
 * Arms one installation of a node. Everything that can be checked now is checked now: image, profile, answer, parameters, secrets.
 * @throws IronwakeError `node.protected`, `node.never-installed`, `node.archived` (409); `run.active` (409) when one is under way; `media.none`, `media.unknown`; `answer.invalid`; `plan.*`; `secret.unknown`
 */
export async function armNode(journey: Journey, node: Node, options: ArmOptions): Promise<Run> {
  refuseInstallation(node);
  await endOverdue(journey, node);
  const { profile } = await withFreeAddresses(journey, node, (check) =>
    journey.store.transaction(async (repositories) => {
      const made = await nodeProfileOf(journey, repositories, node, 'take', check.avoid);
      check.accept(made.holdings);
      const warnings = check.warnings(node, made.holdings);
      if (warnings.length > 0) await repositories.events.append(warnings);
      return made;
    }),
  );
  const media = await chooseMedia(journey, profile, options.media);
  // Opened now: an image whose file is gone is found before a machine waits for it.
  await journey.images.file(media, media.kernelPath);
  const snapshot = snapshotOf(profile);
  const { product, release } = media;
  // Before the parameters are judged: an empty list of keys is refused there, too, in words that say less.
  refuseLockOut(profile);
  const open = await secretsOf(journey);
  buildPlan({ postInstall: withSecrets(snapshot.postInstall, open), product, release });
  const minutes = options.expiresMinutes ?? profile.install.expiresMinutes;
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 7 * 24 * 60) {
    throw invalid(
      'run.expiry',
      'expiresMinutes',
      'an armed run lives from 1 minute to 7 days',
      'Give whole minutes, for example 60.',
    );
  }
  const now = journey.clock.now();
  const id = uuidv7(now, journey.keys.randomBytes);
  const run: Run = {
    id,
    nodeId: node.id,
    state: 'armed',
    failure: undefined,
    contested: false,
    generation: 1,
    mediaId: media.id,
    armedAt: now,
    stateSince: now,
    deadlineAt: now + minutes * MINUTE,
    endedAt: undefined,
    revision: 1,
    data: {
      profileName: profile.name,
      profileVersion: profile.version,
      profile: { ...snapshot },
      ...rootPasswordFor(journey, id, snapshot.install, open),
      expiresAt: now + minutes * MINUTE,
      ...(options.armedBy !== undefined && { armedBy: options.armedBy }),
    },
  };
  const [segment] = journey.segments();
  if (segment !== undefined) {
    answerOf(journey, {
      node,
      run,
      release: media.release,
      product: media.product,
      segment,
      bootMac: node.macs[0],
      machine: await machineFactsOf(journey, node),
    });
  }
  await journey.timekeeping.follow();
  const armed = await journey.store.transaction(async (repositories) => {
    // Once more: meanwhile somebody may have protected, archived or removed it.
    refuseInstallation(await currentNode(repositories, node.id));
    // It begins when it is written: nothing between may have been decided by a clock that was set meanwhile.
    const at = journey.clock.now();
    const written = shifted(run, at - now);
    await repositories.runs.insert(written);
    await repositories.events.append([
      {
        at,
        mac: node.macs[0],
        nodeId: node.id,
        runId: run.id,
        code: 'run.armed',
        data: { media: media.name, by: options.by, expiresInMs: minutes * MINUTE },
      },
    ]);
    if (options.audit !== undefined) await repositories.audit.append(options.audit(written));
    return written;
  });
  journey.changes.notify();
  return armed;
}

/**
 * A node that must not be installed, whoever asks.
 * @throws IronwakeError `node.archived`, `node.protected`, `node.never-installed` (409)
 */
function refuseInstallation(node: Node): void {
  refuseArchived(node);
  const { fqdn } = node;
  if (node.protected) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'node.protected',
      message: `${fqdn} is protected: an installation would erase its disks`,
      remedy: `If that is what you want: npx ironwake node unprotect ${fqdn}`,
    });
  }
  if (node.installPolicy === 'never') {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'node.never-installed',
      message: `the install policy of ${fqdn} is never`,
      remedy: `If it is to be installed after all: npx ironwake node set ${fqdn} --install-policy once`,
    });
  }
}

/**
 * Arms a new installation like the node's last one: the same image, the same time to live; profile and values as they are now.
 * @throws IronwakeError `run.never` for a node that was never armed, and what `armNode` throws
 */
export async function retryNode(
  journey: Journey,
  node: Node,
  { by, audit }: Pick<ArmOptions, 'by' | 'audit'>,
): Promise<Run> {
  await endOverdue(journey, node);
  const last = await journey.store.runs.latestOf(node.id);
  if (last === undefined) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'run.never',
      message: `${node.fqdn} has never been armed`,
      remedy: `Arm it: npx ironwake node install ${node.fqdn}`,
    });
  }
  refuseActive(node, last);
  const minutes = Math.round((last.data.expiresAt - last.armedAt) / MINUTE);
  const expiresMinutes = Math.min(Math.max(1, minutes), 7 * 24 * 60);
  return armNode(journey, node, { media: last.mediaId, expiresMinutes, by, audit });
}

/** Said before anything is rendered or drawn from a pool; the store's index holds it against two at once. */
function refuseActive(node: Node, last: Run): void {
  if (ENDED_STATES.has(last.state)) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'run.active',
    message: `${node.fqdn} has an installation under way (state ${last.state})`,
    remedy: `Wait for it to end (npx ironwake node watch), or stop it first: npx ironwake node cancel ${node.fqdn}`,
  });
}

/**
 * The image that a name stands for, else the newest that fits the profile.
 * @throws IronwakeError `media.unknown`, `media.ambiguous`, `media.none`
 */
export async function chooseMedia(
  journey: Journey,
  profile: ResolvedProfile,
  wanted: string | undefined,
): Promise<MediaRecord> {
  const all = await journey.store.media.list();
  if (wanted !== undefined) return imageCalled(all, wanted);
  const fitting = all.filter(
    (media) =>
      media.product === (profile.product ?? 'pve') &&
      (profile.release === undefined || media.release === profile.release),
  );
  const newest = fitting.sort((a, b) => compareReleases(b, a))[0];
  if (newest !== undefined) return newest;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'media.none',
    message: `there is no image of ${profile.product ?? 'pve'}${profile.release === undefined ? '' : ` ${profile.release}`}, which profile '${profile.name}' needs`,
    remedy: 'Import the installer image: npx ironwake media add FILE.iso',
  });
}

/** By release, then by the image's own number, then by the time it was added. */
function compareReleases(a: MediaRecord, b: MediaRecord): number {
  const numbers = (media: MediaRecord): number[] => [...media.release.split('.'), media.isoRelease].map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.addedAt - b.addedAt;
}

/** A run before and after a decision about it. */
export interface Decided {
  readonly before: Run;
  readonly after: Run;
}

/** @throws IronwakeError `run.none` when nothing is under way */
export async function cancelRun(journey: Journey, node: Node, by: string, audit?: AuditOf<Decided>): Promise<void> {
  await decide(journey, node, { kind: 'cancel', by }, audit);
}

/** @throws IronwakeError `run.none`, `run.not-contested` */
export async function trustRun(journey: Journey, node: Node, by: string, audit?: AuditOf<Decided>): Promise<void> {
  await decide(journey, node, { kind: 'trust', by }, audit);
}

async function decide(
  journey: Journey,
  node: Node,
  observation: Extract<Observation, { kind: 'cancel' | 'trust' }>,
  audit: AuditOf<Decided> | undefined,
): Promise<void> {
  const run = await journey.store.runs.activeOf(node.id);
  if (run === undefined) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'run.none',
      message: `${node.fqdn} has no installation under way`,
      remedy: `Arm one: npx ironwake node install ${node.fqdn}`,
    });
  }
  const done = await observe(journey, run.id, observation, async (repositories, after, before) => {
    if (audit !== undefined) await repositories.audit.append(audit({ before, after }));
  });
  if (done.kind === 'refused' && done.reason === 'run-ended') {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'run.none',
      message: `the installation of ${node.fqdn} is over: its time ran out`,
      remedy: `Arm it again: npx ironwake node install ${node.fqdn}`,
    });
  }
  if (done.kind === 'refused' && done.reason !== 'not-contested') {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'run.contested-again',
      message: `a report that was kept while ${node.fqdn} was contested contests it again`,
      remedy: `It did not come from the machine of this run: cancel it (npx ironwake node cancel ${node.fqdn}) and look for the stranger.`,
    });
  }
  if (done.kind === 'refused') {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'run.not-contested',
      message: `the installation of ${node.fqdn} is not contested`,
      remedy: 'There is nothing to trust; see npx ironwake node show.',
    });
  }
}
