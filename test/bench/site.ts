/**
 * The daemon of a big site: 10,000 nodes, 100,000 runs, 5 million events. How long it takes to serve with that, and what its clients wait for, over
 * TLS, each request on a connection of its own as the installer makes it.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parse as parseToml } from 'smol-toml';
import type { Measurement } from '../../scripts/bench.ts';
import { armNode } from '../../src/journey/arm.ts';
import { observe } from '../../src/journey/observe.ts';
import { tokenOf } from '../../src/journey/tokens.ts';
import { silentLog } from '../../src/log.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { formatBytes } from '../../src/runs/words.ts';
import { openStore } from '../../src/store/store.ts';
import { SYSTEM } from '../support/machine.ts';
import { ended, Namespaces } from '../support/netns.ts';
import { NODE_AT, PROFILE, startParts } from '../support/parts.ts';
import { EVENTS, fill, macOf, NODES, RUNS } from './big-database.ts';

const STARTS = 5;
const ANSWERS = 1000;
const VIEWS = 500;
const LISTS = 5;
const LAUNCHER = fileURLToPath(new URL('../../scripts/ironwake.js', import.meta.url));

type Row = Measurement['rows'][number];

/** @throws when it is not root's, or a request is not answered as it should be */
export async function run(): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const data = join(folder, 'data');
  const path = join(data, 'ironwake.db');
  try {
    await (await openStore({ path, log: silentLog })).close();
    fill(path);
    const what = `start to serving, ${NODES} nodes, ${RUNS} runs, ${EVENTS} events (${formatBytes(statSync(path).size)})`;
    const rows: Row[] = [{ what, ...timesOf(await starts(folder, data)), goal: '2 s' }, ...(await served(path))];
    return { title: 'The daemon of a big site', rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds from the launcher to the line that says that everything is bound. The first start is another matter: keys are made. */
async function starts(folder: string, data: string): Promise<readonly number[]> {
  const lab = new Namespaces('iwbs');
  try {
    const [server, client] = [lab.add('server'), lab.add('client')];
    lab.veth(
      { ns: server, name: 'seg', address: '10.95.3.2/24' },
      { ns: client, name: 'other', address: '10.95.3.9/24' },
    );
    const answers = join(folder, 'answers');
    mkdirSync(answers);
    writeFileSync(join(answers, 'default.yaml'), PROFILE);
    const all: number[] = [];
    for (let n = 0; n <= STARTS; n += 1) {
      const startedAt = performance.now();
      // The daemon refuses settings that it does not know.
      const words = ['-u', 'IRONWAKE_BENCH_EVENTS', process.execPath, LAUNCHER, 'serve'];
      const child = lab.spawn(server, 'env', [...words, '--data-dir', data, '--answers', answers]);
      let said = '';
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr])
          stream?.on('data', (piece) => {
            said += String(piece);
            if (said.includes('Ironwake is serving')) resolve();
          });
        child.once('exit', () => reject(new Error(said)));
      });
      if (n > 0) all.push(performance.now() - startedAt);
      await ended(child, 'SIGTERM');
    }
    return all;
  } finally {
    await lab.remove();
  }
}

async function served(path: string): Promise<readonly Row[]> {
  const parts = await startParts({ databasePath: path });
  const { journey, segment, neighbours, call } = parts;
  const { store } = journey;
  try {
    const admin = await parts.token('admin');
    const answers: number[] = [];
    for (let n = 1; answers.length < ANSWERS; n += 1) {
      const index = (n * 7) % NODES;
      const node = await store.nodes.byId(`node-${index}`);
      // One in a hundred is under way already.
      if (node === undefined || (await store.runs.activeOf(node.id)) !== undefined) continue;
      const mac = macOf(index);
      neighbours.set(NODE_AT, mac);
      const { id } = await armNode(journey, node, { by: 'bench' });
      const source = { address: NODE_AT as Ipv4, interfaceName: segment.interfaceName, mac };
      await observe(journey, id, { kind: 'script-served', source });
      await observe(journey, id, { kind: 'image-requested', source, totalBytes: 10, fingerprint: 'AA' });
      await observe(journey, id, { kind: 'image-delivered', bytes: 10, durationMs: 1 });
      const run = await store.runs.byId(id);
      if (run === undefined) throw new Error('the run is gone');
      const url = `${segment.httpsUrl}/installer/${tokenOf(journey, run, 'answer')}/answer`;
      const body = SYSTEM.replace(/bc:24:11:00:00:01/i, mac);
      const startedAt = performance.now();
      const reply = await call(url, { body });
      answers.push(performance.now() - startedAt);
      if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
      parseToml(reply.text);
    }
    const view = (n: number) =>
      call(`${segment.httpsUrl}/api/v1/nodes/pve${(n * 7) % NODES}.lab.example`, { token: admin });
    const list = () => call(`${segment.httpsUrl}/api/v1/nodes`, { token: admin });
    return [
      { what: 'an answer, from the connection to its last byte', ...timesOf(answers), goal: '30 ms' },
      { what: 'a node with its timeline', ...timesOf(await timed(view, VIEWS)), goal: '' },
      { what: 'the first page of the list of nodes (100)', ...timesOf(await timed(list, LISTS)), goal: '' },
    ];
  } finally {
    await parts.close();
  }
}

async function timed(
  work: (n: number) => Promise<{ readonly status: number }>,
  times: number,
): Promise<readonly number[]> {
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const startedAt = performance.now();
    const { status } = await work(n);
    all.push(performance.now() - startedAt);
    if (status !== 200) throw new Error(`answered ${status}`);
  }
  return all;
}

function timesOf(all: readonly number[]): { readonly median: string; readonly p99: string } {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1)} ms`;
  return { median: at(0.5), p99: at(0.99) };
}
