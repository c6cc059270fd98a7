import type { Kysely, Selectable } from 'kysely';
import type { EventRepository, TimelineEvent } from '../journey/ports.ts';
import type { Mac } from '../net/mac.ts';
import type { EventCode } from '../runs/events.ts';
import { atomically } from './connection.ts';
import type { EventTable, Tables } from './tables.ts';

/** A page that nobody asked a size for: more than any installation tells, less than a reply that hurts. */
const DEFAULT_LIMIT = 10_000;

export function eventRepository(db: Kysely<Tables>, site: string): EventRepository {
  const page = (options: { readonly afterId?: number; readonly limit?: number } = {}) =>
    db
      .selectFrom('event')
      .selectAll()
      .where('id', '>', options.afterId ?? 0)
      .orderBy('id')
      .limit(options.limit ?? DEFAULT_LIMIT);
  return {
    append: (events) =>
      atomically(db, async (trx) => {
        for (const event of events) {
          await trx
            .insertInto('event')
            .values({
              site,
              at: event.at,
              mac: event.mac ?? null,
              node_id: event.nodeId ?? null,
              run_id: event.runId ?? null,
              code: event.code,
              data: JSON.stringify(event.data),
            })
            .execute();
        }
      }),
    async ofNode(nodeId, options) {
      return (await page(options).where('node_id', '=', nodeId).execute()).map(fromRow);
    },
    async ofMac(mac, options) {
      return (await page(options).where('mac', '=', mac).execute()).map(fromRow);
    },
    /** The newest `limit` events of a node, oldest first. */
    async newestOf(nodeId, limit) {
      const rows = await db
        .selectFrom('event')
        .selectAll()
        .where('node_id', '=', nodeId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.reverse().map(fromRow);
    },
    async lastId() {
      const row = await db.selectFrom('event').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
      return row?.id ?? 0;
    },
    async prune({ before, keep, limit }) {
      const newest = await db.selectFrom('event').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
      if (newest === undefined) return 0;
      const oldest = await db.selectFrom('event').select(['id', 'at']).orderBy('id').limit(limit).execute();
      // Ids rise without gaps worth counting: the last `keep` of them are the last `keep` events.
      const upTo = oldest.filter(({ id, at }) => at < before || id <= newest.id - keep).at(-1)?.id;
      if (upTo === undefined) return 0;
      const result = await db.deleteFrom('event').where('id', '<=', upTo).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
    async since(afterId, limit) {
      return (await page({ afterId, limit }).execute()).map(fromRow);
    },
  };
}

function fromRow(row: Selectable<EventTable>): TimelineEvent {
  return {
    id: row.id,
    at: row.at,
    mac: row.mac === null ? undefined : (row.mac as Mac),
    nodeId: row.node_id ?? undefined,
    runId: row.run_id ?? undefined,
    code: row.code as EventCode,
    data: JSON.parse(row.data) as Record<string, unknown>,
  };
}
