import type { Kysely, Selectable } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { NodeRepository } from '../journey/ports.ts';
import { ipv4ToBytes } from '../net/ipv4.ts';
import { fixedAddressOf, type Node } from '../nodes/node.ts';
import { atomically } from './connection.ts';
import { pageOfNodes } from './node-page.ts';
import { ARCHIVED, fromRow, LIVING, selectNodes } from './node-rows.ts';
import type { NodeTable, Tables } from './tables.ts';

export function nodeRepository(db: Kysely<Tables>): NodeRepository {
  /** One statement a look-up: the MACs come along as a JSON list, so that the DHCP server pays for one row only. */
  const select = () => selectNodes(db);
  return {
    insert: (node) =>
      atomically(db, async (trx) => {
        await refuseTaken(trx, node);
        await trx.insertInto('node').values(toRow(node)).execute();
        await insertMacs(trx, node);
        await insertTags(trx, node);
      }),
    update: (node, expectedRevision) =>
      atomically(db, async (trx) => {
        await refuseTaken(trx, node);
        const { id, ...columns } = toRow(node);
        const result = await trx
          .updateTable('node')
          .set(columns)
          .where('id', '=', id)
          .where('revision', '=', expectedRevision)
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return false;
        await trx.deleteFrom('node_mac').where('node_id', '=', id).execute();
        await trx.deleteFrom('node_tag').where('node_id', '=', id).execute();
        await insertMacs(trx, node);
        await insertTags(trx, node);
        return true;
      }),
    async remove(id) {
      const result = await db.deleteFrom('node').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    async byId(id) {
      return fromRow(await select().where('id', '=', id).executeTakeFirst());
    },
    async byMac(mac) {
      const row = await select()
        .where('id', '=', (eb) => eb.selectFrom('node_mac').select('node_id').where('mac', '=', mac))
        .executeTakeFirst();
      return fromRow(row);
    },
    async byFqdn(fqdn) {
      return fromRow(await select().where('fqdn', '=', fqdn).where(LIVING).executeTakeFirst());
    },
    async archivedAs(fqdn) {
      const rows = await select().where('fqdn', '=', fqdn).where(ARCHIVED).orderBy('id').execute();
      return fromRow(rows.sort((a, b) => (b.archived_at ?? 0) - (a.archived_at ?? 0))[0]);
    },
    async byHostName(hostName, limit) {
      // A dot is followed by a slash in ASCII, which no name holds: the range is that of the names that begin so.
      const rows = await select()
        .where('fqdn', '>=', `${hostName}.`)
        .where('fqdn', '<', `${hostName}/`)
        .where(LIVING)
        .orderBy('fqdn')
        .limit(limit)
        .execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async list() {
      const rows = await select().where(LIVING).orderBy('fqdn').execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    page: (query) => pageOfNodes(db, query),
  };
}

/** Checked before the write, inside its transaction: after a refused statement an outer transaction would keep half of the node. */
async function refuseTaken(db: Kysely<Tables>, node: Node): Promise<void> {
  if (node.archivedAt !== undefined) return;
  const sameName = await db
    .selectFrom('node')
    .select('id')
    .where('fqdn', '=', node.fqdn)
    .where('id', '!=', node.id)
    .where(LIVING)
    .executeTakeFirst();
  if (sameName !== undefined) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'node.fqdn-taken',
      field: 'fqdn',
      message: `${node.fqdn} is registered already (node ${sameName.id})`,
      remedy: 'Choose another name, or remove that node first: npx ironwake node rm.',
    });
  }
  await refuseTakenAddress(db, node);
  for (const mac of node.macs) {
    const other = await db
      .selectFrom('node_mac')
      .innerJoin('node', 'node.id', 'node_mac.node_id')
      .select('node.fqdn')
      .where('node_mac.mac', '=', mac)
      .where('node.id', '!=', node.id)
      .executeTakeFirst();
    if (other !== undefined) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'node.mac-taken',
        field: 'mac',
        message: `${mac} belongs to ${other.fqdn} already`,
        remedy: `Check the address on the machine, or remove the other node first: npx ironwake node rm ${other.fqdn}.`,
      });
    }
  }
}

/** As the column has it, big-endian. */
function fixedNumberOf(node: Node): number | null {
  const fixed = fixedAddressOf(node);
  return fixed === undefined ? null : Buffer.from(ipv4ToBytes(fixed)).readUInt32BE();
}

/**
 * Two machines with one address disturb each other, and dnsmasq and Kea refuse a whole file of reservations for it. Who has it already may be
 * changed in everything else: databases of before this was looked at hold such nodes.
 */
async function refuseTakenAddress(db: Kysely<Tables>, node: Node): Promise<void> {
  const address = fixedNumberOf(node);
  if (address === null) return;
  const holders = await db
    .selectFrom('node')
    .select(['id', 'fqdn'])
    .where('fixed_address', '=', address)
    .where(LIVING)
    .orderBy('id')
    .execute();
  const other = holders.find(({ id }) => id !== node.id);
  if (other === undefined || holders.some(({ id }) => id === node.id)) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'node.address-taken',
    field: 'values.network.cidr',
    message: `${fixedAddressOf(node)} is the fixed address of ${other.fqdn} already`,
    remedy: `Give another address, or remove the other node first: npx ironwake node rm ${other.fqdn}.`,
  });
}

async function insertMacs(db: Kysely<Tables>, node: Node): Promise<void> {
  for (const [position, mac] of node.macs.entries()) {
    await db.insertInto('node_mac').values({ mac, node_id: node.id, position }).execute();
  }
}

async function insertTags(db: Kysely<Tables>, node: Node): Promise<void> {
  if (node.archivedAt !== undefined) return;
  for (const tag of new Set(node.tags)) {
    await db.insertInto('node_tag').values({ tag, fqdn: node.fqdn, node_id: node.id }).execute();
  }
}

function toRow(node: Node): Omit<Selectable<NodeTable>, 'state' | 'latest_run_id'> {
  return {
    id: node.id,
    site: node.site,
    revision: node.revision,
    fqdn: node.fqdn,
    profile: node.profile,
    node_values: JSON.stringify(node.values),
    created_at: node.createdAt,
    tags: JSON.stringify(node.tags),
    notes: node.notes,
    install_policy: node.installPolicy,
    protected: node.protected ? 1 : 0,
    archived_at: node.archivedAt ?? null,
    former_macs: JSON.stringify(node.formerMacs),
    fixed_address: fixedNumberOf(node),
    rule_id: node.ruleId ?? null,
  };
}
