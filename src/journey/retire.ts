/**
 * How a node's hardware goes: the node is archived, its hardware replaced, or the node removed. Its ports are remembered as retired, so that no rule
 * takes the machine in again, with whatever is on its disks.
 */
import { IronwakeError } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import { transition } from '../runs/transition.ts';
import { type ChangeOptions, changedMeanwhile, currentNode, refuseArchived, refuseRunUnderWay } from './change-node.ts';
import { withFreeAddresses } from './free-addresses.ts';
import type { Journey } from './journey.ts';
import { nodeProfileOf } from './node-profile.ts';
import { eventOf } from './observe.ts';
import { endOverdue } from './overdue.ts';
import type { AuditEntry, NewEvent, Repositories } from './ports.ts';
import { macsOf, takeOverDiscovered } from './registry.ts';
import { demandRevision } from './revision.ts';

/**
 * Removes a node and its runs. Its timeline stays in the feed of all events.
 * @param audit what the audit log says of it, written with it or not at all
 * @param revision what its remover has seen of it
 * @throws IronwakeError `node.busy` while a run is under way; `request.outdated`
 */
export async function removeNode(journey: Journey, node: Node, audit?: AuditEntry, revision?: number): Promise<void> {
  await endOverdue(journey, node);
  // Looked and removed in one: an installation that is armed in between would go with the node.
  await journey.store.transaction(async (repositories) => {
    const now = await repositories.nodes.byId(node.id);
    if (now === undefined) return;
    demandRevision(revision, now.revision, now.fqdn);
    await refuseRunUnderWay(repositories, node);
    await retirePorts(journey, repositories, now, now.macs, 'removed');
    const removed = await repositories.nodes.remove(node.id);
    if (removed && audit !== undefined) await repositories.audit.append(audit);
  });
  journey.changes.notify();
}

/**
 * Takes a node out of the lists. It keeps runs and timeline; its name, MACs, addresses of pools and numbers of counters are free from now on, and its
 * credential is worthless.
 * @throws IronwakeError `node.busy`, `node.archived` (409); `request.outdated`
 */
export function archiveNode(journey: Journey, node: Node, options: ChangeOptions): Promise<Node> {
  return retiring(journey, node, options, async (repositories, before) => {
    const at = journey.clock.now();
    await retirePorts(journey, repositories, before, before.macs, 'archived');
    await repositories.claims.releaseAll(before.id);
    return {
      after: { ...before, macs: [], formerMacs: before.macs, archivedAt: at },
      event: { code: 'node.archived', data: { by: options.by, macs: before.macs } },
    };
  });
}

/**
 * Brings an archived node back, with its name and MACs if nobody has them meanwhile, and with addresses as a new node gets them.
 * @throws IronwakeError `node.not-archived`, `node.fqdn-taken`, `node.mac-taken` (409), and as `addNode`
 */
export async function unarchiveNode(journey: Journey, node: Node, options: ChangeOptions): Promise<Node> {
  const back = await withFreeAddresses(journey, node, (check) =>
    journey.store.transaction(async (repositories) => {
      const before = await currentNode(repositories, node.id);
      demandRevision(options.expectedRevision, before.revision, before.fqdn);
      if (before.archivedAt === undefined) {
        throw new IronwakeError({
          kind: 'conflict',
          code: 'node.not-archived',
          message: `${before.fqdn} is not archived`,
          remedy: 'There is nothing to bring back.',
        });
      }
      const after = { ...before, macs: before.formerMacs, formerMacs: [], archivedAt: undefined };
      const next = { ...after, revision: before.revision + 1 };
      if (!(await repositories.nodes.update(next, before.revision))) throw changedMeanwhile(before);
      const { holdings } = await nodeProfileOf(journey, repositories, next, 'take', check.avoid);
      check.accept(holdings);
      await takeOverDiscovered(repositories, next.id, next.macs);
      await repositories.hardware.unretire(next.macs);
      await repositories.events.append([
        rowOf(journey, next, { code: 'node.unarchived', data: { by: options.by } }),
        ...check.warnings(next, holdings),
      ]);
      if (options.audit !== undefined) await repositories.audit.append(options.audit(before, next));
      return next;
    }),
  );
  journey.changes.notify();
  return back;
}

/**
 * Another machine takes the node's place: name, profile, tags, values, addresses and history stay, the ports are the new machine's. What the old one
 * said of itself is forgotten, and its credential is worthless.
 * @param macs of the new machine
 * @throws IronwakeError `node.busy`, `node.archived`, `node.mac-taken` (409), `request.outdated`, `node.same-hardware`
 */
export function replaceHardware(
  journey: Journey,
  node: Node,
  macs: readonly string[],
  options: ChangeOptions,
): Promise<Node> {
  const wanted = macsOf(macs);
  return retiring(journey, node, options, async (repositories, before) => {
    const old = before.macs.filter((mac) => !wanted.includes(mac));
    if (old.length === 0) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'node.same-hardware',
        field: 'macs',
        message: `these are the ports that ${before.fqdn} has already`,
        remedy: `Name the ports of the new machine; one more port of the old one: npx ironwake node mac add ${before.fqdn} MAC`,
      });
    }
    await repositories.hardware.clear(before.id);
    await retirePorts(journey, repositories, before, old, 'replaced');
    return {
      after: { ...before, macs: wanted },
      event: { code: 'node.replaced', data: { by: options.by, before: before.macs, after: wanted } },
      async alongside() {
        await takeOverDiscovered(repositories, before.id, wanted);
        await repositories.hardware.unretire(wanted);
      },
    };
  });
}

interface Retirement {
  readonly after: Node;
  readonly event: Pick<NewEvent, 'code' | 'data'>;
  readonly alongside?: () => Promise<void>;
}

async function retiring(
  journey: Journey,
  node: Node,
  options: ChangeOptions,
  work: (repositories: Repositories, before: Node) => Promise<Retirement>,
): Promise<Node> {
  await endOverdue(journey, node);
  const done = await journey.store.transaction(async (repositories) => {
    const before = await currentNode(repositories, node.id);
    demandRevision(options.expectedRevision, before.revision, before.fqdn);
    refuseArchived(before);
    await refuseRunUnderWay(repositories, before);
    const { after, event, alongside } = await work(repositories, before);
    const next = { ...after, revision: before.revision + 1 };
    if (!(await repositories.nodes.update(next, before.revision))) throw changedMeanwhile(before);
    await alongside?.();
    await revokeCredential(journey, repositories, before, options.by);
    await repositories.events.append([rowOf(journey, before, event)]);
    if (options.audit !== undefined) await repositories.audit.append(options.audit(before, next));
    return next;
  });
  journey.changes.notify();
  return done;
}

function retirePorts(
  journey: Journey,
  { hardware }: Repositories,
  { fqdn }: Node,
  macs: readonly Mac[],
  because: string,
): Promise<void> {
  return hardware.retire(macs, { fqdn, because, at: journey.clock.now() });
}

/** The old hardware must not go on as this node. */
async function revokeCredential(journey: Journey, repositories: Repositories, node: Node, by: string): Promise<void> {
  const run: Run | undefined = await repositories.runs.latestOf(node.id);
  if (run?.data.credentialHash === undefined) return;
  const done = transition(run, { kind: 'credential-revoked', by }, journey.clock.now(), journey.budgets);
  if (done.kind === 'refused') return;
  await repositories.runs.update(done.run, run.revision);
  await repositories.events.append(done.events.map((event) => eventOf(journey, event, node, run)));
}

function rowOf(journey: Journey, node: Node, event: Pick<NewEvent, 'code' | 'data'>): NewEvent {
  return {
    ...event,
    at: journey.clock.now(),
    mac: node.macs[0] ?? node.formerMacs[0],
    nodeId: node.id,
    runId: undefined,
  };
}
