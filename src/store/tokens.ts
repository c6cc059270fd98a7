import type { Kysely, Selectable } from 'kysely';
import type { ApiToken, Role, TokenRepository } from '../journey/ports.ts';
import type { ApiTokenTable, Tables } from './tables.ts';

export function tokenRepository(db: Kysely<Tables>): TokenRepository {
  return {
    async insert(token) {
      await db
        .insertInto('api_token')
        .values({
          id: token.id,
          name: token.name,
          role: token.role,
          hash: token.hash,
          created_at: token.createdAt,
          expires_at: token.expiresAt ?? null,
        })
        .execute();
    },
    async byHash(hash) {
      const row = await db.selectFrom('api_token').selectAll().where('hash', '=', hash).executeTakeFirst();
      return row === undefined ? undefined : fromRow(row);
    },
    async remove(id) {
      const result = await db.deleteFrom('api_token').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    async expire(id, at) {
      const result = await db.updateTable('api_token').set({ expires_at: at }).where('id', '=', id).executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    /** Oldest first: UUIDv7 rises with time. */
    async list() {
      return (await db.selectFrom('api_token').selectAll().orderBy('id').execute()).map(fromRow);
    },
  };
}

function fromRow(row: Selectable<ApiTokenTable>): ApiToken {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    hash: row.hash,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
  };
}
