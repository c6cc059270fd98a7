/** What an administrator changes of a node: name, ports, profile, tags, values, notes, policy, protection. */
import { IronwakeError, invalid } from '../errors.ts';
import { parseMac } from '../net/mac.ts';
import { type InstallPolicy, type Node, parseNodeName } from '../nodes/node.ts';
import { readNodeValues } from '../profiles/node-values.ts';
import { type AddressCheck, NOTHING_TO_TRY, withFreeAddresses } from './free-addresses.ts';
import type { Journey } from './journey.ts';
import { nodeProfileOf } from './node-profile.ts';
import { endOverdue } from './overdue.ts';
import type { AuditEntry, Repositories } from './ports.ts';
import { macsOf, notesOf, tagsOf, takeOverDiscovered } from './registry.ts';
import { demandRevision } from './revision.ts';

/** What is left out stays as it is; lists and values are replaced as a whole. */
export interface NodeChange {
  readonly fqdn?: string | undefined;
  readonly macs?: readonly string[] | undefined;
  readonly profile?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly notes?: string | undefined;
  readonly installPolicy?: InstallPolicy | undefined;
  readonly protected?: boolean | undefined;
}

export interface ChangeOptions {
  /** Who changes it, for the timeline. */
  readonly by: string;
  /** Only if the node is still this one. */
  readonly expectedRevision?: number | undefined;
  /** What the audit log says of it, written with it or not at all. */
  readonly audit?: (before: Node, after: Node) => AuditEntry;
}

/** What of a node others depend on while it is being installed. */
const FIXED_DURING_A_RUN = ['fqdn', 'macs'] as const;
/** What its profile is made of: notes can be written whatever is wrong with the profile. */
const MAKES_THE_PROFILE = ['fqdn', 'profile', 'tags', 'values'] as const;

/**
 * @returns the node as it is now; the same as before when nothing is different
 * @throws IronwakeError `request.outdated` (412) when it is no longer the expected revision; `node.busy` for name and ports of a node that is being
 *   installed; `node.archived`; and what `addNode` throws
 */
export function changeNode(journey: Journey, node: Node, change: NodeChange, options: ChangeOptions): Promise<Node> {
  return rewrite(journey, node, (before) => changed(journey, before, change), options);
}

/** One more port by which the machine may boot. @throws as `changeNode` */
export function addMac(journey: Journey, node: Node, text: string, options: ChangeOptions): Promise<Node> {
  const mac = parseMac(text);
  return rewrite(journey, node, (before) => ({ ...before, macs: macsOf([...before.macs, mac]) }), options);
}

/** @throws IronwakeError `node.no-such-mac`, `node.last-mac`, and as `changeNode` */
export function removeMac(journey: Journey, node: Node, text: string, options: ChangeOptions): Promise<Node> {
  const mac = parseMac(text);
  const without = (before: Node): Node => {
    if (!before.macs.includes(mac)) {
      throw new IronwakeError({
        kind: 'not-found',
        code: 'node.no-such-mac',
        field: 'mac',
        message: `${mac} is no port of ${before.fqdn}`,
        remedy: `Its ports: ${before.macs.join(', ')}.`,
      });
    }
    if (before.macs.length === 1) {
      throw invalid(
        'node.last-mac',
        'mac',
        `${mac} is the only port of ${before.fqdn}`,
        `Add the other one first, replace the hardware (npx ironwake node replace ${before.fqdn}), or archive the node.`,
      );
    }
    return { ...before, macs: before.macs.filter((other) => other !== mac) };
  };
  return rewrite(journey, node, without, options);
}

function changed(journey: Journey, before: Node, change: NodeChange): Node {
  if (change.profile !== undefined) journey.profiles.require(change.profile);
  if (change.values !== undefined) readNodeValues(change.values);
  return {
    ...before,
    ...(change.fqdn !== undefined && { fqdn: parseNodeName(change.fqdn) }),
    ...(change.macs !== undefined && { macs: macsOf(change.macs) }),
    ...(change.profile !== undefined && { profile: change.profile }),
    ...(change.tags !== undefined && { tags: tagsOf(change.tags) }),
    ...(change.values !== undefined && { values: change.values }),
    ...(change.notes !== undefined && { notes: notesOf(change.notes) }),
    ...(change.installPolicy !== undefined && { installPolicy: change.installPolicy }),
    ...(change.protected !== undefined && { protected: change.protected }),
  };
}

/** What of the two is different, by name. */
export function differences(before: Node, after: Node): ReadonlyArray<keyof NodeChange> {
  const keys = ['fqdn', 'macs', 'profile', 'tags', 'values', 'notes', 'installPolicy', 'protected'] as const;
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

async function rewrite(
  journey: Journey,
  { id }: Node,
  work: (before: Node) => Node,
  options: ChangeOptions,
): Promise<Node> {
  const write = (check: AddressCheck): Promise<Node> =>
    journey.store.transaction(async (repositories) => {
      const before = await currentNode(repositories, id);
      demandRevision(options.expectedRevision, before.revision, before.fqdn);
      const after = work(before);
      const fields = differences(before, after);
      if (fields.length === 0) return before;
      refuseArchived(before);
      await refuseBusy(repositories, before, fields);
      const next = { ...after, revision: before.revision + 1 };
      if (!(await repositories.nodes.update(next, before.revision))) throw changedMeanwhile(before);
      const { holdings } = remakes(before, next)
        ? await nodeProfileOf(journey, repositories, next, 'take', check.avoid)
        : { holdings: [] };
      check.accept(holdings);
      const added = next.macs.filter((mac) => !before.macs.includes(mac));
      const removed = before.macs.filter((mac) => !next.macs.includes(mac));
      await takeOverDiscovered(repositories, id, added);
      const at = journey.clock.now();
      await repositories.hardware.unretire(added);
      await repositories.hardware.retire(removed, { fqdn: next.fqdn, because: 'removed from its node', at });
      await repositories.events.append([
        {
          at,
          mac: next.macs[0],
          nodeId: id,
          runId: undefined,
          code: 'node.changed',
          data: { by: options.by, fields, ...shown(before, next, fields) },
        },
        ...check.warnings(next, holdings),
      ]);
      if (options.audit !== undefined) await repositories.audit.append(options.audit(before, next));
      return next;
    });
  // Judged once outside, so that the addresses that it may get are tried on the network before anything is locked.
  const before = await currentNode(journey.store, id);
  await endOverdue(journey, before);
  const after = work(before);
  const done = await (remakes(before, after) ? withFreeAddresses(journey, after, write) : write(NOTHING_TO_TRY));
  journey.changes.notify();
  return done;
}

/** Whether its profile has to be made anew, and found to be usable. */
function remakes(before: Node, after: Node): boolean {
  const fields = differences(before, after);
  return MAKES_THE_PROFILE.some((field) => fields.includes(field)) || before.macs[0] !== after.macs[0];
}

/** What the timeline tells of a change: no values and notes, which may hold what is nobody's business. */
function shown(before: Node, after: Node, fields: ReadonlyArray<keyof NodeChange>): Record<string, string> {
  const words: Record<string, string> = {};
  for (const field of fields) {
    if (field === 'values' || field === 'notes') continue;
    words[field] = `${String(before[field])} -> ${String(after[field])}`;
  }
  return words;
}

/** @throws IronwakeError `node.unknown` when it was removed meanwhile */
export async function currentNode({ nodes }: Pick<Repositories, 'nodes'>, id: string): Promise<Node> {
  const node = await nodes.byId(id);
  if (node !== undefined) return node;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'node.unknown',
    message: 'the node was removed meanwhile',
    remedy: 'List the nodes with npx ironwake node list.',
  });
}

export function changedMeanwhile({ fqdn, revision }: Node): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'node.changed',
    field: 'revision',
    message: `${fqdn} was changed by somebody else (it has revision ${revision} now)`,
    remedy: 'Look at it again, and repeat the change if it is still wanted.',
  });
}

/** @throws IronwakeError `node.archived` (409) */
export function refuseArchived({ fqdn, id, archivedAt }: Node): void {
  if (archivedAt === undefined) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'node.archived',
    message: `${fqdn} is archived`,
    remedy: `Bring it back first: npx ironwake node unarchive ${id}`,
  });
}

async function refuseBusy(
  { runs }: Pick<Repositories, 'runs'>,
  node: Node,
  fields: ReadonlyArray<keyof NodeChange>,
): Promise<void> {
  if (!FIXED_DURING_A_RUN.some((field) => fields.includes(field))) return;
  await refuseRunUnderWay({ runs }, node);
}

/** @throws IronwakeError `node.busy` (409) */
export async function refuseRunUnderWay({ runs }: Pick<Repositories, 'runs'>, node: Node): Promise<void> {
  const run = await runs.activeOf(node.id);
  if (run === undefined) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'node.busy',
    message: `${node.fqdn} has an installation under way (state ${run.state})`,
    remedy: `Cancel it first: npx ironwake node cancel ${node.fqdn}`,
  });
}
