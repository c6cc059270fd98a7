/**
 * The one connection to the database file. better-sqlite3 is synchronous: a statement takes microseconds, and Kysely's mutex hands the
 * connection to one query or one transaction at a time.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { storeFailure } from './failure.ts';
import type { Tables } from './tables.ts';

export interface ConnectionOptions {
  /** The database file, or ':memory:'. */
  readonly path: string;
  /** How long a statement waits for a lock of another process. The event loop waits with it, so this is short. */
  readonly busyTimeoutMs: number;
  /** Called once for each distinct statement: the query-plan test listens here. */
  readonly onStatement?: ((sql: string) => void) | undefined;
}

/** Distinct statements number below a hundred; the bound is against a list of parameters of changing length. */
const STATEMENT_CACHE = 500;

/** @throws IronwakeError `store.unwritable`, `store.locked`, `store.corrupt`, `store.disk-full`, `store.disk-error` */
export function openConnection(options: ConnectionOptions): Kysely<Tables> {
  const { path } = options;
  let database: Database.Database | undefined;
  try {
    if (path !== ':memory:') createPrivately(path);
    database = new Database(path, { timeout: options.busyTimeoutMs });
    // WAL: readers (a backup, sqlite3 on the command line) and the daemon do not wait for each other. With it NORMAL keeps the file sound
    // through a power cut, and FULL also keeps the last transaction: an answer that was claimed must stay claimed.
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma('trusted_schema = OFF');
    // What is erased is overwritten: a secret that was read is not left in a free corner of the file.
    database.pragma('secure_delete = ON');
  } catch (error) {
    database?.close();
    throw storeFailure(error, path);
  }
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: prepared(database, options) }) });
}

/** The file holds sealed secrets and token hashes: nobody but the daemon's user reads it. SQLite gives -wal and -shm the same mode. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
}

/** Keeps statements prepared (Kysely would compile the same text at each call) and translates what SQLite throws. */
function prepared(database: Database.Database, options: ConnectionOptions): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>();
  const translated = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw storeFailure(error, options.path);
    }
  };
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = cache.get(sql);
      if (known !== undefined) return known;
      const statement = translated(() => database.prepare<unknown[], unknown>(sql));
      const wrapped: SqliteStatement = {
        reader: statement.reader,
        all: (parameters) => translated(() => statement.all(...parameters)),
        run: (parameters) => {
          // A full disk or one that fails ends the transaction by itself (sqlite.org/lang_transaction.html): rolling back once more would
          // be an error that hides the first.
          if (sql === 'rollback' && !database.inTransaction) return { changes: 0, lastInsertRowid: 0 };
          return translated(() => statement.run(...parameters));
        },
        iterate: (parameters) => statement.iterate(...parameters),
      };
      if (cache.size >= STATEMENT_CACHE) cache.clear();
      cache.set(sql, wrapped);
      options.onStatement?.(sql);
      return wrapped;
    },
  };
}

/** Runs `work` in a transaction: the one that `db` already is, or a new one. */
export function atomically<T>(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work);
}
