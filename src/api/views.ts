/** From the domain's values to the shapes of the contract. Pure: the same run and events give the same view. */
import type { DiscoveredMachine, Node } from '../nodes/node.ts';
import type { Watch } from '../nodes/watch.ts';
import { describeEvent, type EventCode } from '../runs/events.ts';
import { ENDED_STATES, type Run, type StepReport } from '../runs/run.ts';
import { waitingOf } from '../runs/waiting.ts';
import type {
  DiscoveredView,
  EventView,
  MediaView,
  NodeDetails,
  NodeView,
  ReportView,
  RunView,
  WaitingView,
  WatchView,
} from './schemas.ts';

/** A row of the timeline as the store gives it (journey's TimelineEvent). */
export interface EventRow {
  readonly id: number;
  readonly at: number;
  readonly mac: string | undefined;
  readonly nodeId: string | undefined;
  readonly runId: string | undefined;
  readonly code: EventCode;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An image as the store gives it (journey's MediaRecord). */
export interface MediaRow extends Omit<MediaView, 'addedAt' | 'present'> {
  readonly addedAt: number;
}

/** `fingerprintOf` names a host key (trust's business): `ssh-ed25519 AAAA...` -> `SHA256:...`. */
export interface RunContext {
  readonly fingerprintOf: (publicKey: string) => string;
}

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at));

/** `rule`: name of the rule that registered it, if that is still there. */
export function nodeDetails(node: Node, rule: string | undefined): NodeDetails {
  return {
    id: node.id,
    fqdn: node.fqdn,
    macs: [...node.macs],
    profile: node.profile,
    tags: [...node.tags],
    values: { ...node.values },
    notes: node.notes,
    installPolicy: node.installPolicy,
    protected: node.protected,
    ...(node.archivedAt !== undefined && { archivedAt: iso(node.archivedAt), formerMacs: [...node.formerMacs] }),
    site: node.site,
    revision: node.revision,
    createdAt: iso(node.createdAt),
    ...(rule !== undefined && { rule }),
  };
}

/** Nothing of the answer, of sealed values, hashes, credentials or nonces leaves by this door: fields are named one by one. */
export function runView(run: Run, { fingerprintOf }: RunContext): RunView {
  const {
    imageBytes,
    imageTotalBytes,
    hostKeys,
    boundAddress,
    profileName,
    stalledSince,
    withheld = [],
    confirmedAt,
  } = run.data;
  const keys = [hostKeys?.ed25519, hostKeys?.ecdsa, hostKeys?.rsa].filter((key) => key !== undefined);
  return {
    id: run.id,
    state: run.state,
    ended: ENDED_STATES.has(run.state),
    contested: run.contested,
    failure: run.failure ?? null,
    mediaId: run.mediaId,
    profile: profileName,
    armedAt: iso(run.armedAt),
    stateSince: iso(run.stateSince),
    deadlineAt: isoOrNull(run.deadlineAt),
    endedAt: isoOrNull(run.endedAt),
    stalledSince: isoOrNull(stalledSince),
    address: boundAddress ?? null,
    progress: imageTotalBytes === undefined ? null : { sentBytes: imageBytes ?? 0, totalBytes: imageTotalBytes },
    ...(withheld.length > 0 && confirmedAt === undefined && { withheld: [...withheld] }),
    fingerprints: keys.map(fingerprintOf),
  };
}

/** A node that was never armed waits for an administrator; one whose run has ended waits for nothing. */
export function waitingView(run: Run | undefined): WaitingView | null {
  if (run === undefined)
    return { for: 'an administrator to arm it', until: null, do: 'npx ironwake node install NAME' };
  const waiting = waitingOf(run);
  return waiting === undefined ? null : { for: waiting.for, until: isoOrNull(waiting.until), do: waiting.do };
}

export function eventView(row: EventRow): EventView {
  return {
    id: row.id,
    at: iso(row.at),
    mac: row.mac ?? null,
    nodeId: row.nodeId ?? null,
    runId: row.runId ?? null,
    code: row.code,
    ...describeEvent(row.code, row.data),
    data: { ...row.data },
  };
}

/** The same, with the node's own name in the command to type. */
export function namingNode(event: EventView, fqdn: string): EventView {
  return event.remedy === undefined ? event : { ...event, remedy: named(event.remedy, { fqdn }) };
}

/** The command to type, with the node's own name where the catalogue of events says NAME. */
function named(words: string, { fqdn }: { readonly fqdn: string }): string {
  return words.replace(/\bNAME\b/g, () => fqdn);
}

/** A node and what is shown with it (journey's NodePicture). */
export interface NodeRows {
  readonly node: Node;
  readonly rule: string | undefined;
  /** The newest run, ended or not. */
  readonly run: Run | undefined;
  readonly timeline: readonly EventRow[];
}

export function nodeView({ node, rule, run, timeline }: NodeRows, context: RunContext): NodeView {
  const waiting = waitingView(run);
  return {
    node: nodeDetails(node, rule),
    run: run === undefined ? null : runView(run, context),
    timeline: timeline.map((event) => namingNode(eventView(event), node.fqdn)),
    waiting: waiting === null ? null : { ...waiting, do: named(waiting.do, node) },
  };
}

export function reportView(report: StepReport): ReportView {
  return { ...report, startedAt: iso(report.startedAt) };
}

/** @param present whether its file is there */
export function mediaView(media: MediaRow, present: boolean): MediaView {
  return {
    id: media.id,
    name: media.name,
    product: media.product,
    release: media.release,
    isoRelease: media.isoRelease,
    sizeBytes: media.sizeBytes,
    addedAt: iso(media.addedAt),
    present,
  };
}

export function discoveredView(machine: DiscoveredMachine): DiscoveredView {
  return {
    mac: machine.mac,
    firstSeenAt: iso(machine.firstSeenAt),
    lastSeenAt: iso(machine.lastSeenAt),
    packets: machine.packets,
    arch: machine.arch ?? null,
    uuid: machine.uuid ?? null,
    vendorClass: machine.vendorClass ?? null,
    hostName: machine.hostName ?? null,
    interfaceName: machine.interfaceName,
    address: machine.address ?? null,
  };
}

export function watchView(fqdn: string, watch: Watch): WatchView {
  const { application, applied } = watch;
  return {
    node: fqdn,
    seenAt: iso(watch.seenAt),
    verifiedAt: watch.verifiedAt === undefined ? null : iso(watch.verifiedAt),
    drift: Object.entries(watch.drift).map(([module, { since, detail, differences, packages }]) => ({
      module,
      since: iso(since),
      detail,
      differences: [...differences],
      packages: [...packages],
    })),
    ordered:
      application === undefined
        ? null
        : {
            by: application.by,
            at: iso(application.orderedAt),
            fetchedAt: application.fetchedAt === undefined ? null : iso(application.fetchedAt),
          },
    applied:
      applied === undefined
        ? null
        : { by: applied.by, at: iso(applied.at), result: applied.result, profileVersion: applied.profileVersion },
  };
}
