/** The registry of nodes as an administrator works with it: add, find. What changes a node is in change-node.ts, how one goes in retire.ts. */
import { IronwakeError, invalid } from '../errors.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import {
  type DiscoveredMachine,
  type InstallPolicy,
  MACS_OF_A_NODE,
  type Node,
  PLAIN_NODE,
  parseNodeName,
} from '../nodes/node.ts';
import { readNodeValues } from '../profiles/node-values.ts';
import { TAG_NAME } from '../profiles/schema.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { type AddressCheck, withFreeAddresses } from './free-addresses.ts';
import { sightingOf, uuidIn } from './hardware.ts';
import type { Journey } from './journey.ts';
import { nodeProfileOf } from './node-profile.ts';
import type { AuditEntry, Repositories } from './ports.ts';

export interface NewNode {
  readonly macs: readonly string[];
  readonly fqdn: string;
  readonly profile: string;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly notes?: string | undefined;
  readonly installPolicy?: InstallPolicy | undefined;
  readonly protected?: boolean | undefined;
}

/**
 * @param audit what the audit log says of it, written with it or not at all
 * @throws IronwakeError for a malformed MAC or FQDN, an unknown profile, a MAC or name that another node has (409); a pool without a free
 *   number (409), and what the profile of this node lacks (`profile.*`)
 */
export async function addNode(journey: Journey, input: NewNode, audit?: (node: Node) => AuditEntry): Promise<Node> {
  const node = draftOf(journey, input);
  await withFreeAddresses(journey, node, (check) =>
    journey.store.transaction(async (repositories) => {
      await insertNode(journey, repositories, node, check);
      if (audit !== undefined) await repositories.audit.append(audit(node));
    }),
  );
  journey.changes.notify();
  return node;
}

/** What the audit log says of a whole node, when it comes and when it goes: the protection and the policy decide whether its disks may be erased. */
export function toldOfNode({ macs, profile, tags, installPolicy, protected: kept }: Node) {
  return { macs, profile, tags, installPolicy, protected: kept };
}

/** A node as it is registered; nothing is written yet. @throws as `addNode` */
export function draftOf(journey: Journey, input: NewNode): Node {
  const macs = macsOf(input.macs);
  const fqdn = parseNodeName(input.fqdn);
  journey.profiles.require(input.profile);
  readNodeValues(input.values ?? {});
  const now = journey.clock.now();
  return {
    ...PLAIN_NODE,
    id: uuidv7(now, journey.keys.randomBytes),
    fqdn,
    macs,
    profile: input.profile,
    tags: tagsOf(input.tags ?? []),
    values: input.values ?? {},
    notes: notesOf(input.notes ?? ''),
    installPolicy: input.installPolicy ?? 'once',
    protected: input.protected ?? false,
    site: journey.settings.site,
    revision: 1,
    createdAt: now,
  };
}

/**
 * Writes a new node with everything that belongs to it: its addresses, what was seen of it before, the first line of its timeline.
 * @param nameIt gives it its name when it is there: a name with a number of a counter needs a node that holds the number
 */
export async function insertNode(
  journey: Journey,
  repositories: Repositories,
  draft: Node,
  check: AddressCheck,
  nameIt: (inserted: Node) => Promise<Node> = async (inserted) => inserted,
): Promise<Node> {
  await repositories.nodes.insert(draft);
  const node = await nameIt(draft);
  if (node.fqdn !== draft.fqdn) await repositories.nodes.update(node, draft.revision);
  // Its addresses are known from the beginning, and what its profile still lacks is found now.
  const { holdings } = await nodeProfileOf(journey, repositories, node, 'take', check.avoid);
  check.accept(holdings);
  await takeOverDiscovered(repositories, node.id, node.macs);
  await repositories.hardware.unretire(node.macs);
  const { fqdn, profile } = node;
  await repositories.events.append([
    {
      at: node.createdAt,
      mac: node.macs[0],
      nodeId: node.id,
      runId: undefined,
      code: 'node.registered',
      data: { fqdn, profile },
    },
    ...check.warnings(node, holdings),
  ]);
  return node;
}

/** What was seen of a machine while it was a stranger belongs to its node now. */
export async function takeOverDiscovered(
  repositories: Repositories,
  nodeId: string,
  macs: readonly Mac[],
): Promise<void> {
  for (const mac of macs) {
    const seen = await repositories.discovered.byMac(mac);
    if (seen === undefined) continue;
    await repositories.hardware.put(sightingOf(nodeId, seen));
    const document = await repositories.discovered.systemInformationOf(mac);
    if (document !== undefined) {
      const said = { nodeId, source: 'system-information', at: seen.lastSeenAt, runId: undefined } as const;
      await repositories.hardware.put({ ...said, uuid: uuidIn(document), data: document });
    }
    await repositories.discovered.remove(mac);
  }
}

/** Each once, in the order given. @throws IronwakeError `mac.malformed`, `node.no-mac`, `node.too-many-macs` */
export function macsOf(texts: readonly string[]): Mac[] {
  const macs = [...new Set(texts.map((mac) => parseMac(mac)))];
  if (macs.length === 0)
    throw invalid(
      'node.no-mac',
      'mac',
      'a node needs at least one MAC address',
      'Give the MAC that boots from the network.',
    );
  if (macs.length > MACS_OF_A_NODE)
    throw invalid(
      'node.too-many-macs',
      'macs',
      `a node has at most ${MACS_OF_A_NODE} MAC addresses`,
      'Name the ports that may boot from the network.',
    );
  return macs;
}

/** Characters that are not whole cannot be stored as they are. */
const NOTES_CHARACTERS = 8192;

/** @throws IronwakeError `node.notes` */
export function notesOf(text: string): string {
  if (text.length <= NOTES_CHARACTERS && text.isWellFormed()) return text;
  throw invalid(
    'node.notes',
    'notes',
    text.length > NOTES_CHARACTERS
      ? `the notes are longer than ${NOTES_CHARACTERS} characters`
      : 'the notes hold half of a character (a surrogate without its other half)',
    'Shorten or correct them.',
  );
}

/** Each once, in the order given. @throws IronwakeError `node.tag` */
export function tagsOf(tags: readonly string[]): string[] {
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
 * A node by what people call it: id, full name, host name alone, or a MAC in any notation; an archived one by its id or, where no living node has
 * it, its full name.
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
  const archived = await nodes.archivedAs(text);
  if (archived !== undefined) return archived;
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

export async function discoveredMachines(
  journey: Journey,
  limit: number,
  before?: { readonly lastSeenAt: number; readonly mac: string },
): Promise<readonly DiscoveredMachine[]> {
  await journey.discovered.flush();
  return journey.store.discovered.list(limit, before);
}
