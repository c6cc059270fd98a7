import type { Kysely } from 'kysely';
import type { AuditRepository } from '../journey/ports.ts';
import { pruneOldest } from './oldest.ts';
import type { Tables } from './tables.ts';

export function auditRepository(db: Kysely<Tables>): AuditRepository {
  return {
    async append(entry) {
      await db
        .insertInto('audit')
        .values({
          at: entry.at,
          actor: entry.actor,
          came_from: entry.from,
          action: entry.action,
          target: entry.target,
          data: JSON.stringify(entry.data),
        })
        .execute();
    },
    prune: (rule) => pruneOldest(db, 'audit', rule),
    /** Newest first. */
    async list(limit, before) {
      let query = db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit);
      if (before !== undefined) query = query.where('id', '<', before);
      const rows = await query.execute();
      return rows.map((row) => ({
        id: row.id,
        at: row.at,
        actor: row.actor,
        from: row.came_from,
        action: row.action,
        target: row.target,
        data: JSON.parse(row.data) as Record<string, unknown>,
      }));
    },
  };
}
