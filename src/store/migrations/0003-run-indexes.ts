/** Indexes for what the daemon asks about all runs: how many are in which state, and which ended longest ago. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createIndex('run_active_by_state')
    .on('run')
    .columns(['state', 'contested', 'state_since'])
    .where(sql<boolean>`ended = 0`)
    .execute();
  await db.schema
    .createIndex('run_ended_by_age')
    .on('run')
    .columns(['ended_at', 'id'])
    .where(sql<boolean>`ended = 1`)
    .execute();
}
