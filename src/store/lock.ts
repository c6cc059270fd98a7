/**
 * One daemon a data directory. The lock is SQLite's own on a file beside the database: the kernel lets go of it when the process ends,
 * however it ends, so that nothing is left behind by a crash.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { IronwakeError, systemCode } from '../errors.ts';
import { storeFailure } from './failure.ts';

export const LOCK_FILE = 'ironwake.lock';

/**
 * Takes the directory for this process, until the returned function is called.
 * @throws IronwakeError `daemon.already-running`, `store.unwritable`
 */
export function lockDataDirectory(directory: string): () => void {
  const path = join(directory, LOCK_FILE);
  let database: Database.Database | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    database = new Database(path, { timeout: 0 });
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('begin exclusive');
  } catch (error) {
    database?.close();
    if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true) throw storeFailure(error, path);
    throw new IronwakeError({
      kind: 'conflict',
      code: 'daemon.already-running',
      field: '--data-dir',
      message: `another ironwake daemon works with the data directory ${directory}`,
      remedy:
        'Stop it first (its process id stands in server.json there), or choose another directory with --data-dir.',
      cause: error,
    });
  }
  const held = database;
  return () => held.close();
}
