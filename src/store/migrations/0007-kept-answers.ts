/** Answers that are kept for a repeated request. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('kept_answer')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('answered', 'integer', (c) => c.notNull().check(sql`answered in (0, 1)`))
    .addColumn('at', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema.createIndex('kept_answer_by_age').on('kept_answer').columns(['at', 'id']).execute();
}
