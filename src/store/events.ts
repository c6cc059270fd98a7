import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import type { EventRepository, TimelineEvent } from '../journey/ports.ts';
import type { Mac } from '../net/mac.ts';
import type { EventCode } from '../runs/events.ts';
import { atomically } from './connection.ts';
import { LANDMARK } from './migrations/0006-landmarks.ts';
import { pruneOldest } from './oldest.ts';
import type { EventTable, Tables } from './tables.ts';
import { endpointsOf, queueEvent } from './webhook-queue.ts';

/** A page that nobody asked a size for: more than any installation tells, less than a reply that hurts. */
const DEFAULT_LIMIT = 10_000;

/** Written out, not bound: SQLite uses a partial index only when it sees its condition in the statement. */
const IS_LANDMARK = sql<SqlBool>`${sql.raw(LANDMARK)}`;

interface Page {
  readonly afterId?: number;
  readonly limit?: number;
}

export function eventRepository(db: Kysely<Tables>, site: string): EventRepository {
  /** Oldest first: the page after an id, else the newest rows. */
  const page = async (
    where: Partial<Pick<EventTable, 'node_id' | 'mac'>>,
    { afterId, limit = DEFAULT_LIMIT }: Page = {},
  ) => {
    let query = db.selectFrom('event').selectAll().limit(limit);
    if (where.node_id !== undefined) query = query.where('node_id', '=', where.node_id);
    if (where.mac !== undefined) query = query.where('mac', '=', where.mac);
    if (afterId !== undefined) return (await query.where('id', '>', afterId).orderBy('id').execute()).map(fromRow);
    return (await query.orderBy('id', 'desc').execute()).reverse().map(fromRow);
  };
  return {
    append: (events) =>
      atomically(db, async (trx) => {
        if (events.length === 0) return;
        const endpoints = await endpointsOf(trx);
        for (const event of events) {
          const { insertId } = await trx
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
            .executeTakeFirstOrThrow();
          if (endpoints.length > 0) await queueEvent(trx, site, { ...event, id: Number(insertId) }, endpoints);
        }
      }),
    ofNode: (nodeId, options) => page({ node_id: nodeId }, options),
    ofMac: (mac, options) => page({ mac }, options),
    newestOf: (nodeId, limit) => page({ node_id: nodeId }, { limit }),
    async landmarksOf(nodeId, limit) {
      const query = db.selectFrom('event').selectAll().where('node_id', '=', nodeId).where(IS_LANDMARK);
      return (await query.orderBy('id', 'desc').limit(limit).execute()).reverse().map(fromRow);
    },
    async lastId() {
      const row = await db.selectFrom('event').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
      return row?.id ?? 0;
    },
    prune: (rule) => pruneOldest(db, 'event', rule),
    since: (afterId, limit) => page({}, { afterId, limit }),
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
