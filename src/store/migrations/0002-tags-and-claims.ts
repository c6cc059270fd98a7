/** Tags of nodes, and the addresses and counter values that nodes hold from pools. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .alterTable('node')
    .addColumn('tags', 'text', (c) => c.notNull().defaultTo('[]'))
    .execute();

  // The primary key is what keeps a number from being handed out twice; a node that goes gives its numbers back.
  await db.schema
    .createTable('claim')
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('pool', 'text', (c) => c.notNull())
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    .addColumn('claimed_at', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('claim_key', ['site', 'scope', 'number'])
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema
    .createIndex('claim_one_of_a_pool')
    .unique()
    .on('claim')
    .columns(['node_id', 'scope', 'pool'])
    .execute();
}
