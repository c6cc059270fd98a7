/** The first shape of the database. Never edited after a release: what changes later is the next number. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('node')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('fqdn', 'text', (c) => c.notNull())
    .addColumn('profile', 'text', (c) => c.notNull())
    .addColumn('node_values', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('node_fqdn').unique().on('node').column('fqdn').execute();

  await db.schema
    .createTable('node_mac')
    .addColumn('mac', 'text', (c) => c.primaryKey().notNull())
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema.createIndex('node_mac_by_node').on('node_mac').columns(['node_id', 'position']).execute();

  await db.schema
    .createTable('run')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('ended', 'integer', (c) => c.notNull().check(sql`ended in (0, 1)`))
    .addColumn('failure', 'text')
    .addColumn('contested', 'integer', (c) => c.notNull().check(sql`contested in (0, 1)`))
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('media_id', 'text', (c) => c.notNull())
    .addColumn('armed_at', 'integer', (c) => c.notNull())
    .addColumn('state_since', 'integer', (c) => c.notNull())
    .addColumn('deadline_at', 'integer')
    .addColumn('ended_at', 'integer')
    .addColumn('data', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('run_by_node').on('run').columns(['node_id', 'armed_at', 'id']).execute();
  await db.schema
    .createIndex('run_one_active')
    .unique()
    .on('run')
    .column('node_id')
    .where(sql<boolean>`ended = 0`)
    .execute();
  await db.schema
    .createIndex('run_active_by_age')
    .on('run')
    .columns(['armed_at', 'id'])
    .where(sql<boolean>`ended = 0`)
    .execute();
  await db.schema
    .createIndex('run_by_deadline')
    .on('run')
    .columns(['deadline_at', 'id'])
    .where(sql<boolean>`ended = 0 and deadline_at is not null`)
    .execute();

  await db.schema
    .createTable('run_report')
    .addColumn('run_id', 'text', (c) => c.notNull().references('run.id').onDelete('cascade'))
    .addColumn('seq', 'integer', (c) => c.notNull())
    .addColumn('module', 'text', (c) => c.notNull())
    .addColumn('step', 'text', (c) => c.notNull())
    .addColumn('result', 'text', (c) => c.notNull())
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .addColumn('duration_ms', 'real', (c) => c.notNull())
    .addColumn('output', 'text', (c) => c.notNull())
    .addColumn('detail', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('run_report_key', ['run_id', 'seq'])
    .modifyEnd(sql`strict`)
    .execute();

  // No reference to node or run: what happened stays told after a node is removed.
  await db.schema
    .createTable('event')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('mac', 'text')
    .addColumn('node_id', 'text')
    .addColumn('run_id', 'text')
    .addColumn('code', 'text', (c) => c.notNull())
    .addColumn('data', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  for (const column of ['node_id', 'mac'] as const) {
    await db.schema
      .createIndex(`event_by_${column}`)
      .on('event')
      .columns([column, 'id'])
      .where(sql<boolean>`${sql.ref(column)} is not null`)
      .execute();
  }

  await db.schema
    .createTable('discovered')
    .addColumn('mac', 'text', (c) => c.primaryKey().notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('first_seen_at', 'integer', (c) => c.notNull())
    .addColumn('last_seen_at', 'integer', (c) => c.notNull())
    .addColumn('packets', 'integer', (c) => c.notNull())
    .addColumn('arch', 'text')
    .addColumn('uuid', 'text')
    .addColumn('vendor_class', 'text')
    .addColumn('host_name', 'text')
    .addColumn('interface_name', 'text', (c) => c.notNull())
    .addColumn('address', 'text')
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('discovered_by_age').on('discovered').columns(['last_seen_at', 'mac']).execute();

  await db.schema
    .createTable('media')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('product', 'text', (c) => c.notNull())
    .addColumn('release', 'text', (c) => c.notNull())
    .addColumn('iso_release', 'text', (c) => c.notNull())
    .addColumn('size_bytes', 'integer', (c) => c.notNull())
    .addColumn('kernel_path', 'text', (c) => c.notNull())
    .addColumn('initrd_path', 'text', (c) => c.notNull())
    .addColumn('added_at', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('media_by_age').on('media').columns(['added_at', 'id']).execute();

  await db.schema
    .createTable('secret')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();

  await db.schema
    .createTable('api_token')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('expires_at', 'integer')
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('api_token_hash').unique().on('api_token').column('hash').execute();

  await db.schema
    .createTable('audit')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('came_from', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('data', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();

  await db.schema
    .createTable('setting')
    .addColumn('key', 'text', (c) => c.primaryKey().notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
}
