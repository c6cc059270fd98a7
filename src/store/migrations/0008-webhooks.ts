/** Webhooks out: endpoints, and what is to be delivered to them, written in the transaction of the event. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('webhook')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('events', 'text', (c) => c.notNull())
    .addColumn('severities', 'text', (c) => c.notNull())
    .addColumn('allow_http', 'integer', (c) => c.notNull().check(sql`allow_http in (0, 1)`))
    .addColumn('allow_loopback', 'integer', (c) => c.notNull().check(sql`allow_loopback in (0, 1)`))
    .addColumn('ca', 'text')
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('secret_at', 'integer', (c) => c.notNull())
    .addColumn('old_secret', 'text')
    .addColumn('old_secret_until', 'integer')
    .addColumn('off_because', 'text')
    .addColumn('off_at', 'integer')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    // How it goes: not part of what an administrator edits, and of no revision.
    .addColumn('failures', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('failing_since', 'integer')
    .addColumn('paused_until', 'integer')
    .addColumn('last_delivered_at', 'integer')
    .addColumn('last_failure', 'text')
    .addColumn('last_failure_at', 'integer')
    .addColumn('shed', 'integer', (c) => c.notNull().defaultTo(0))
    // How many deliveries wait: kept by the triggers below, so that a full queue is known without counting it.
    .addColumn('waiting', 'integer', (c) => c.notNull().defaultTo(0))
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('webhook_by_name').unique().on('webhook').column('name').execute();
  await db.schema
    .createTable('webhook_delivery')
    // Autoincrement: the number of a row that was removed is not given again.
    .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('webhook_id', 'text', (c) => c.notNull().references('webhook.id').onDelete('cascade'))
    .addColumn('event_id', 'integer')
    .addColumn('code', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('waiting', 'delivered', 'dead')`))
    .addColumn('tries', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('queued_at', 'integer', (c) => c.notNull())
    .addColumn('due_at', 'integer', (c) => c.notNull())
    .addColumn('last_try_at', 'integer')
    .addColumn('ended_at', 'integer')
    .addColumn('status', 'integer')
    .addColumn('failure', 'text')
    .modifyEnd(sql`strict`)
    .execute();
  const index = (name: string, columns: string, unique = '') =>
    sql.raw(`create ${unique} index ${name} on webhook_delivery ${columns}`).execute(db);
  await index('webhook_delivery_id', '(id)', 'unique');
  await index('webhook_delivery_by_state', '(webhook_id, state, seq)');
  await index('webhook_delivery_of_webhook', '(webhook_id, seq)');
  await index('webhook_delivery_due', "(webhook_id, due_at, seq) where state = 'waiting'");
  await index('webhook_delivery_by_age', "(queued_at, seq) where state = 'waiting'");
  await index('webhook_delivery_ended', "(ended_at, seq) where state <> 'waiting'");
  const trigger = (name: string, when: string, change: string) =>
    sql.raw(`create trigger ${name} ${when} begin update webhook set waiting = waiting ${change}; end`).execute(db);
  await trigger(
    'webhook_delivery_waits',
    "after insert on webhook_delivery when new.state = 'waiting'",
    '+ 1 where id = new.webhook_id',
  );
  await trigger(
    'webhook_delivery_changed',
    'after update of state on webhook_delivery when old.state <> new.state',
    "+ (new.state = 'waiting') - (old.state = 'waiting') where id = new.webhook_id",
  );
  await trigger(
    'webhook_delivery_removed',
    "after delete on webhook_delivery when old.state = 'waiting'",
    '- 1 where id = old.webhook_id',
  );
}
