/** Brings a database up to the shape that this code knows: numbered steps, all in one transaction, so that a failed one leaves no trace. */
import { type Kysely, sql } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { Log } from '../log.ts';
import { up as first } from './migrations/0001-first.ts';
import { up as tagsAndClaims } from './migrations/0002-tags-and-claims.ts';
import { up as runIndexes } from './migrations/0003-run-indexes.ts';
import { up as registry } from './migrations/0004-registry.ts';
import { up as watch } from './migrations/0005-watch.ts';
import { up as landmarks } from './migrations/0006-landmarks.ts';
import { up as keptAnswers } from './migrations/0007-kept-answers.ts';
import { up as webhooks } from './migrations/0008-webhooks.ts';
import { up as bornSecrets } from './migrations/0009-born-secrets.ts';
import type { Tables } from './tables.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly up: (db: Kysely<never>) => Promise<void>;
}

/** In order, without gaps, never edited after a release. */
export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'first', up: first },
  { number: 2, name: 'tags-and-claims', up: tagsAndClaims },
  { number: 3, name: 'run-indexes', up: runIndexes },
  { number: 4, name: 'registry', up: registry },
  { number: 5, name: 'watch', up: watch },
  { number: 6, name: 'landmarks', up: landmarks },
  { number: 7, name: 'kept-answers', up: keptAnswers },
  { number: 8, name: 'webhooks', up: webhooks },
  { number: 9, name: 'born-secrets', up: bornSecrets },
];

/** 'Irwk': marks the file as ours (`file` shows it, and a stranger's database is not migrated by accident). */
export const APPLICATION_ID = 0x4972776b;

export interface MigrateOptions {
  readonly path: string;
  readonly now: number;
  readonly log: Log;
  readonly migrations?: readonly Migration[];
}

/**
 * @throws IronwakeError `store.newer` when the file was written by a later version, `store.foreign` when it is another program's database
 */
export async function migrate(db: Kysely<Tables>, options: MigrateOptions): Promise<void> {
  const migrations = options.migrations ?? MIGRATIONS;
  await db.transaction().execute(async (trx) => {
    await refuseForeign(trx, options.path);
    await sql`create table if not exists migration
      (number integer primary key not null, name text not null, applied_at integer not null) strict`.execute(trx);
    const rows = await trx.selectFrom('migration').select(['number', 'name']).orderBy('number').execute();
    const newest = rows.at(-1);
    const known = migrations.at(-1)?.number ?? 0;
    if (newest !== undefined && newest.number > known) {
      throw new IronwakeError({
        kind: 'unavailable',
        code: 'store.newer',
        message: `The database ${options.path} has version ${newest.number} (${newest.name}), this program knows only ${known}`,
        remedy: 'Start the newer ironwake that wrote it, or restore the backup that was made before the upgrade.',
      });
    }
    for (const migration of migrations) {
      if (rows.some((row) => row.number === migration.number)) continue;
      await migration.up(trx as unknown as Kysely<never>);
      await trx
        .insertInto('migration')
        .values({ number: migration.number, name: migration.name, applied_at: options.now })
        .execute();
      options.log.info({ migration: migration.number, name: migration.name }, 'database migrated');
    }
  });
}

/** An empty file is ours to fill; one with tables must carry our mark. */
async function refuseForeign(db: Kysely<Tables>, path: string): Promise<void> {
  const mark = await sql<{ application_id: number }>`pragma application_id`.execute(db);
  if (mark.rows[0]?.application_id === APPLICATION_ID) return;
  const tables = await sql<{ name: string }>`select name from sqlite_schema limit 1`.execute(db);
  if (tables.rows.length > 0) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'store.foreign',
      message: `${path} is a database of another program`,
      remedy: 'Choose another directory with --data-dir, or move that file away.',
    });
  }
  await sql`pragma application_id = ${sql.lit(APPLICATION_ID)}`.execute(db);
}
