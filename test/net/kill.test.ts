/**
 * The loaded daemon is killed 200 times (SIGKILL, at any moment). After every restart each write that it had acknowledged is there, and no run is
 * in an impossible state. What is killed is the real store and the journey's way to change a run, in a process of their own; the servers and their
 * start-up hold no data, and two hundred whole daemons would take an hour. It needs no root, only the time that this layer has.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Store } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import type { Run } from '../../src/runs/run.ts';
import { ENDED_STATES, RUN_STATES } from '../../src/runs/run.ts';
import { openStore } from '../../src/store/store.ts';
import type { Acknowledged } from '../support/loaded-daemon.ts';

const KILLS = 200;
t.setTimeout(290_000);
const CHILD = new URL('../support/loaded-daemon.ts', import.meta.url).pathname;

interface Child {
  readonly process: ChildProcess;
  readonly acknowledged: Acknowledged[];
  said(word: string): Promise<void>;
  /** So many acknowledgements have come. */
  wrote(count: number): Promise<void>;
  readonly ended: Promise<void>;
}

function startChild(scratch: string): Child {
  // What a killed process leaves behind goes with the test.
  const env = { ...process.env, TMPDIR: scratch };
  const child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'inherit'], env });
  const acknowledged: Acknowledged[] = [];
  const enough = { count: Number.POSITIVE_INFINITY, reached: Promise.withResolvers<void>() };
  const words = new Map<string, PromiseWithResolvers<void>>();
  const word = (name: string): PromiseWithResolvers<void> => {
    const known = words.get(name) ?? Promise.withResolvers<void>();
    words.set(name, known);
    return known;
  };
  // Only whole lines count: half a line is no acknowledgement.
  createInterface({ input: child.stdout }).on('line', (line) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return;
    }
    if (typeof value === 'string') word(value).resolve();
    else {
      acknowledged.push(value as Acknowledged);
      if (acknowledged.length >= enough.count) enough.reached.resolve();
    }
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      enough.reached.reject(new Error('the child ended'));
      for (const waiting of words.values()) waiting.reject(new Error('the child ended'));
      resolve();
    });
  });
  child.stdin.on('error', () => {});
  enough.reached.promise.catch(() => {});
  const wrote = (count: number): Promise<void> => {
    enough.count = count;
    if (acknowledged.length >= count) enough.reached.resolve();
    return enough.reached.promise;
  };
  return { process: child, acknowledged, said: (name) => word(name).promise, wrote, ended };
}

/** Why a run cannot be; undefined for a possible one. */
async function impossible(store: Store, run: Run): Promise<string | undefined> {
  const ended = ENDED_STATES.has(run.state);
  if (!RUN_STATES.includes(run.state)) return 'unknown state';
  if (ended !== (run.endedAt !== undefined)) return 'ended and not ended';
  if (ended === (run.deadlineAt !== undefined)) return ended ? 'a deadline after the end' : 'no deadline';
  // Run and events are written together: the timeline tells exactly this story.
  const events = (await store.events.newestOf(run.nodeId, 1000)).filter((event) => event.runId === run.id);
  const count = (code: string): number => events.filter((event) => event.code === code).length;
  if (count('run.armed') !== 1) return 'armed not exactly once';
  if (count('run.ready') !== (run.state === 'ready' ? 1 : 0)) return 'ready without its event';
  if (count('run.cancelled') !== (run.state === 'cancelled' ? 1 : 0)) return 'cancelled without its event';
  if (count('installer.answer-served') !== (run.data.claimedAt === undefined ? 0 : 1))
    return 'claimed without its event';
  const reports = (await store.runs.reports(run.id)).length;
  if (reports !== (run.data.lastReportSeq ?? 0) || count('plan.step') !== reports) return 'reports do not fit';
  return undefined;
}

t.test(`killed ${KILLS} times`, { timeout: 280_000 }, async (t) => {
  const scratch = t.testdir();
  const path = join(scratch, 'ironwake.db');
  const known = {
    nodes: new Map<string, string>(),
    runs: new Map<string, Acknowledged & { kind: 'run' }>(),
    secrets: new Set<string>(),
  };
  const reports = new Set<string>();
  const settled = new Set<string>();
  const missing: string[] = [];
  let writes = 0;
  let next = startChild(scratch);
  t.teardown(async () => {
    next.process.kill('SIGKILL');
    await next.ended;
  });

  async function verify(everything: boolean): Promise<void> {
    const store = await openStore({ path, log: silentLog });
    const stored = new Set((await store.secrets.list()).map((secret) => secret.name));
    for (const name of known.secrets) if (!stored.has(name)) missing.push(`secret ${name}`);
    for (const [id, fqdn] of known.nodes) {
      if (!everything && settled.has(id)) continue;
      if ((await store.nodes.byId(id))?.fqdn !== fqdn) missing.push(`node ${fqdn}`);
      settled.add(id);
    }
    for (const [id, last] of known.runs) {
      if (!everything && settled.has(id)) continue;
      const run = await store.runs.byId(id);
      if (run === undefined || run.revision < last.revision) missing.push(`run ${id} revision ${last.revision}`);
      else if (run.revision === last.revision && run.state !== last.state)
        missing.push(`run ${id} is ${run.state}, not ${last.state}`);
      if (run !== undefined) {
        const why = await impossible(store, run);
        if (why !== undefined) missing.push(`run ${id}: ${why}`);
        if (ENDED_STATES.has(run.state)) settled.add(id);
      }
    }
    for (const key of reports) {
      const [run = '', seq] = key.split(' ');
      if (!(await store.runs.reports(run)).some((report) => report.seq === Number(seq))) missing.push(`report ${key}`);
    }
    if (!everything) reports.clear();
    await store.close();
  }

  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = next;
    await child.said('waiting');
    child.process.stdin?.write(`${path} ${kill * 1_000_000}\n`);
    next = startChild(scratch);
    // After so many writes, and then at no particular moment of the next: every step of an installation is met.
    await child.wrote(1 + ((kill * 37) % 97));
    if (kill % 2 === 0) await sleep((kill % 14) / 2);
    child.process.kill('SIGKILL');
    await child.ended;
    for (const line of child.acknowledged) {
      writes += 1;
      if (line.kind === 'node') known.nodes.set(line.id, line.fqdn);
      else if (line.kind === 'secret') known.secrets.add(line.name);
      else if (line.kind === 'report') reports.add(`${line.run} ${line.seq}`);
      else if ((known.runs.get(line.id)?.revision ?? 0) < line.revision) known.runs.set(line.id, line);
    }
    await verify(false);
    if (missing.length > 0) break;
  }
  await verify(true);
  t.strictSame(missing, [], 'nothing acknowledged is missing, nothing is impossible');
  t.ok(writes > KILLS * 5, `${writes} acknowledged writes`);
  t.comment(`${writes} writes, ${known.nodes.size} nodes, ${known.runs.size} runs`);
});
