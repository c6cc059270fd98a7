import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import type { DiscoveredRepository } from '../journey/ports.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { DiscoveredMachine } from '../nodes/node.ts';
import { atomically } from './connection.ts';
import type { DiscoveredTable, Tables } from './tables.ts';

export function discoveredRepository(db: Kysely<Tables>, site: string): DiscoveredRepository {
  return {
    record: (machine, capacity) =>
      atomically(db, async (trx) => {
        const { packets } = await trx
          .insertInto('discovered')
          .values({
            mac: machine.mac,
            site,
            first_seen_at: machine.lastSeenAt,
            last_seen_at: machine.lastSeenAt,
            packets: 1,
            arch: machine.arch ?? null,
            uuid: machine.uuid ?? null,
            vendor_class: machine.vendorClass ?? null,
            host_name: machine.hostName ?? null,
            interface_name: machine.interfaceName,
            address: machine.address ?? null,
          })
          .onConflict((conflict) =>
            conflict.column('mac').doUpdateSet({
              last_seen_at: sql`excluded.last_seen_at`,
              packets: sql`packets + 1`,
              // A packet that does not say (an operating system after the firmware) does not erase what an earlier one said.
              arch: sql`coalesce(excluded.arch, arch)`,
              uuid: sql`coalesce(excluded.uuid, uuid)`,
              vendor_class: sql`coalesce(excluded.vendor_class, vendor_class)`,
              host_name: sql`coalesce(excluded.host_name, host_name)`,
              interface_name: sql`excluded.interface_name`,
              address: sql`coalesce(excluded.address, address)`,
            }),
          )
          .returning('packets')
          .executeTakeFirstOrThrow();
        // Only a new row can make the table too long.
        if (packets === 1) await evict(trx, capacity);
      }),
    async remove(mac) {
      await db.deleteFrom('discovered').where('mac', '=', mac).execute();
    },
    async byMac(mac) {
      const row = await db.selectFrom('discovered').selectAll().where('mac', '=', mac).executeTakeFirst();
      return row === undefined ? undefined : fromRow(row);
    },
    /** Last seen first. */
    async list(limit, before) {
      let query = db.selectFrom('discovered').selectAll();
      if (before !== undefined)
        query = query.where(sql<SqlBool>`(last_seen_at, mac) < (${before.lastSeenAt}, ${before.mac})`);
      const rows = await query.orderBy('last_seen_at', 'desc').orderBy('mac', 'desc').limit(limit).execute();
      return rows.map(fromRow);
    },
    async putSystemInformation(mac, document) {
      await db
        .updateTable('discovered')
        .set({ system_information: JSON.stringify(document) })
        .where('mac', '=', mac)
        .execute();
    },
    async systemInformationOf(mac) {
      const row = await db
        .selectFrom('discovered')
        .select('system_information')
        .where('mac', '=', mac)
        .executeTakeFirst();
      const text = row?.system_information ?? undefined;
      return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
    },
  };
}

/**
 * The machines seen longest ago go, and with each the events that belong to no node: whoever sends from a million spoofed addresses
 * fills neither table. Events of a registered node stay, whatever address they carry.
 */
async function evict(db: Kysely<Tables>, capacity: number): Promise<void> {
  const out = await db
    .selectFrom('discovered')
    .select('mac')
    .orderBy('last_seen_at', 'desc')
    .orderBy('mac', 'desc')
    .limit(-1)
    .offset(capacity)
    .execute();
  for (const { mac } of out) {
    await db.deleteFrom('discovered').where('mac', '=', mac).execute();
    await db.deleteFrom('event').where('mac', '=', mac).where('node_id', 'is', null).execute();
  }
}

function fromRow(row: Selectable<DiscoveredTable>): DiscoveredMachine {
  return {
    mac: row.mac as Mac,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    packets: row.packets,
    arch: row.arch ?? undefined,
    uuid: row.uuid ?? undefined,
    vendorClass: row.vendor_class ?? undefined,
    hostName: row.host_name ?? undefined,
    interfaceName: row.interface_name,
    address: row.address === null ? undefined : (row.address as Ipv4),
  };
}
