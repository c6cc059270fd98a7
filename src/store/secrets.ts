import type { Kysely } from 'kysely';
import type { SecretRepository } from '../journey/ports.ts';
import type { Tables } from './tables.ts';

/** Holds sealed text only; sealing is trust's business, and the list never carries values. */
export function secretRepository(db: Kysely<Tables>): SecretRepository {
  return {
    async put(name, sealed, at) {
      await db
        .insertInto('secret')
        .values({ name, sealed, updated_at: at })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed, updated_at: at }))
        .execute();
    },
    async get(name) {
      const row = await db.selectFrom('secret').select('sealed').where('name', '=', name).executeTakeFirst();
      return row?.sealed;
    },
    async list() {
      const rows = await db.selectFrom('secret').select(['name', 'updated_at']).orderBy('name').execute();
      return rows.map((row) => ({ name: row.name, updatedAt: row.updated_at }));
    },
    async remove(name) {
      const result = await db.deleteFrom('secret').where('name', '=', name).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}
