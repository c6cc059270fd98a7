/**
 * Backup and restore. A backup is one SQLite file: the database as it was at one moment, and in a table of its own what it was made of and,
 * when asked for, the key files without which sealed secrets cannot be read.
 */
import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { IronwakeError } from '../errors.ts';
import { storeFailure } from './failure.ts';
import { checkIntegrity } from './integrity.ts';
import { lockDataDirectory } from './lock.ts';
import { APPLICATION_ID, MIGRATIONS } from './migrate.ts';

export const DATABASE_FILE = 'ironwake.db';
/** The database of a restore until it has its name. */
const RESTORING_FILE = `${DATABASE_FILE}.restoring`;
/** Pages that are copied in one turn of the event loop: 1 MiB. */
const PAGES_A_TURN = 256;

/** A file of the data directory that travels inside of a backup: private keys. */
export interface BackupFile {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface BackupOptions {
  readonly now: number;
  readonly version: string;
  readonly files: readonly BackupFile[];
}

/**
 * Copies the database at `source` to `target` (mode 0600) while others write to it: one snapshot, whatever is written meanwhile, in slices
 * that let the event loop turn. The copy has been opened and checked when this returns.
 * @throws IronwakeError `store.disk-full` and the other failures of the store; `store.corrupt` when the copy is not sound
 */
export async function backupDatabase(source: string, target: string, options: BackupOptions): Promise<void> {
  let reader: Database.Database | undefined;
  try {
    rmSync(target, { force: true });
    closeSync(openSync(target, 'wx', 0o600));
    reader = new Database(source, { readonly: true, fileMustExist: true });
    // The snapshot: without it a copy would begin anew with every write of the daemon and might never end.
    reader.exec('begin');
    reader.prepare('select count(*) from migration').get();
    await reader.backup(target, { progress: () => PAGES_A_TURN });
    reader.close();
    reader = undefined;
    await turnOfTheLoop();
    addContents(target, options);
    await checkIntegrity(target, 'full');
  } catch (error) {
    rmSync(target, { force: true });
    throw storeFailure(error, target);
  } finally {
    reader?.close();
  }
}

function addContents(path: string, { now, version, files }: BackupOptions): void {
  const copy = new Database(path);
  try {
    // One file, complete in itself: no -wal beside it.
    copy.pragma('journal_mode = DELETE');
    copy.exec(`create table backup_info (made_at integer not null, version text not null) strict;
      create table backup_file (name text primary key not null, content blob not null) strict`);
    copy.prepare('insert into backup_info values (?, ?)').run(now, version);
    const insert = copy.prepare('insert into backup_file values (?, ?)');
    for (const { name, content } of files) insert.run(name, Buffer.from(content));
  } finally {
    copy.close();
  }
}

export interface BackupContents {
  readonly madeAt: number;
  /** Of the program that made it. */
  readonly version: string;
  readonly migration: number;
  readonly nodes: number;
  readonly runs: number;
  readonly events: number;
  /** The instance key that its sealed secrets need: its id. */
  readonly keyId: string | undefined;
  readonly files: readonly BackupFile[];
}

/**
 * Opens a backup for reading, checks it whole and says what is in it.
 * @throws IronwakeError `backup.unreadable`, `backup.foreign`, `backup.newer`, `store.corrupt`
 */
export async function readBackup(path: string): Promise<BackupContents> {
  if (!existsSync(path)) throw refusal('backup.unreadable', `there is no file ${path}`, 'Name the file of a backup.');
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true });
    if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID || !hasTable(database, 'backup_info')) {
      throw refusal(
        'backup.foreign',
        `${path} is not a backup of Ironwake`,
        'Give a file that npx ironwake backup has written.',
      );
    }
    await checkIntegrity(path, 'full');
    const row = <T>(sql: string): T => database?.prepare(sql).get() as T;
    const { newest } = row<{ newest: number }>('select max(number) as newest from migration');
    const known = MIGRATIONS.at(-1)?.number ?? 0;
    if (newest > known) {
      throw refusal(
        'backup.newer',
        `${path} was made by a newer ironwake (database version ${newest}, this program knows ${known})`,
        'Restore it with that version.',
      );
    }
    const counts = row<{ nodes: number; runs: number; events: number }>(
      'select (select count(*) from node) as nodes, (select count(*) from run) as runs, (select count(*) from event) as events',
    );
    const info = row<{ made_at: number; version: string }>('select made_at, version from backup_info');
    const key = row<{ value: string } | undefined>("select value from setting where key = 'instance-key-id'");
    const files = database.prepare('select name, content from backup_file order by name').all() as BackupFile[];
    return { madeAt: info.made_at, version: info.version, migration: newest, ...counts, keyId: key?.value, files };
  } catch (error) {
    if (error instanceof IronwakeError) throw error;
    const failure = storeFailure(error, path);
    if (failure instanceof IronwakeError && failure.code === 'store.corrupt') {
      throw refusal('backup.foreign', failure.message, 'Give a file that npx ironwake backup has written.');
    }
    throw failure;
  } finally {
    database?.close();
  }
}

export interface RestoreOptions {
  /** Moves what is there aside instead of refusing. */
  readonly force: boolean;
  readonly now: number;
  /** Who restores, for the audit log. */
  readonly by: string;
}

/**
 * Puts a checked backup into a data directory where no daemon runs. What was there is moved aside, not removed; a failure half way leaves the
 * old database in its place. The restored database says so in its own audit log before anybody can open it.
 * @returns the names that the old files were given
 * @throws IronwakeError `daemon.already-running`, `restore.exists`, and those of `readBackup`
 */
export async function restoreBackup(
  path: string,
  directory: string,
  { force, now, by }: RestoreOptions,
): Promise<{ readonly contents: BackupContents; readonly movedAside: readonly string[] }> {
  const contents = await readBackup(path);
  const unlock = lockDataDirectory(directory);
  const target = join(directory, DATABASE_FILE);
  const fresh = join(directory, RESTORING_FILE);
  try {
    const names = [DATABASE_FILE, ...contents.files.map((file) => file.name)];
    const present = names.filter((name) => existsSync(join(directory, name)));
    if (present.length > 0 && !force) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'restore.exists',
        field: '--force',
        message: `${directory} holds ${present.join(', ')} already`,
        remedy: 'Add --force to move what is there aside, or name an empty directory with --data-dir.',
      });
    }
    rmSync(fresh, { force: true });
    closeSync(openSync(fresh, 'wx', 0o600));
    const source = new Database(path, { readonly: true, fileMustExist: true });
    try {
      await source.backup(fresh, { progress: () => PAGES_A_TURN });
    } finally {
      source.close();
    }
    const suffix = `before-restore-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
    // The write-ahead log belongs to its database and is found by its name.
    const asideOf = (name: string): string =>
      name.startsWith(DATABASE_FILE) ? name.replace(DATABASE_FILE, `${DATABASE_FILE}.${suffix}`) : `${name}.${suffix}`;
    const copy = new Database(fresh);
    try {
      copy.exec('drop table backup_file; drop table backup_info');
      const { madeAt, version, nodes, runs, events, files } = contents;
      const data = {
        before: present.includes(DATABASE_FILE) ? { keptAs: asideOf(DATABASE_FILE) } : null,
        after: { madeAt: new Date(madeAt).toISOString(), version, nodes, runs, events },
        keys: files.map((file) => file.name),
      };
      copy
        .prepare('insert into audit (at, actor, came_from, action, target, data) values (?, ?, ?, ?, ?, ?)')
        .run(now, by, 'local', 'database.restored', basename(path), JSON.stringify(data));
      copy.exec('vacuum');
    } finally {
      copy.close();
    }
    await checkIntegrity(fresh, 'full');
    const undo: Array<() => void> = [];
    const movedAside: string[] = [];
    try {
      for (const name of [...names, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`]) {
        const file = join(directory, name);
        if (!existsSync(file)) continue;
        const aside = join(directory, asideOf(name));
        renameSync(file, aside);
        undo.push(() => renameSync(aside, file));
        movedAside.push(asideOf(name));
      }
      for (const { name, content } of contents.files) {
        const file = join(directory, basename(name));
        undo.push(() => rmSync(file, { force: true }));
        writeFileSync(file, content, { mode: 0o600 });
        chmodSync(file, 0o600);
      }
      renameSync(fresh, target);
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
    return { contents, movedAside };
  } catch (error) {
    throw storeFailure(error, target);
  } finally {
    rmSync(fresh, { force: true });
    unlock();
  }
}

/**
 * A restore that was killed between moving the old database aside and giving the new one its name: a start would make an empty database there, and
 * nobody would be registered any more.
 * @throws IronwakeError `restore.cut-off`
 */
export function refuseHalfRestore(directory: string): void {
  if (existsSync(join(directory, DATABASE_FILE)) || !existsSync(join(directory, RESTORING_FILE))) return;
  throw new IronwakeError({
    kind: 'unavailable',
    code: 'restore.cut-off',
    message: `A restore was cut off in ${directory}: there is no ${DATABASE_FILE}`,
    remedy: `Type it again: npx ironwake restore FILE --force --data-dir ${directory}. What was there before lies in ${DATABASE_FILE}.before-restore-*.`,
  });
}

/** Of the database with its write-ahead log, in bytes. */
export function databaseBytes(path: string): number {
  return [path, `${path}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function hasTable(database: Database.Database, name: string): boolean {
  return database.prepare('select 1 from sqlite_schema where type = ? and name = ?').get('table', name) !== undefined;
}

function refusal(code: string, message: string, remedy: string): IronwakeError {
  return new IronwakeError({ kind: 'invalid', code, message, remedy });
}
