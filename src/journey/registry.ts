/** The registry of nodes as an administrator works with it: add, find, list, remove. */
import { IronwakeError, invalid } from '../errors.ts';
import { parseFqdn } from '../net/fqdn.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import type { DiscoveredMachine, Node } from '../nodes/node.ts';
import { readNodeValues } from '../profiles/node-values.ts';
import { TAG_NAME } from '../profiles/schema.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { endOverdue } from './arm.ts';
import type { Journey } from './journey.ts';
import { nodeProfileOf } from './node-profile.ts';
import type { AuditEntry } from './ports.ts';
import { demandRevision } from './revision.ts';

export interface NewNode {
  readonly macs: readonly string[];
  readonly fqdn: string;
  readonly profile: string;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly tags?: readonly string[] | undefined;
}

/**
 * @param audit what the audit log says of it, written with it or not at all
 * @throws IronwakeError for a malformed MAC or FQDN, an unknown profile, a MAC or name that another node has (409); a pool without a free
 *   number (409), and what the profile of this node lacks (`profile.*`)
 */
export async function addNode(journey: Journey, input: NewNode, audit?: (node: Node) => AuditEntry): Promise<Node> {
  const macs = [...new Set(input.macs.map((mac) => parseMac(mac)))];
  if (macs.length === 0)
    throw invalid(
      'node.no-mac',
      'mac',
      'a node needs at least one MAC address',
      'Give the MAC that boots from the network.',
    );
  const fqdn = parseFqdn(input.fqdn);
  journey.profiles.require(input.profile);
  readNodeValues(input.values ?? {});
  const now = journey.clock.now();
  const node: Node = {
    id: uuidv7(now, journey.keys.randomBytes),
    fqdn,
    macs,
    profile: input.profile,
    tags: tagsOf(input.tags ?? []),
    values: input.values ?? {},
    site: journey.settings.site,
    revision: 1,
    createdAt: now,
  };
  await journey.store.transaction(async (repositories) => {
    await repositories.nodes.insert(node);
    // Its addresses are known from the beginning, and what its profile still lacks is found now.
    await nodeProfileOf(journey, repositories, node, 'take');
    for (const mac of macs) await repositories.discovered.remove(mac);
    await repositories.events.append([
      {
        at: now,
        mac: macs[0],
        nodeId: node.id,
        runId: undefined,
        code: 'node.registered',
        data: { fqdn, profile: node.profile },
      },
    ]);
    if (audit !== undefined) await repositories.audit.append(audit(node));
  });
  journey.changes.notify();
  return node;
}

/** Each once, in the order given. @throws IronwakeError `node.tag` */
function tagsOf(tags: readonly string[]): string[] {
  for (const tag of tags) {
    if (TAG_NAME.test(tag)) continue;
    throw invalid(
      'node.tag',
      'tags',
      `'${tag.slice(0, 80)}' cannot be a tag`,
      'Use 1 to 63 lower-case letters, digits and hyphens, for example rack-a.',
    );
  }
  return [...new Set(tags)];
}

/**
 * A node by what people call it: id, full name, host name alone, or a MAC in any notation.
 * @throws IronwakeError `node.unknown`; `node.ambiguous` when a host name stands for several nodes
 */
export async function findNode(journey: Journey, reference: string): Promise<Node> {
  const { nodes } = journey.store;
  const text = reference.trim().toLowerCase();
  const direct = (await nodes.byId(text)) ?? (await nodes.byFqdn(text)) ?? (await byMacText(journey, text));
  if (direct !== undefined) return direct;
  const named = await nodes.byHostName(text, 6);
  if (named.length > 1) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'node.ambiguous',
      message: `'${reference.slice(0, 80)}' stands for several nodes: ${named
        .slice(0, 5)
        .map((node) => node.fqdn)
        .join(', ')}${named.length > 5 ? ' and more' : ''}`,
      remedy: 'Give the full name.',
    });
  }
  const [only] = named;
  if (only !== undefined) return only;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'node.unknown',
    message: `there is no node '${reference.slice(0, 80)}'`,
    remedy: 'List the nodes with npx ironwake node list, or register it with npx ironwake node add.',
  });
}

async function byMacText(journey: Journey, text: string): Promise<Node | undefined> {
  let mac: Mac;
  try {
    mac = parseMac(text);
  } catch {
    return undefined;
  }
  return journey.store.nodes.byMac(mac);
}

/**
 * Removes a node and its history.
 * @param audit what the audit log says of it, written with it or not at all
 * @param revision what its remover has seen of it
 * @throws IronwakeError `node.busy` while a run is under way; `request.outdated`
 */
export async function removeNode(journey: Journey, node: Node, audit?: AuditEntry, revision?: number): Promise<void> {
  await endOverdue(journey, node);
  // Looked and removed in one: an installation that is armed in between would go with the node.
  await journey.store.transaction(async (repositories) => {
    const present = await repositories.nodes.byId(node.id);
    if (present !== undefined) demandRevision(revision, present.revision, node.fqdn);
    const run = await repositories.runs.activeOf(node.id);
    if (run !== undefined) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'node.busy',
        message: `${node.fqdn} has an installation under way (state ${run.state})`,
        remedy: `Cancel it first: npx ironwake node cancel ${node.fqdn}`,
      });
    }
    const removed = await repositories.nodes.remove(node.id);
    if (removed && audit !== undefined) await repositories.audit.append(audit);
  });
  journey.changes.notify();
}

export async function discoveredMachines(
  journey: Journey,
  limit: number,
  before?: { readonly lastSeenAt: number; readonly mac: string },
): Promise<readonly DiscoveredMachine[]> {
  await journey.discovered.flush();
  return journey.store.discovered.list(limit, before);
}
