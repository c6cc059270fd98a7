/** A database of every schema version that ever was comes up to date with all that was in it. The fixtures are what those versions wrote. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'tap';
import { silentLog } from '../../../src/log.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { MIGRATIONS } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/store.ts';
import { aClaim, anEvent } from './fixtures.ts';

const FIXTURES = new URL('../../fixtures/store/', import.meta.url).pathname;

/** Table name -> rows, of every table that is there. */
function contentsOf(path: string): Map<string, Array<Record<string, unknown>>> {
  const db = new Database(path, { readonly: true });
  const names = db
    .prepare<[], string>("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
    .pluck()
    .all();
  const all = new Map(
    names.map((name) => [name, db.prepare<[], Record<string, unknown>>(`select * from "${name}"`).all()]),
  );
  db.close();
  return all;
}

function schemaOf(path: string): readonly string[] {
  const db = new Database(path, { readonly: true });
  const names = db
    .prepare<[], string>(
      "select type || ' ' || name || ' ' || coalesce((select group_concat(name || type || \"notnull\" || pk) from pragma_table_info(s.name)), (select group_concat(name) from pragma_index_info(s.name))) from sqlite_schema s where name not like 'sqlite_%' order by 1",
    )
    .pluck()
    .all();
  db.close();
  return names;
}

test('every version but the newest has its fixture', async (t) => {
  const kept = readdirSync(FIXTURES).sort();
  t.strictSame(
    kept.slice(0, MIGRATIONS.length - 1),
    MIGRATIONS.slice(0, -1).map(({ number }) => `v${String(number).padStart(4, '0')}.sql`),
  );
});

for (const file of readdirSync(FIXTURES).sort()) {
  test(`${file} comes up to date, and nothing is lost`, async (t) => {
    const directory = t.testdir();
    const path = join(directory, 'ironwake.db');
    new Database(path).exec(readFileSync(join(FIXTURES, file), 'utf8')).close();
    const before = contentsOf(path);
    const store = await openStore({ path, log: silentLog });

    t.strictSame(
      (await store.nodes.list()).map((node) => [node.fqdn, node.macs.length]),
      [
        ['pve1.lab.example', 2],
        ['pve2.lab.example', 1],
      ],
    );
    const active = await store.runs.activeOf('node-1');
    t.match(active, { id: 'run-2', state: 'loading', contested: true, deadlineAt: 1_790_000_900_000 });
    t.equal(await store.runs.nextDeadline(), 1_790_000_900_000, 'its deadline is found');
    t.equal((await store.runs.reports('run-1')).length, 1);
    t.equal((await store.events.newestOf('node-1', 10)).length, 2);
    t.equal((await store.media.list()).length, 1);
    t.equal((await store.tokens.byHash('aa'))?.role, 'admin');
    t.equal(await store.secrets.get('root'), 'v1.z');
    t.equal((await store.discovered.byMac('bc:24:11:00:00:09' as Mac))?.packets, 3);
    // And it can be written.
    await store.events.append([anEvent()]);
    t.type(await store.claims.take(aClaim({ pool: 'other' })), 'number');
    await store.close();

    const after = contentsOf(path);
    for (const [name, rows] of before) {
      const now = after.get(name) ?? [];
      for (const row of rows) {
        t.ok(
          now.some((candidate) => Object.entries(row).every(([column, value]) => candidate[column] === value)),
          `${name}: ${JSON.stringify(row).slice(0, 80)}`,
        );
      }
    }
    const fresh = join(directory, 'fresh.db');
    await (await openStore({ path: fresh, log: silentLog })).close();
    t.strictSame(schemaOf(path), schemaOf(fresh), 'the same shape as a new database');
  });
}
