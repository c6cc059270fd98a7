import type { Kysely, Selectable } from 'kysely';
import type { MediaRecord, MediaRepository } from '../journey/ports.ts';
import type { MediaTable, Tables } from './tables.ts';

export function mediaRepository(db: Kysely<Tables>): MediaRepository {
  return {
    /** An image that is catalogued already (same SHA-256, so the same bytes) stays as it is. */
    async insert(record) {
      await db
        .insertInto('media')
        .values({
          id: record.id,
          name: record.name,
          product: record.product,
          release: record.release,
          iso_release: record.isoRelease,
          size_bytes: record.sizeBytes,
          kernel_path: record.kernelPath,
          initrd_path: record.initrdPath,
          added_at: record.addedAt,
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
    },
    async byId(id) {
      const row = await db.selectFrom('media').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : fromRow(row);
    },
    /** Newest first. */
    async list() {
      const rows = await db.selectFrom('media').selectAll().orderBy('added_at', 'desc').orderBy('id', 'desc').execute();
      return rows.map(fromRow);
    },
    async remove(id) {
      const result = await db.deleteFrom('media').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

function fromRow(row: Selectable<MediaTable>): MediaRecord {
  return {
    id: row.id,
    name: row.name,
    product: row.product as MediaRecord['product'],
    release: row.release,
    isoRelease: row.iso_release,
    sizeBytes: row.size_bytes,
    kernelPath: row.kernel_path,
    initrdPath: row.initrd_path,
    addedAt: row.added_at,
  };
}
