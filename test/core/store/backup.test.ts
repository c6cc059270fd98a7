/** Backups: made while somebody writes, opened and checked, and put back; the lock; a damaged file. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Test, test } from 'tap';
import { silentLog } from '../../../src/log.ts';
import {
  type BackupFile,
  backupDatabase,
  readBackup,
  refuseHalfRestore,
  restoreBackup,
} from '../../../src/store/backup.ts';
import { LOCK_FILE, lockDataDirectory } from '../../../src/store/lock.ts';
import { openStore } from '../../../src/store/store.ts';
import { aNode, anEvent } from './fixtures.ts';

const BY = 'anna';
const NOW = 1_800_000_000_000;
const PLAIN = { now: NOW, version: '1.2.3', files: [] };

/** A data directory with one node in its database, and a backup of that. The store is still open. */
async function withCopy(t: Test, files: readonly BackupFile[] = []) {
  const directory = t.testdir({ data: {} });
  const data = join(directory, 'data');
  const path = join(data, 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  await store.nodes.insert(aNode());
  const copy = join(directory, 'copy.db');
  await backupDatabase(path, copy, { ...PLAIN, files });
  return { data, path, store, copy };
}

test('a copy made while events pour in is one moment, sound, and private', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  t.teardown(() => store.close());
  await store.nodes.insert(aNode());
  // More than a slice of the copy, so that writes fall between slices.
  const filler = 'x'.repeat(1000);
  for (let n = 0; n < 20; n += 1)
    await store.events.append(Array.from({ length: 100 }, () => anEvent({ data: { filler } })));
  const before = await store.events.lastId();
  let copying = true;
  let written = 0;
  const writer = (async () => {
    while (copying) {
      // Always in pairs: a copy of one moment holds an even number.
      await store.events.append([anEvent({ data: { filler } }), anEvent({ data: { filler } })]);
      written += 2;
      await new Promise(setImmediate);
    }
  })();
  const copy = join(directory, 'copy.db');
  await backupDatabase(path, copy, PLAIN);
  copying = false;
  await writer;
  t.ok(written > 0, `${written} events were written meanwhile`);
  t.equal(statSync(copy).mode & 0o777, 0o600);
  t.notOk(existsSync(`${copy}-wal`), 'one file');
  const contents = await readBackup(copy);
  t.match(contents, { madeAt: NOW, version: '1.2.3', nodes: 1, keyId: undefined });
  t.same(contents.files, []);
  t.ok(contents.events >= before);
  t.equal(contents.events % 2, 0);
});

test('restored where nothing was: every row is there, and keys travel only when asked for', async (t) => {
  const directory = t.testdir({ old: {}, fresh: {} });
  const path = join(directory, 'old', 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  await store.nodes.insert(aNode());
  await store.settings.put('instance-key-id', '0123');
  const copy = join(directory, 'copy.db');
  await backupDatabase(path, copy, {
    ...PLAIN,
    files: [{ name: 'instance.key', content: Buffer.from('7e57-key-7e57') }],
  });
  await store.close();
  const fresh = join(directory, 'fresh');
  const { contents, movedAside } = await restoreBackup(copy, fresh, { force: false, now: NOW, by: BY });
  t.equal(contents.keyId, '0123');
  t.strictSame(movedAside, []);
  t.equal(readFileSync(join(fresh, 'instance.key'), 'utf8'), '7e57-key-7e57');
  t.equal(statSync(join(fresh, 'instance.key')).mode & 0o777, 0o600);
  t.equal(statSync(join(fresh, 'ironwake.db')).mode & 0o777, 0o600);
  t.notOk(readFileSync(join(fresh, 'ironwake.db')).includes('7e57-key-7e57'), 'the key is not left in the database');
  const restored = await openStore({ path: join(fresh, 'ironwake.db'), log: silentLog });
  t.strictSame(await restored.nodes.list(), [aNode()]);
  t.strictSame(await restored.audit.list(10), [
    {
      ...{ id: 1, at: NOW, actor: BY, from: 'local', action: 'database.restored', target: 'copy.db' },
      data: {
        before: null,
        after: { madeAt: new Date(NOW).toISOString(), version: '1.2.3', nodes: 1, runs: 0, events: 0 },
        keys: ['instance.key'],
      },
    },
  ]);
  await restored.close();
  const names = readdirSync(fresh).filter((name) => !name.startsWith('ironwake.lock'));
  t.strictSame(names.sort(), ['instance.key', 'ironwake.db']);
});

test('what is there is refused, or moved aside with its write-ahead log', async (t) => {
  const { data, path, store, copy } = await withCopy(t);
  await store.nodes.remove('node-1');
  await store.close();
  await t.rejects(restoreBackup(copy, data, { force: false, now: NOW, by: BY }), { code: 'restore.exists' });
  const { movedAside } = await restoreBackup(copy, data, { force: true, now: NOW, by: BY });
  t.match(movedAside[0], /^ironwake\.db\.before-restore-/);
  const restored = await openStore({ path, log: silentLog });
  t.equal((await restored.nodes.list()).length, 1);
  t.match(await restored.audit.list(10), [{ data: { before: { keptAs: movedAside[0] }, keys: [] } }]);
  await restored.close();
  const aside = await openStore({ path: join(data, movedAside[0] ?? ''), log: silentLog });
  t.equal((await aside.nodes.list()).length, 0, 'the old one can still be opened');
  await aside.close();
});

test('a restore that fails after it moved what was there leaves it as it was', async (t) => {
  const content = Buffer.from('the key of the backup');
  const { data, path, store, copy } = await withCopy(t, [{ name: 'instance.key', content }]);
  writeFileSync(join(data, 'instance.key'), 'the old key');
  await store.close();
  // What the second file would be moved to is taken, by something that no file can replace.
  mkdirSync(join(data, `instance.key.before-restore-${new Date(NOW).toISOString().replaceAll(/[:.]/g, '-')}`));
  const before = [...readdirSync(data), LOCK_FILE].sort();
  await t.rejects(restoreBackup(copy, data, { force: true, now: NOW, by: BY }), { code: 'store.unwritable' });
  t.strictSame(readdirSync(data).sort(), before, 'the same files');
  t.equal(readFileSync(join(data, 'instance.key'), 'utf8'), 'the old key');
  const again = await openStore({ path, log: silentLog });
  t.equal((await again.nodes.list()).length, 1, 'and the same database');
  await again.close();
});

test('a restore that was killed in the middle of its renames stops the start, and is done again', async (t) => {
  const { data, path, store, copy } = await withCopy(t);
  await store.close();
  refuseHalfRestore(data);
  writeFileSync(`${path}.restoring`, '');
  refuseHalfRestore(data);
  renameSync(path, `${path}.before-restore-then`);
  t.throws(() => refuseHalfRestore(data), { code: 'restore.cut-off', remedy: /restore FILE --force/ });
  await restoreBackup(copy, data, { force: true, now: NOW, by: BY });
  refuseHalfRestore(data);
  const restored = await openStore({ path, log: silentLog });
  t.equal((await restored.nodes.list()).length, 1);
  await restored.close();
});

test('what is no backup is refused, and nothing is touched', async (t) => {
  const directory = t.testdir({ data: {}, 'text.db': 'no database at all '.repeat(100) });
  const live = join(directory, 'live.db');
  await (await openStore({ path: live, log: silentLog })).close();
  const whole = join(directory, 'whole.db');
  await backupDatabase(live, whole, PLAIN);
  const bytes = readFileSync(whole);
  const damaged = join(directory, 'damaged.db');
  writeFileSync(damaged, Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(bytes.length - 8192, 0xff)]));
  const truncated = join(directory, 'truncated.db');
  writeFileSync(truncated, bytes.subarray(0, bytes.length / 2));
  const newer = join(directory, 'newer.db');
  writeFileSync(newer, bytes);
  new Database(newer).exec("insert into migration values (9999, 'later', 1)").close();
  for (const [name, file, code] of [
    ['nothing there', join(directory, 'none.db'), 'backup.unreadable'],
    ['a text', join(directory, 'text.db'), 'backup.foreign'],
    ['a database that is no backup', live, 'backup.foreign'],
    ['damaged', damaged, /store\.corrupt|backup\.foreign/],
    ['truncated', truncated, /store\.corrupt|backup\.foreign/],
    ['of a newer version', newer, 'backup.newer'],
  ] as const) {
    await t.rejects(restoreBackup(file, join(directory, 'data'), { force: true, now: NOW, by: BY }), { code }, name);
  }
  t.strictSame(
    readdirSync(join(directory, 'data')).filter((name) => name !== 'ironwake.lock'),
    [],
  );
});

test('one daemon a directory: the second is refused, and so is a restore', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'source.db');
  await (await openStore({ path, log: silentLog })).close();
  const copy = join(directory, 'copy.db');
  await backupDatabase(path, copy, PLAIN);
  const data = join(directory, 'data');
  mkdirSync(data);
  const unlock = lockDataDirectory(data);
  t.throws(() => lockDataDirectory(data), { code: 'daemon.already-running', remedy: /Stop it first/ });
  await t.rejects(restoreBackup(copy, data, { force: true, now: NOW, by: BY }), { code: 'daemon.already-running' });
  unlock();
  lockDataDirectory(data)();
});

test('a damaged page is found at the start, and by a check in the background', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  await store.events.append(Array.from({ length: 500 }, () => anEvent({ data: { filler: 'y'.repeat(200) } })));
  await store.check();
  t.ok(store.sizeBytes() > 100_000);
  await store.close();
  const bytes = readFileSync(path);
  bytes.fill(0xff, bytes.length - 40_960, bytes.length - 4096);
  writeFileSync(path, bytes);
  await t.rejects(openStore({ path, log: silentLog }), { code: 'store.corrupt', remedy: /ironwake restore/ });
});
