/** Backups of a data directory: which of its files belong into one, and whether the parts of a restored one fit together. */
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { IronwakeError, systemCode } from './errors.ts';
import {
  type BackupContents,
  type BackupFile,
  backupDatabase,
  DATABASE_FILE,
  type RestoreOptions,
  readBackup,
  restoreBackup,
} from './store/backup.ts';
import { INSTANCE_KEY_FILE, instanceKey } from './trust/instance-key.ts';

export { type BackupContents, readBackup } from './store/backup.ts';

/** Instance key, certificates with their keys, the first token: what makes this installation this one. */
const KEY_FILES = /^(instance\.key|tls[\w.-]*\.pem|admin-token)$/;
const COPY = 'backup.tmp';

export interface Backup {
  readonly stream: Readable;
  readonly sizeBytes: number;
}

export interface Backups {
  /** @throws IronwakeError `backup.busy` while another one is made, and the failures of the store */
  make(withKeys: boolean): Promise<Backup>;
}

export function createBackups(dataDir: string, version: string, now: () => number): Backups {
  let busy = false;
  return {
    async make(withKeys) {
      if (busy) {
        throw new IronwakeError({
          kind: 'conflict',
          code: 'backup.busy',
          message: 'another backup is being made at this moment',
          remedy: 'Try again when it is done.',
        });
      }
      busy = true;
      const copy = join(dataDir, COPY);
      try {
        const files = withKeys ? await keyFilesOf(dataDir) : [];
        await backupDatabase(join(dataDir, DATABASE_FILE), copy, { now: now(), version, files });
        const handle = await open(copy, 'r');
        const { size } = await handle.stat();
        return { stream: createReadStream('', { fd: handle, autoClose: true }), sizeBytes: size };
      } finally {
        // The open handle keeps the bytes; nothing is left behind, however the download ends.
        await rm(copy, { force: true });
        busy = false;
      }
    },
  };
}

async function keyFilesOf(dataDir: string): Promise<readonly BackupFile[]> {
  const names = (await readdir(dataDir)).filter((name) => KEY_FILES.test(name)).sort();
  return Promise.all(names.map(async (name) => ({ name, content: await readFile(join(dataDir, name)) })));
}

export interface Restored {
  readonly contents: BackupContents;
  readonly movedAside: readonly string[];
  /** The sealed secrets cannot be read before the key with this id is put back. */
  readonly missingKey: string | undefined;
}

/**
 * Restores into a data directory where no daemon runs.
 * @throws IronwakeError `restore.other-key` when the key that is there is not the one that the backup was made with, `backup.*`, `restore.exists`,
 *   `daemon.already-running`
 */
export async function restore(path: string, dataDir: string, options: RestoreOptions): Promise<Restored> {
  const { keyId, files } = await readBackup(path);
  const brought = files.some(({ name }) => name === INSTANCE_KEY_FILE);
  const present = brought ? undefined : await keyIdOf(join(dataDir, INSTANCE_KEY_FILE));
  if (present !== undefined && keyId !== undefined && present !== keyId) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'restore.other-key',
      message: `${join(dataDir, INSTANCE_KEY_FILE)} is not the key that this backup was made with`,
      remedy: 'Put the instance.key of the old server there, or restore a backup that was made with --keys.',
    });
  }
  const done = await restoreBackup(path, dataDir, options);
  return { ...done, missingKey: brought || present !== undefined ? undefined : keyId };
}

async function keyIdOf(path: string): Promise<string | undefined> {
  try {
    return instanceKey(Buffer.from((await readFile(path, 'utf8')).trim(), 'hex')).id;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
