import type { Kysely, Selectable } from 'kysely';
import type { BornSecret, BornSecretRepository } from '../journey/ports.ts';
import type { BornSecretTable, Tables } from './tables.ts';

/** Holds sealed text only, and that no longer than until it is read; `secure_delete` overwrites it then (connection.ts). */
export function bornSecretRepository(db: Kysely<Tables>): BornSecretRepository {
  return {
    async insert(secret) {
      await db
        .insertInto('born_secret')
        .values({
          id: secret.id,
          node_id: secret.nodeId,
          run_id: secret.runId,
          module: secret.module,
          name: secret.name,
          delivery: secret.delivery,
          sealed: secret.sealed,
          born_at: secret.bornAt,
        })
        .execute();
    },
    async ofNode(nodeId) {
      const rows = await db
        .selectFrom('born_secret')
        .selectAll()
        .where('node_id', '=', nodeId)
        .orderBy('born_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(toBornSecret);
    },
    async replace(id, at) {
      await db
        .updateTable('born_secret')
        .set({ sealed: null, replaced_at: at })
        .where('id', '=', id)
        .where('sealed', 'is not', null)
        .execute();
    },
    async take(id, by, at) {
      const row = await db
        .selectFrom('born_secret')
        .select('sealed')
        .where('id', '=', id)
        .where('sealed', 'is not', null)
        .executeTakeFirst();
      if (row === undefined || row.sealed === null) return undefined;
      await db
        .updateTable('born_secret')
        .set({ sealed: null, read_at: at, read_by: by })
        .where('id', '=', id)
        .execute();
      return row.sealed;
    },
    async remove(ids) {
      for (const id of ids) await db.deleteFrom('born_secret').where('id', '=', id).execute();
    },
  };
}

function toBornSecret(row: Selectable<BornSecretTable>): BornSecret {
  return {
    id: row.id,
    nodeId: row.node_id,
    runId: row.run_id,
    module: row.module,
    name: row.name,
    delivery: row.delivery,
    unread: row.sealed !== null,
    bornAt: row.born_at,
    readAt: row.read_at ?? undefined,
    readBy: row.read_by ?? undefined,
    replacedAt: row.replaced_at ?? undefined,
  };
}
