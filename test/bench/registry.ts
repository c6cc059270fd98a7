/** The registry of a big site: import of 10,000 nodes, pages and searches over them, and one machine held against 500 rules. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import type { Measurement } from '../../scripts/bench.ts';
import type { NodeQuery, Store } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import type { Mac } from '../../src/net/mac.ts';
import { compileRules, firstMatch, type Machine } from '../../src/rules/match.ts';
import { openStore } from '../../src/store/store.ts';
import { aRule } from '../core/store/fixtures.ts';
import { PROFILE, startParts } from '../support/parts.ts';

const NODES = 10_000;
const RULES = 500;
const START = 1_790_000_000_000;
/** What a run holds besides: the profile, the answer and the report of an installation. */
const RUN_BYTES = 24_000;

const QUERIES: ReadonlyArray<readonly [string, (n: number) => Partial<NodeQuery>]> = [
  ['a page of all nodes', (n) => ({ after: `pve${n}` })],
  ['part of a name', (n) => ({ search: `e${n}.l` })],
  ['part of a name that no node has', () => ({ search: 'nothing-is-called-so' })],
  ['a MAC', (n) => ({ search: macOf(n) })],
  ['a part that every MAC has', () => ({ search: '02:00' })],
  ['a tag that one node in 50 has', (n) => ({ tag: `rack-${n % 50}` })],
  ['a tag that every node has', (n) => ({ tag: 'all', after: `pve${n}` })],
  ['a state that one node in 100 is in', () => ({ state: 'loading' })],
  ['state, tag and name', (n) => ({ state: 'ready', tag: `rack-${n % 50}`, search: 'pve' })],
];

export async function run(): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const path = join(directory, 'ironwake.db');
  try {
    await (await openStore({ path, log: silentLog })).close();
    fill(path);
    const store = await openStore({ path, log: silentLog });
    const rows = [];
    for (const [what, query] of QUERIES) {
      const figures = await timed((n) => page(store, query((n * 7919) % NODES)));
      rows.push({ what: `${what}, 100 a page with their runs`, ...figures, limit: '20 ms' });
    }
    rows.push({
      what: `one machine against ${RULES} rules`,
      ...(await timed(async (n) => match(n), 2000)),
      limit: '2 ms',
    });
    await store.close();
    rows.push(...(await throughTheApi(join(directory, 'imported.db'))));
    return { title: 'Registry of 10,000 nodes', rows };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each node gets an address of a pool and a number of a counter, as those of a rack do. */
const POOLED = PROFILE.replace(
  'source: from-dhcp',
  'source: from-answer, cidr: "{{pool.lan}}/16", gateway: 10.9.0.1, dns: 10.9.0.1, filter: { ID_NET_NAME: "e*" }',
)
  .replace('name: admin,', 'name: admin, comment: "number {{counter.number}}",')
  .concat('pools: { lan: { range: 10.9.0.10-10.9.255.200 } }\ncounters: { number: { to: 99999 } }\n');

/** The whole way, from the bytes of a request to the bytes of the answer. */
async function throughTheApi(databasePath: string) {
  const parts = await startParts({ databasePath, profiles: { pooled: POOLED } });
  try {
    const headers = { authorization: `Bearer ${await parts.token('admin')}`, 'content-type': 'text/csv' };
    const ask = async (method: 'GET' | 'POST', url: string, payload?: string): Promise<void> => {
      const answer = await parts.apps.secure.inject({
        method,
        url,
        headers,
        ...(payload !== undefined && { payload }),
      });
      if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.payload.slice(0, 500)}`);
    };
    const file = ['fqdn,macs,profile,tags,notes']
      .concat(
        Array.from(
          { length: NODES },
          (_, n) => `pve${n}.lab.example,${macOf(n)},pooled,rack-${n % 50} all,"shelf, ${n}"`,
        ),
      )
      .join('\n');
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    await ask('POST', '/api/v1/nodes/import', file);
    const wall = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    const imported = {
      what: `import of ${NODES} nodes by the API, each with an address of a pool and a number of a counter`,
      median: `${(wall / 1000).toFixed(1)} s`,
      p99: '',
      'p99, undisturbed': '',
      'processor, mean': `${((user + system) / 1e6).toFixed(1)} s`,
      limit: '10 s',
    };
    const list = await timed((n) => ask('GET', `/api/v1/nodes?limit=100&tag=rack-${n % 50}`));
    const search = await timed((n) => ask('GET', `/api/v1/nodes?q=e${(n * 7919) % NODES}`));
    return [
      imported,
      { what: 'a page of 100 by the API', ...list, limit: '20 ms' },
      { what: 'a search by the API', ...search, limit: '20 ms' },
    ];
  } finally {
    await parts.close();
  }
}

const macOf = (n: number): Mac =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}` as Mac;

function fill(path: string): void {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(`
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${NODES - 1})
    insert into node (id, site, revision, fqdn, profile, node_values, created_at, tags)
      select 'node-' || i, 'local', 1, 'pve' || i || '.lab.example', 'default', '{}', ${START}, json_array('all', 'rack-' || (i % 50)) from n;
    insert into node_tag (tag, fqdn, node_id) select value, fqdn, node.id from node, json_each(node.tags);
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${NODES - 1})
    insert into node_mac (mac, node_id, position) select printf('02:00:00:00:%02x:%02x', i >> 8, i & 255), 'node-' || i, 0 from n;
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${NODES - 1})
    insert into run (id, site, revision, node_id, state, ended, failure, contested, generation, media_id, armed_at, state_since, deadline_at, ended_at, data)
      select 'run-' || i, 'local', 9, 'node-' || i, iif(i % 100 = 0, 'loading', 'ready'), iif(i % 100 = 0, 0, 1), null, 0, 1, '${'ab'.repeat(32)}',
        ${START} + i, ${START} + i, null, iif(i % 100 = 0, null, ${START} + i),
        json_object('profileName', 'default', 'profileVersion', 'v1', 'profile', json('{}'), 'rootPasswordHash', '$6$x', 'expiresAt', ${START}, 'answer', '${'x'.repeat(RUN_BYTES)}')
      from n;`);
  db.close();
}

async function page(store: Store, query: Partial<NodeQuery>): Promise<void> {
  const nodes = await store.nodes.page({ limit: 101, ...query });
  await store.runs.latestOfEach(nodes.map(({ id }) => id));
}

/** The worst kind: nothing fits but the last one, which is the one with the lowest priority. */
const COMPILED = compileRules(
  Array.from({ length: RULES }, (_, i) =>
    aRule({
      id: `rule-${i}`,
      name: `rule-${i}`,
      priority: i,
      conditions: [
        'mac:02:*',
        `/network_interfaces/*/link=enp${i}s*`,
        `/dmi/system/name=*Edge R${i === 0 ? 650 : `${i}*x`}*`,
      ],
    }),
  ),
);
const MACHINE: Omit<Machine, 'macs'> = {
  facts: {
    boot: { arch: 'x64-uefi', vendorClass: 'PXEClient:Arch:00007:UNDI:003016' },
    dmi: { system: { name: 'PowerEdge R650', serial: 'ABC123' } },
    network_interfaces: Array.from({ length: 12 }, (_, i) => ({ link: `enp${i}s0f0`, mac: macOf(i) })),
  },
};

function match(n: number): void {
  const found = firstMatch(COMPILED, { ...MACHINE, macs: [macOf(n % NODES), macOf(1), macOf(2), macOf(3)] }, START);
  if (found?.id !== 'rule-0') throw new Error(`${found?.id} fits, and not the last one`);
}

/** Undisturbed are the calls in which no other program got the processor. */
async function timed(work: (n: number) => Promise<unknown>, times = 500) {
  for (let n = 0; n < 20; n += 1) await work(n);
  const switches = (): number => process.resourceUsage().involuntaryContextSwitches;
  const all: number[] = [];
  const undisturbed: number[] = [];
  const before = process.cpuUsage();
  for (let n = 0; n < times; n += 1) {
    const switched = switches();
    const startedAt = performance.now();
    await work(n);
    const ms = performance.now() - startedAt;
    all.push(ms);
    if (switches() === switched) undisturbed.push(ms);
  }
  const { user, system } = process.cpuUsage(before);
  const at = (values: readonly number[], share: number): string => {
    const sorted = [...values].sort((a, b) => a - b);
    return `${(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(2)} ms`;
  };
  return {
    median: at(all, 0.5),
    p99: at(all, 0.99),
    'p99, undisturbed': at(undisturbed, 0.99),
    'processor, mean': `${((user + system) / 1000 / times).toFixed(2)} ms`,
  };
}
