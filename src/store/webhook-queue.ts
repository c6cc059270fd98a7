/**
 * Puts an event into the queue of every endpoint that wants it, in the transaction that writes the event: nothing is sent that did not happen, and
 * nothing that happened is forgotten in a crash.
 */
import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { EventRow } from '../api/views.ts';
import { describeEvent, type EventCode, REPEATABLE_CODES, type Severity } from '../runs/events.ts';
import type { RunState } from '../runs/run.ts';
import { payloadOf } from '../webhooks/payload.ts';
import { wants } from '../webhooks/selection.ts';
import { type OffReason, WAITING, WAITING_REPEATABLE } from '../webhooks/webhook.ts';
import type { Tables } from './tables.ts';

const REPEATABLE: ReadonlySet<string> = new Set<EventCode>(REPEATABLE_CODES);

interface Endpoint {
  readonly id: string;
  readonly events: readonly string[];
  readonly severities: readonly Severity[];
}

/** Random, not counted: a database that was restored must not give the id of one message to another. */
export const newDeliveryId = (): string => `msg_${randomBytes(16).toString('hex')}`;

/** The endpoints that are switched on; hardly ever more than a few. */
export async function endpointsOf(db: Kysely<Tables>): Promise<readonly Endpoint[]> {
  const rows = await db
    .selectFrom('webhook')
    .select(['id', 'events', 'severities'])
    .where('off_because', 'is', null)
    .orderBy('name')
    .execute();
  return rows.map(({ id, events, severities }) => ({
    id,
    events: JSON.parse(events) as string[],
    severities: JSON.parse(severities) as Severity[],
  }));
}

/** Inside of a transaction, after the event was written. */
export async function queueEvent(
  db: Kysely<Tables>,
  site: string,
  event: EventRow,
  endpoints: readonly Endpoint[],
): Promise<void> {
  const { severity } = describeEvent(event.code, event.data);
  const wanting = endpoints.filter((endpoint) => wants(endpoint, event.code, severity));
  if (wanting.length === 0) return;
  const body = payloadOf({ site, event, node: await nodeOf(db, event.nodeId), run: await runOf(db, event.runId) });
  for (const { id } of wanting) {
    const waiting = await waitingFor(db, id);
    if (REPEATABLE.has(event.code) && waiting >= WAITING_REPEATABLE) {
      await db.updateTable('webhook').set({ shed: sql`shed + 1` }).where('id', '=', id).execute();
    } else if (waiting >= WAITING) {
      await switchOff(db, id, 'overflow', event.at);
    } else {
      await db
        .insertInto('webhook_delivery')
        .values({
          id: newDeliveryId(),
          webhook_id: id,
          event_id: event.id,
          code: event.code,
          body,
          state: 'waiting',
          tries: 0,
          created_at: event.at,
          queued_at: event.at,
          due_at: event.at,
        })
        .execute();
    }
  }
}

async function waitingFor(db: Kysely<Tables>, webhookId: string): Promise<number> {
  const row = await db.selectFrom('webhook').select('waiting').where('id', '=', webhookId).executeTakeFirst();
  return row?.waiting ?? 0;
}

async function switchOff(db: Kysely<Tables>, id: string, because: OffReason, at: number): Promise<void> {
  await db
    .updateTable('webhook')
    .set({ off_because: because, off_at: at, revision: sql`revision + 1` })
    .where('id', '=', id)
    .where('off_because', 'is', null)
    .execute();
}

async function nodeOf(db: Kysely<Tables>, id: string | undefined) {
  if (id === undefined) return undefined;
  return db.selectFrom('node').select(['id', 'fqdn']).where('id', '=', id).executeTakeFirst();
}

async function runOf(db: Kysely<Tables>, id: string | undefined) {
  if (id === undefined) return undefined;
  const row = await db
    .selectFrom('run')
    .select(['id', 'state', 'failure', 'contested'])
    .where('id', '=', id)
    .executeTakeFirst();
  return (
    row && { ...row, state: row.state as RunState, failure: row.failure ?? undefined, contested: row.contested === 1 }
  );
}
