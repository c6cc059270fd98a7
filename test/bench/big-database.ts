/** The database of a big site, made in bulk. IRONWAKE_BENCH_EVENTS takes another number of events. */
import Database from 'better-sqlite3';
import type { Mac } from '../../src/net/mac.ts';

export const NODES = 10_000;
export const RUNS = 100_000;
export const EVENTS = Number(process.env.IRONWAKE_BENCH_EVENTS ?? 5_000_000);
/** Epoch milliseconds of the oldest row. */
export const START = 1_790_000_000_000;

export const macOf = (n: number): Mac =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}` as Mac;

/** Into a database that has its tables. */
export function fill(path: string): void {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(`
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${NODES - 1})
    insert into node (id, site, revision, fqdn, profile, node_values, created_at, tags)
      select 'node-' || i, 'local', 1, 'pve' || i || '.lab.example', 'default', '{}', ${START}, '[]' from n;
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${NODES - 1})
    insert into node_mac (mac, node_id, position) select printf('02:00:00:00:%02x:%02x', i >> 8, i & 255), 'node-' || i, 0 from n;`);
  // Of each node the newest run is under way in one of a hundred, and ended in the others.
  db.exec(`
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${RUNS - 1})
    insert into run (id, site, revision, node_id, state, ended, failure, contested, generation, media_id, armed_at, state_since, deadline_at, ended_at, data)
      select 'run-' || i, 'local', 9, 'node-' || (i % ${NODES}),
        iif(i >= ${RUNS - NODES} and i % 100 = 0, 'loading', 'ready'), iif(i >= ${RUNS - NODES} and i % 100 = 0, 0, 1), null, 0, 1,
        '${'ab'.repeat(32)}', ${START} + i * 60000, ${START} + i * 60000 + 1000,
        iif(i >= ${RUNS - NODES} and i % 100 = 0, ${START} + i * 60000 + 900000, null),
        iif(i >= ${RUNS - NODES} and i % 100 = 0, null, ${START} + i * 60000 + 600000),
        json_object('profileName', 'default', 'profileVersion', 'v1', 'profile', json('{}'), 'sealedRootPassword', 'v1.x', 'rootPasswordHash', '$6$x',
          'expiresAt', ${START} + i * 60000 + 3600000, 'answer', '${'x'.repeat(1000)}')
      from n;`);
  const step = 500_000;
  for (let from = 0; from < EVENTS; from += step) {
    const to = Math.min(EVENTS, from + step);
    db.exec(`
      with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${to - 1})
      insert into event (site, at, mac, node_id, run_id, code, data)
        select 'local', ${START} + i * 1200, printf('02:00:00:00:%02x:%02x', (i % ${NODES}) >> 8, i % ${NODES} & 255), 'node-' || (i % ${NODES}),
          'run-' || (i % ${RUNS}), 'boot.script-served', '{"address":"10.0.0.50"}' from n;`);
  }
  db.close();
}
