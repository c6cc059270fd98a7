import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import { MIGRATIONS, type Migration } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/store.ts';
import { aClaim, aNode } from './fixtures.ts';

async function failureOf(path: string, migrations?: readonly Migration[]): Promise<IronwakeError | undefined> {
  try {
    const store = await openStore({ path, log: silentLog, busyTimeoutMs: 10, ...(migrations && { migrations }) });
    await store.close();
  } catch (error) {
    if (error instanceof IronwakeError) return error;
    throw error;
  }
  return undefined;
}

test('a new file is private, and what was written is there after a restart', async (t) => {
  const path = join(t.testdir(), 'data', 'ironwake.db');
  const first = await openStore({ path, log: silentLog });
  await first.nodes.insert(aNode());
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
  await first.close();
  const second = await openStore({ path, log: silentLog });
  t.strictSame(await second.nodes.list(), [aNode()]);
  await second.close();
});

test('what keeps the database from opening is said with its remedy', async (t) => {
  const directory = t.testdir({ 'plain.txt': 'x', 'garbage.db': 'no database at all, but long enough '.repeat(40) });
  const foreign = join(directory, 'foreign.db');
  new Database(foreign).exec('create table other (a)').close();
  const damaged = join(directory, 'damaged.db');
  await (await openStore({ path: damaged, log: silentLog })).close();
  const bytes = readFileSync(damaged);
  writeFileSync(damaged, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0xff)]));
  mkdirSync(join(directory, 'isdir.db'));

  const cases: ReadonlyArray<readonly [string, string, string]> = [
    ['a directory that is a file', join(directory, 'plain.txt', 'ironwake.db'), 'store.unwritable'],
    ['a file that is a directory', join(directory, 'isdir.db'), 'store.unwritable'],
    ['a text file', join(directory, 'garbage.db'), 'store.corrupt'],
    ['pages overwritten', damaged, 'store.corrupt'],
    ["another program's database", foreign, 'store.foreign'],
  ];
  for (const [name, path, code] of cases) {
    const failure = await failureOf(path);
    t.equal(failure?.code, code, name);
    t.match(failure?.message, path.split('/').at(-1), `${name}: names the file`);
    t.ok((failure?.remedy.length ?? 0) > 20, `${name}: says what to do`);
  }
});

test('a directory that this user may not write', async (t) => {
  const directory = t.testdir({ closed: {} });
  const closed = join(directory, 'closed');
  chmodSync(directory, 0o755);
  chmodSync(closed, 0o555);
  // Root may write anywhere: be nobody for the moment of the try.
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    const failure = await failureOf(join(closed, 'ironwake.db'));
    t.equal(failure?.code, 'store.unwritable');
    t.match(failure?.remedy, '--data-dir');
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(closed, 0o755);
  }
});

test('a database that another process holds', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  await (await openStore({ path, log: silentLog })).close();
  const other = new Database(path);
  other.pragma('locking_mode = EXCLUSIVE');
  other.exec('begin immediate; create table held (a)');
  t.equal((await failureOf(path))?.code, 'store.locked');
  other.close();
  t.equal(await failureOf(path), undefined);
});

test('migrations run once, in order, and a failed one leaves no trace', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  const applied: number[] = [];
  const newest = MIGRATIONS.at(-1)?.number ?? 0;
  const next = newest + 1;
  const last = next + 1;
  const step = (number: number, fails = false): Migration => ({
    number,
    name: `step-${number}`,
    async up(db) {
      applied.push(number);
      await sql`create table ${sql.table(`extra_${number}`)} (a integer) strict`.execute(db);
      if (fails) throw new Error('half way');
    },
  });
  t.equal(await failureOf(path), undefined);
  await t.rejects(failureOf(path, [...MIGRATIONS, step(next), step(last, true)]), { message: 'half way' });
  const tables = () => {
    const db = new Database(path);
    const names = db.prepare("select name from sqlite_schema where name like 'extra%' order by name").pluck().all();
    db.close();
    return names;
  };
  t.strictSame(tables(), []);
  t.equal(await failureOf(path, [...MIGRATIONS, step(next), step(last)]), undefined);
  t.equal(await failureOf(path, [...MIGRATIONS, step(next), step(last)]), undefined);
  t.strictSame(tables(), [`extra_${next}`, `extra_${last}`]);
  t.strictSame(applied, [next, last, next, last], 'the third opening found them applied');
  const failure = await failureOf(path);
  t.equal(failure?.code, 'store.newer');
  t.match(failure?.message, new RegExp(`version ${last} .* knows only ${newest}`));
});

test('a database of the first version keeps its nodes, which have no tags', async (t) => {
  const path = join(t.testdir(), 'ironwake.db');
  t.equal(await failureOf(path, MIGRATIONS.slice(0, 1)), undefined);
  const old = new Database(path);
  old.exec(`insert into node (id, site, revision, fqdn, profile, node_values, created_at)
    values ('node-1', 'local', 1, 'pve1.lab.example', 'default', '{"a":1}', 1000);
    insert into node_mac (mac, node_id, position) values ('${aNode().macs[0]}', 'node-1', 0)`);
  old.close();
  const store = await openStore({ path, log: silentLog });
  t.teardown(() => store.close());
  t.strictSame(await store.nodes.list(), [aNode({ values: { a: 1 }, tags: [] })]);
  t.equal(await store.claims.take(aClaim()), 10);
});
