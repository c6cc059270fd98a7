import type { Kysely } from 'kysely';
import type { KeptAnswerRepository } from '../journey/ports.ts';
import { atomically } from './connection.ts';
import type { Tables } from './tables.ts';

/** Rows that go at once: what is too old is never much more than what comes in a day. */
const BATCH = 500;

/** Holds sealed text only: an answer may hold a token. */
export function keptAnswerRepository(db: Kysely<Tables>): KeptAnswerRepository {
  return {
    reserve: ({ id, sealed, at }, { before, keep }) =>
      atomically(db, async (trx) => {
        const old = await trx
          .selectFrom('kept_answer')
          .select('id')
          .where('at', '<', before)
          .orderBy('at')
          .orderBy('id')
          .limit(BATCH)
          .execute();
        const surplus = await trx
          .selectFrom('kept_answer')
          .select('id')
          .orderBy('at', 'desc')
          .orderBy('id', 'desc')
          .limit(BATCH)
          .offset(keep)
          .execute();
        for (const row of [...old, ...surplus]) await trx.deleteFrom('kept_answer').where('id', '=', row.id).execute();
        const there = await trx
          .selectFrom('kept_answer')
          .select(['sealed', 'answered'])
          .where('id', '=', id)
          .executeTakeFirst();
        if (there !== undefined) return { sealed: there.sealed, answered: there.answered === 1 };
        await trx.insertInto('kept_answer').values({ id, sealed, answered: 0, at }).execute();
        return undefined;
      }),
    async keep(id, sealed) {
      await db.updateTable('kept_answer').set({ sealed, answered: 1 }).where('id', '=', id).execute();
    },
    async release(id) {
      await db.deleteFrom('kept_answer').where('id', '=', id).where('answered', '=', 0).execute();
    },
  };
}
