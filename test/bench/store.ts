/**
 * The store of a big site: 10,000 nodes, 100,000 runs, 5 million events, made in bulk; then what the daemon asks of it. IRONWAKE_BENCH_EVENTS
 * takes another number of events.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Measurement } from '../../scripts/bench.ts';
import { buildAnswer } from '../../src/answers/build.ts';
import { ManualClock } from '../../src/clock.ts';
import type { Store } from '../../src/journey/ports.ts';
import { prune } from '../../src/journey/retention.ts';
import { silentLog } from '../../src/log.ts';
import { formatBytes } from '../../src/runs/words.ts';
import { openStore } from '../../src/store/store.ts';
import { anEvent } from '../core/store/fixtures.ts';
import { request } from '../support/answers.ts';
import { EVENTS, fill, macOf, NODES, RUNS, START } from './big-database.ts';

const LOOKUPS = 5000;

export async function run(): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const path = join(directory, 'ironwake.db');
  try {
    await (await openStore({ path, log: silentLog })).close();
    const filledAt = performance.now();
    fill(path);
    const fillSeconds = (performance.now() - filledAt) / 1000;
    const openedAt = performance.now();
    const store = await openStore({ path, log: silentLog });
    const openMs = performance.now() - openedAt;
    const checkedAt = performance.now();
    await store.check();
    const checkSeconds = (performance.now() - checkedAt) / 1000;
    const before = store.sizeBytes();
    const some = (n: number): number => (n * 7919) % NODES;
    const rows = [
      {
        what: `open with ${NODES} nodes, ${RUNS} runs, ${EVENTS} events (${formatBytes(before)})`,
        median: `${openMs.toFixed(0)} ms`,
        p99: '',
        limit: '2 s',
      },
      { what: 'check every page, in the background', median: `${checkSeconds.toFixed(1)} s`, p99: '', limit: '' },
      { what: 'node by MAC', ...(await timed((n) => store.nodes.byMac(macOf(some(n))))), limit: '' },
      { what: 'newest run of a node', ...(await timed((n) => store.runs.latestOf(`node-${some(n)}`))), limit: '20 ms' },
      { what: 'active run of a node', ...(await timed((n) => store.runs.activeOf(`node-${some(n)}`))), limit: '20 ms' },
      { what: 'run by id', ...(await timed((n) => store.runs.byId(`run-${(n * 7919) % RUNS}`))), limit: '20 ms' },
      { what: 'the next deadline', ...(await timed(() => store.runs.nextDeadline())), limit: '20 ms' },
      {
        what: '500 newest events of a node',
        ...(await timed((n) => store.events.newestOf(`node-${some(n)}`, 500), 1000)),
        limit: '',
      },
      {
        what: 'a page of 200 of the feed',
        ...(await timed((n) => store.events.since((n * 7919) % EVENTS, 200), 1000)),
        limit: '',
      },
      {
        what: 'an answer: look-ups, build, claim written',
        ...(await timed((n) => answer(store, n), 1000)),
        limit: '30 ms',
      },
      await appended(store),
      await retained(store),
      { what: 'filling it (bulk SQL)', median: `${fillSeconds.toFixed(0)} s`, p99: '', limit: '' },
    ];
    await store.close();
    return { title: 'Store of a big site', rows };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What serving an answer asks of the store and the core: node, run, the answer itself, and the claim written in one transaction. */
async function answer(store: Store, n: number): Promise<void> {
  const number = RUNS - NODES + (n % (NODES / 100)) * 100;
  const node = await store.nodes.byMac(macOf(number % NODES));
  const run = await store.runs.activeOf(node?.id ?? '');
  if (run === undefined || node === undefined) throw new Error(`no run of node ${number}`);
  const { toml } = { toml: JSON.stringify(buildAnswer(request())) };
  await store.transaction(async (repositories) => {
    const fresh = await repositories.runs.byId(run.id);
    if (fresh === undefined) throw new Error('gone');
    await repositories.runs.update(
      { ...fresh, revision: fresh.revision + 1, data: { ...fresh.data, answer: toml } },
      fresh.revision,
    );
    await repositories.events.append([anEvent({ nodeId: node.id, runId: run.id })]);
  });
}

async function appended(store: Store) {
  const batch = Array.from({ length: 100 }, (_, n) => anEvent({ nodeId: `node-${n}`, mac: macOf(n) }));
  const startedAt = performance.now();
  let written = 0;
  while (performance.now() - startedAt < 5000) {
    await store.events.append(batch);
    written += batch.length;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    what: 'events appended a second (100 a transaction, each on the disk)',
    median: (written / seconds).toFixed(0),
    p99: '',
    limit: '> 10000',
  };
}

/** As many events as this are written after it, to see whether they take the room of those that are gone. */
const AFTERWARDS = 100_000;

async function retained(store: Store) {
  const before = store.sizeBytes();
  const clock = new ManualClock(START + 200 * 86_400_000);
  const startedAt = performance.now();
  let worst = 0;
  let step = performance.now();
  const removed = await prune(
    { store, clock },
    {
      ...{ eventDays: 3650, events: EVENTS / 2, runDays: 3650, runs: RUNS / 2, auditDays: 3650, audit: 1_000_000 },
      ...{ deliveryDays: 30, deliveries: 20_000 },
    },
    async () => {
      worst = Math.max(worst, performance.now() - step);
      await new Promise(setImmediate);
      step = performance.now();
      return true;
    },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const after = store.sizeBytes();
  const batch = Array.from({ length: 100 }, (_, n) => anEvent({ nodeId: `node-${n}`, mac: macOf(n) }));
  for (let written = 0; written < AFTERWARDS; written += batch.length) await store.events.append(batch);
  const sizes = [before, after, store.sizeBytes()].map(formatBytes);
  return {
    what: `retention: ${removed.events} events and ${removed.runs} runs removed in ${seconds.toFixed(0)} s; the longest step`,
    median: '',
    p99: `${worst.toFixed(0)} ms`,
    limit: `size ${sizes[0]}, after it ${sizes[1]}, with ${AFTERWARDS} more events ${sizes[2]}`,
  };
}

async function timed(work: (n: number) => Promise<unknown>, times = LOOKUPS) {
  for (let n = 0; n < 50; n += 1) await work(n);
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const startedAt = performance.now();
    await work(n);
    all.push(performance.now() - startedAt);
  }
  all.sort((a, b) => a - b);
  const at = (share: number): string => `${(all[Math.floor((all.length - 1) * share)] ?? Number.NaN).toFixed(2)} ms`;
  return { median: at(0.5), p99: at(0.99) };
}
