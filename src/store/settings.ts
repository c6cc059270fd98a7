import type { Kysely } from 'kysely';
import type { SettingsRepository } from '../journey/ports.ts';
import type { Tables } from './tables.ts';

export function settingsRepository(db: Kysely<Tables>): SettingsRepository {
  return {
    async get(key) {
      const row = await db.selectFrom('setting').select('value').where('key', '=', key).executeTakeFirst();
      return row?.value;
    },
    async put(key, value) {
      await db
        .insertInto('setting')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute();
    },
  };
}
