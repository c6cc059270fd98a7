/** Tables whose rows are only ever appended: the oldest go by age and number, from the end where they lie. */
import { type Kysely, sql } from 'kysely';
import type { PruneRule } from '../journey/ports.ts';
import type { Tables } from './tables.ts';

/** @returns how many rows went, at most `limit` */
export async function pruneOldest(
  db: Kysely<Tables>,
  name: 'event' | 'audit',
  { before, keep, limit }: PruneRule,
): Promise<number> {
  const table = sql.table(name);
  const newest = await sql<{ id: number }>`select "id" from ${table} order by "id" desc limit ${1}`.execute(db);
  const last = newest.rows[0]?.id;
  if (last === undefined) return 0;
  const oldest = await sql<{
    id: number;
    at: number;
  }>`select "id", "at" from ${table} order by "id" limit ${limit}`.execute(db);
  // Ids rise without gaps worth counting: the last `keep` of them are the last `keep` rows.
  const upTo = oldest.rows.filter(({ id, at }) => at < before || id <= last - keep).at(-1)?.id;
  if (upTo === undefined) return 0;
  const done = await sql`delete from ${table} where "id" <= ${upTo}`.execute(db);
  return Number(done.numAffectedRows ?? 0n);
}
