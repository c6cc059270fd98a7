/** Secrets that nodes made and handed over: sealed until an administrator has read them, then only the fact that there was one. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('born_secret')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    // No reference: runs are removed by age, and what nobody has read yet stays.
    .addColumn('run_id', 'text', (c) => c.notNull())
    .addColumn('module', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('delivery', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text')
    .addColumn('born_at', 'integer', (c) => c.notNull())
    .addColumn('read_at', 'integer')
    .addColumn('read_by', 'text')
    .addColumn('replaced_at', 'integer')
    .addCheckConstraint('born_secret_once', sql`sealed is null or (read_at is null and replaced_at is null)`)
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema
    .createIndex('born_secret_delivery')
    .unique()
    .on('born_secret')
    .columns(['node_id', 'delivery'])
    .execute();
  await db.schema.createIndex('born_secret_by_age').on('born_secret').columns(['node_id', 'born_at', 'id']).execute();
  await sql`create unique index born_secret_unread on born_secret (node_id, module, name) where sealed is not null`.execute(
    db,
  );
}
