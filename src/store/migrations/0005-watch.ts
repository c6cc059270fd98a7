/** What is known of installed nodes that are watched: drift by module, orders, the plan that was applied since the installation. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('watch')
    .addColumn('node_id', 'text', (c) => c.primaryKey().notNull().references('node.id').onDelete('cascade'))
    .addColumn('run_id', 'text', (c) => c.notNull())
    .addColumn('seen_at', 'integer', (c) => c.notNull())
    .addColumn('verified_at', 'integer')
    .addColumn('data', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict, without rowid`)
    .execute();
}
