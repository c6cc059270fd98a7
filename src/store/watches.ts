import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import type { WatchRepository } from '../journey/ports.ts';
import type { Watch } from '../nodes/watch.ts';
import type { Tables, WatchTable } from './tables.ts';

export function watchRepository(db: Kysely<Tables>): WatchRepository {
  return {
    async of(nodeId) {
      const row = await db.selectFrom('watch').selectAll().where('node_id', '=', nodeId).executeTakeFirst();
      return row === undefined ? undefined : toWatch(row);
    },
    async put({ nodeId, runId, seenAt, verifiedAt, ...data }) {
      const row = { run_id: runId, seen_at: seenAt, verified_at: verifiedAt ?? null, data: JSON.stringify(data) };
      await db
        .insertInto('watch')
        .values({ node_id: nodeId, ...row })
        .onConflict((conflict) => conflict.column('node_id').doUpdateSet(row))
        .execute();
    },
    async ofEach(nodeIds) {
      // One statement whatever their number: the ids are one parameter.
      const wanted = sql<SqlBool>`node_id in (select value from json_each(${JSON.stringify(nodeIds)}))`;
      return (await db.selectFrom('watch').selectAll().where(wanted).execute()).map(toWatch);
    },
  };
}

/** Written by `put` of this version or an older one, which had less in it. */
function toWatch(row: Selectable<WatchTable>): Watch {
  const data = JSON.parse(row.data) as Omit<Watch, 'nodeId' | 'runId' | 'seenAt' | 'verifiedAt'>;
  return {
    ...data,
    nodeId: row.node_id,
    runId: row.run_id,
    seenAt: row.seen_at,
    verifiedAt: row.verified_at ?? undefined,
  };
}
