import { type Kysely, type Selectable, sql } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { NodeRepository } from '../journey/ports.ts';
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import { atomically } from './connection.ts';
import { filtered } from './node-filter.ts';
import type { NodeTable, Tables } from './tables.ts';

type Row = Selectable<NodeTable> & { macs: string };

export function nodeRepository(db: Kysely<Tables>): NodeRepository {
  /** One statement a look-up: the MACs come along as a JSON list, so that the DHCP server pays for one row only. */
  const select = () =>
    db
      .selectFrom('node')
      .selectAll('node')
      .select(
        sql<string>`(select json_group_array(mac order by position) from node_mac where node_mac.node_id = node.id)`.as(
          'macs',
        ),
      );
  return {
    insert: (node) =>
      atomically(db, async (trx) => {
        await refuseTaken(trx, node);
        await trx.insertInto('node').values(toRow(node)).execute();
        await insertMacs(trx, node);
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
        await insertMacs(trx, node);
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
      return fromRow(await select().where('fqdn', '=', fqdn).executeTakeFirst());
    },
    async byHostName(hostName, limit) {
      // A dot is followed by a slash in ASCII, which no name holds: the range is that of the names that begin so.
      const rows = await select()
        .where('fqdn', '>=', `${hostName}.`)
        .where('fqdn', '<', `${hostName}/`)
        .orderBy('fqdn')
        .limit(limit)
        .execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async list() {
      const rows = await select().orderBy('fqdn').execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async page(query) {
      const rows = await filtered(select(), query).execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
  };
}

/** Checked before the write, inside its transaction: after a refused statement an outer transaction would keep half of the node. */
async function refuseTaken(db: Kysely<Tables>, node: Node): Promise<void> {
  const sameName = await db
    .selectFrom('node')
    .select('id')
    .where('fqdn', '=', node.fqdn)
    .where('id', '!=', node.id)
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

async function insertMacs(db: Kysely<Tables>, node: Node): Promise<void> {
  for (const [position, mac] of node.macs.entries()) {
    await db.insertInto('node_mac').values({ mac, node_id: node.id, position }).execute();
  }
}

function toRow(node: Node): Selectable<NodeTable> {
  return {
    id: node.id,
    site: node.site,
    revision: node.revision,
    fqdn: node.fqdn,
    profile: node.profile,
    node_values: JSON.stringify(node.values),
    created_at: node.createdAt,
    tags: JSON.stringify(node.tags),
  };
}

function fromRow(row: Row | undefined): Node | undefined {
  if (row === undefined) return undefined;
  return {
    id: row.id,
    fqdn: row.fqdn as Fqdn,
    macs: JSON.parse(row.macs) as Mac[],
    profile: row.profile,
    tags: JSON.parse(row.tags) as string[],
    values: JSON.parse(row.node_values) as Record<string, unknown>,
    site: row.site,
    revision: row.revision,
    createdAt: row.created_at,
  };
}
