import { type Kysely, type Selectable, type SqlBool, sql, type Updateable } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { WebhookRepository } from '../journey/ports.ts';
import type { Severity } from '../runs/events.ts';
import type { Delivery, DeliveryState, Health, OffReason, Webhook } from '../webhooks/webhook.ts';
import { atomically } from './connection.ts';
import { isUniqueViolation } from './failure.ts';
import type { Tables, WebhookDeliveryTable, WebhookTable } from './tables.ts';

/** Written out, not bound: SQLite uses a partial index only when it sees its condition in the statement. */
const IS_WAITING = sql<SqlBool>`state = 'waiting'`;
const HAS_ENDED = sql<SqlBool>`state <> 'waiting'`;

export function webhookRepository(db: Kysely<Tables>, site: string): WebhookRepository {
  const one = async (column: 'id' | 'name', value: string) =>
    known(await db.selectFrom('webhook').selectAll().where(column, '=', value).executeTakeFirst());
  return {
    async insert(webhook) {
      await named(webhook, () =>
        db
          .insertInto('webhook')
          .values({ ...toRow(webhook), site })
          .execute(),
      );
    },
    async update(webhook, expectedRevision) {
      const { id, ...columns } = toRow(webhook);
      const result = await named(webhook, () =>
        db
          .updateTable('webhook')
          .set(columns)
          .where('id', '=', id)
          .where('revision', '=', expectedRevision)
          .executeTakeFirst(),
      );
      return result.numUpdatedRows > 0n;
    },
    async remove(id) {
      const result = await db.deleteFrom('webhook').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    byId: (id) => one('id', id),
    byName: (name) => one('name', name),
    async list() {
      return (await db.selectFrom('webhook').selectAll().orderBy('name').execute()).map(fromRow);
    },
    async putHealth(id, health) {
      await db.updateTable('webhook').set(healthColumns(health)).where('id', '=', id).execute();
    },
    async counts() {
      const rows = await sql<{ webhook_id: string; waiting: number; dead: number }>`
        select id as webhook_id, waiting,
          (select count(*) from webhook_delivery where webhook_id = webhook.id and state = 'dead') as dead
        from webhook order by name`.execute(db);
      return new Map(rows.rows.map(({ webhook_id, waiting, dead }) => [webhook_id, { waiting, dead }]));
    },

    async enqueue(delivery) {
      await db.insertInto('webhook_delivery').values(deliveryRow(delivery)).execute();
    },
    async queue() {
      const rows = await sql<{ id: string; paused_until: number | null; due_at: number | null }>`
        select id, paused_until, (select due_at from webhook_delivery
          where webhook_id = webhook.id and ${IS_WAITING} order by due_at, seq limit 1) as due_at
        from webhook where off_because is null order by name`.execute(db);
      return rows.rows.flatMap(({ id, paused_until, due_at }) =>
        due_at === null ? [] : [{ webhookId: id, dueAt: due_at, pausedUntil: paused_until ?? undefined }],
      );
    },
    async next(webhookId) {
      const row = await db
        .selectFrom('webhook_delivery')
        .selectAll()
        .where('webhook_id', '=', webhookId)
        .where(IS_WAITING)
        .orderBy('due_at')
        .orderBy('seq')
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? undefined : toDelivery(row);
    },
    async delivery(id) {
      const row = await db.selectFrom('webhook_delivery').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : toDelivery(row);
    },
    async deliveries(webhookId, { state, before, limit }) {
      let query = db.selectFrom('webhook_delivery').selectAll().where('webhook_id', '=', webhookId);
      if (state !== undefined) query = query.where('state', '=', state);
      if (before !== undefined) query = query.where('seq', '<', before);
      return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(toDelivery);
    },
    async updateDelivery(delivery) {
      const { id, state, tries, queued_at, due_at, last_try_at, ended_at, status, failure } = deliveryRow(delivery);
      const changed: Updateable<WebhookDeliveryTable> = {
        ...{ state, tries, queued_at, due_at, last_try_at, ended_at, status, failure },
      };
      await db.updateTable('webhook_delivery').set(changed).where('id', '=', id).execute();
    },
    async hasten(webhookId) {
      await db
        .updateTable('webhook_delivery')
        .set({ due_at: sql`queued_at` })
        .where('webhook_id', '=', webhookId)
        .where(IS_WAITING)
        .execute();
    },
    async reviveDead(webhookId, now, limit) {
      const result = await sql`update webhook_delivery
        set state = 'waiting', tries = 0, queued_at = ${now}, due_at = ${now}, ended_at = null
        where seq in (select seq from webhook_delivery
          where webhook_id = ${webhookId} and state = 'dead' order by seq limit ${limit})`.execute(db);
      return Number(result.numAffectedRows ?? 0n);
    },
    async discardDead(webhookId) {
      const result = await db
        .deleteFrom('webhook_delivery')
        .where('webhook_id', '=', webhookId)
        .where('state', '=', 'dead')
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
    async discard(id) {
      await db.deleteFrom('webhook_delivery').where('id', '=', id).execute();
    },
    async expire(before, now, limit) {
      const result = await sql`update webhook_delivery
        set state = 'dead', ended_at = ${now}, failure = coalesce(failure, 'not sent in time')
        where seq in (select seq from webhook_delivery
          where ${IS_WAITING} and queued_at < ${before} order by queued_at, seq limit ${limit})`.execute(db);
      return Number(result.numAffectedRows ?? 0n);
    },
    prune: ({ before, keep, limit }) =>
      atomically(db, async (trx) => {
        const firstSurplus = await trx
          .selectFrom('webhook_delivery')
          .select('ended_at')
          .where(HAS_ENDED)
          .orderBy('ended_at', 'desc')
          .orderBy('seq', 'desc')
          .limit(1)
          .offset(keep)
          .executeTakeFirst();
        const cut = Math.max(before, (firstSurplus?.ended_at ?? -1) + 1);
        const result = await sql`delete from webhook_delivery
          where seq in (select seq from webhook_delivery
            where ${HAS_ENDED} and ended_at < ${cut} order by ended_at, seq limit ${limit})`.execute(trx);
        return Number(result.numAffectedRows ?? 0n);
      }),
  };
}

/** @throws IronwakeError `webhook.name-taken` (409) */
async function named<T>({ name }: Webhook, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error, 'webhook.name')) throw error;
    throw new IronwakeError({
      kind: 'conflict',
      code: 'webhook.name-taken',
      field: 'name',
      message: `there is a webhook '${name}' already`,
      remedy: `Choose another name, or remove that one first: npx ironwake webhook rm ${name}.`,
      cause: error,
    });
  }
}

function toRow(webhook: Webhook) {
  return {
    id: webhook.id,
    revision: webhook.revision,
    name: webhook.name,
    url: webhook.url,
    events: JSON.stringify(webhook.events),
    severities: JSON.stringify(webhook.severities),
    allow_http: webhook.allowHttp ? 1 : 0,
    allow_loopback: webhook.allowLoopback ? 1 : 0,
    ca: webhook.ca ?? null,
    secret: webhook.secret,
    secret_at: webhook.secretAt,
    old_secret: webhook.oldSecret?.sealed ?? null,
    old_secret_until: webhook.oldSecret?.until ?? null,
    off_because: webhook.off?.because ?? null,
    off_at: webhook.off?.at ?? null,
    created_at: webhook.createdAt,
    created_by: webhook.createdBy,
  };
}

function healthColumns(health: Health): Updateable<WebhookTable> {
  return {
    failures: health.failures,
    failing_since: health.failingSince ?? null,
    paused_until: health.pausedUntil ?? null,
    last_delivered_at: health.lastDeliveredAt ?? null,
    last_failure: health.lastFailure?.what ?? null,
    last_failure_at: health.lastFailure?.at ?? null,
  };
}

const known = (row: Selectable<WebhookTable> | undefined) => (row === undefined ? undefined : fromRow(row));

function fromRow(row: Selectable<WebhookTable>): { readonly webhook: Webhook; readonly health: Health } {
  const { old_secret, old_secret_until, off_because, off_at, last_failure, last_failure_at } = row;
  return {
    webhook: {
      id: row.id,
      name: row.name,
      revision: row.revision,
      url: row.url,
      events: JSON.parse(row.events) as string[],
      severities: JSON.parse(row.severities) as Severity[],
      allowHttp: row.allow_http === 1,
      allowLoopback: row.allow_loopback === 1,
      ca: row.ca ?? undefined,
      secret: row.secret,
      secretAt: row.secret_at,
      oldSecret: old_secret === null ? undefined : { sealed: old_secret, until: old_secret_until ?? 0 },
      off: off_because === null ? undefined : { because: off_because as OffReason, at: off_at ?? 0 },
      createdAt: row.created_at,
      createdBy: row.created_by,
    },
    health: {
      failures: row.failures,
      failingSince: row.failing_since ?? undefined,
      pausedUntil: row.paused_until ?? undefined,
      lastDeliveredAt: row.last_delivered_at ?? undefined,
      lastFailure: last_failure === null ? undefined : { what: last_failure, at: last_failure_at ?? 0 },
      shed: row.shed,
    },
  };
}

function deliveryRow(delivery: Omit<Delivery, 'seq'>) {
  return {
    id: delivery.id,
    webhook_id: delivery.webhookId,
    event_id: delivery.eventId ?? null,
    code: delivery.code,
    body: delivery.body,
    state: delivery.state,
    tries: delivery.tries,
    created_at: delivery.createdAt,
    queued_at: delivery.queuedAt,
    due_at: delivery.dueAt,
    last_try_at: delivery.lastTryAt ?? null,
    ended_at: delivery.endedAt ?? null,
    status: delivery.status ?? null,
    failure: delivery.failure ?? null,
  };
}

function toDelivery(row: Selectable<WebhookDeliveryTable>): Delivery {
  return {
    seq: row.seq,
    id: row.id,
    webhookId: row.webhook_id,
    eventId: row.event_id ?? undefined,
    code: row.code,
    body: row.body,
    state: row.state as DeliveryState,
    tries: row.tries,
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    dueAt: row.due_at,
    lastTryAt: row.last_try_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    status: row.status ?? undefined,
    failure: row.failure ?? undefined,
  };
}
