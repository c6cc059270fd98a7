/** `ironwake backup` (through the daemon) and `ironwake restore` (without one). */
import { open, rename, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { type BackupContents, readBackup, restore as restoreInto } from '../backups.ts';
import { loadConfig } from '../config/load.ts';
import { IronwakeError, invalid, messageOf, systemCode } from '../errors.ts';
import { formatBytes } from '../runs/words.ts';
import { print, type Session } from './session.ts';
import type { ExitStatus, Io } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

type Options = Readonly<Record<string, unknown>>;

/**
 * Writes the file (0600), opens and checks it, and only then gives it its name.
 * @throws IronwakeError `backup.exists`, `backup.unwritable`, `backup.incomplete`, and what the daemon says
 */
export async function backup(session: Session, args: readonly string[], options: Options): Promise<ExitStatus> {
  const path = resolve(session.io.cwd, args[0] ?? '');
  const part = `${path}.part`;
  const file = await openNew(path, part);
  try {
    const response = await session.client.backup(options.keys === true);
    const expected = Number(response.headers['content-length']);
    let sizeBytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      sizeBytes += chunk.byteLength;
      await file.write(chunk);
    }
    await file.sync();
    if (sizeBytes !== expected) {
      throw new IronwakeError({
        kind: 'unavailable',
        code: 'backup.incomplete',
        message: `the backup ended after ${formatBytes(sizeBytes)} of ${formatBytes(expected)}`,
        remedy: 'Try again.',
      });
    }
    const contents = await readBackup(part);
    await rename(part, path);
    print(
      session,
      { file: path, sizeBytes, ...summary(contents) },
      () =>
        `${path}: ${formatBytes(sizeBytes)}, ${counts(contents)}; opened and checked\n` +
        (options.keys === true
          ? 'It holds the keys of this installation: keep it as you keep keys.\n'
          : 'Without the keys: keep instance.key and tls.pem of the data directory too, or add --keys.\n') +
        'Images and profiles are files of their own: DATA/media and the answers directory.\n',
    );
    return 0;
  } finally {
    await file.close();
    await rm(part, { force: true });
  }
}

async function openNew(path: string, part: string) {
  try {
    const present = await open(path, 'r').catch(() => undefined);
    if (present !== undefined) {
      await present.close();
      throw invalid('backup.exists', 'FILE', `${path} is there already`, 'Choose another name, or remove it first.');
    }
    await rm(part, { force: true });
    return await open(part, 'wx', 0o600);
  } catch (error) {
    if (error instanceof IronwakeError) throw error;
    throw invalid(
      'backup.unwritable',
      'FILE',
      `${path} cannot be written (${systemCode(error) ?? messageOf(error)})`,
      'Name a file in a directory that you may write.',
    );
  }
}

/** @throws what `restore` (backups.ts) throws */
export async function restore(io: Io, args: readonly string[], options: Options): Promise<ExitStatus> {
  const { dataDir } = loadConfig({
    flags: { dataDir: options.dataDir, config: options.config },
    env: io.env,
    cwd: io.cwd,
  });
  const path = resolve(io.cwd, args[0] ?? '');
  const done = await restoreInto(path, dataDir, {
    force: options.force === true,
    now: io.now(),
    by: personAtWork(io.env),
  });
  const { contents, movedAside, missingKey } = done;
  if (options.json === true) {
    io.out(
      `${JSON.stringify({ dataDir, ...summary(contents), movedAside, missingKey: missingKey ?? null }, undefined, 2)}\n`,
    );
    return 0;
  }
  io.out(
    `restored ${dataDir} to ${dayAndTime(new Date(contents.madeAt).toISOString())}: ${counts(contents)}\n` +
      movedAside.map((name) => `  what was there is kept as ${name}\n`).join('') +
      (missingKey === undefined
        ? ''
        : `The sealed secrets need the instance key ${missingKey}: put instance.key (or the systemd credential) there before the start.\n`) +
      'Start the daemon: npm run serve\n',
  );
  return 0;
}

/** Who types this, for the audit log: the user of this host, and who became it with sudo. */
function personAtWork({ SUDO_USER }: Io['env']): string {
  const user = userName();
  return SUDO_USER === undefined || SUDO_USER === user ? user : `${user} (sudo: ${SUDO_USER})`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in the list of users.
    return `user ${process.getuid?.()}`;
  }
}

function counts({ nodes, runs, events }: BackupContents): string {
  return `${nodes} nodes, ${runs} installations, ${events} events`;
}

function summary({ madeAt, version, nodes, runs, events, files }: BackupContents) {
  return {
    madeAt: new Date(madeAt).toISOString(),
    version,
    nodes,
    runs,
    events,
    keys: files.map((file) => file.name),
  };
}
