import { type Kysely, type SqlBool, sql } from 'kysely';
import type { HardwareRepository, HardwareSource } from '../journey/ports.ts';
import type { Mac } from '../net/mac.ts';
import type { Tables } from './tables.ts';

/** What machines said of themselves, and the ports of those that were taken out of the registry. */
export function hardwareRepository(db: Kysely<Tables>): HardwareRepository {
  return {
    async put({ nodeId, source, at, runId, uuid, data }) {
      const row = { at, run_id: runId ?? null, uuid: uuid ?? null, data: JSON.stringify(data) };
      await db
        .insertInto('node_hardware')
        .values({ node_id: nodeId, source, ...row })
        .onConflict((conflict) => conflict.columns(['node_id', 'source']).doUpdateSet(row))
        .execute();
    },
    async ofNode(nodeId) {
      const rows = await db
        .selectFrom('node_hardware')
        .selectAll()
        .where('node_id', '=', nodeId)
        .orderBy('source')
        .execute();
      return rows.map((row) => ({
        nodeId,
        source: row.source as HardwareSource,
        at: row.at,
        runId: row.run_id ?? undefined,
        uuid: row.uuid ?? undefined,
        data: JSON.parse(row.data) as Record<string, unknown>,
      }));
    },
    async clear(nodeId) {
      await db.deleteFrom('node_hardware').where('node_id', '=', nodeId).execute();
    },
    async nodesWithUuid(uuid) {
      const rows = await db
        .selectFrom('node_hardware')
        .select('node_id')
        .distinct()
        .where('uuid', '=', uuid)
        .where(sql<SqlBool>`uuid is not null`)
        .limit(10)
        .execute();
      return rows.map(({ node_id }) => node_id);
    },
    async retire(macs, { fqdn, because, at }) {
      for (const mac of macs) {
        const row = { fqdn, because, at };
        await db
          .insertInto('retired_mac')
          .values({ mac, ...row })
          .onConflict((conflict) => conflict.column('mac').doUpdateSet(row))
          .execute();
      }
    },
    async retiredAs(mac) {
      const row = await db.selectFrom('retired_mac').selectAll().where('mac', '=', mac).executeTakeFirst();
      return row === undefined ? undefined : { mac: row.mac as Mac, fqdn: row.fqdn, because: row.because, at: row.at };
    },
    async unretire(macs) {
      for (const mac of macs) await db.deleteFrom('retired_mac').where('mac', '=', mac).execute();
    },
  };
}
