/**
 * The loaded daemon is killed 200 times (SIGKILL, at any moment): the whole daemon as `ironwake serve` starts it, with its API, under load through its
 * own sockets. After every restart each write that it had acknowledged is there, and no run is in an impossible state. Two sites at once, each with a
 * network, a data directory and machines of its own: a daemon that starts needs one processor.
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Store, TimelineEvent } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import { ENDED_STATES, RUN_STATES, type Run } from '../../src/runs/run.ts';
import { openStore } from '../../src/store/store.ts';
import { type InstanceKey, loadInstanceKey } from '../../src/trust/instance-key.ts';
import { unsealText } from '../../src/trust/sealing.ts';
import { ended, Namespaces } from '../support/netns.ts';
import { PROFILE } from '../support/parts.ts';
import type { Acknowledged, LoadOptions } from '../support/site-under-load.ts';
import { makeStandInIso } from '../support/stand-in-iso.ts';

const KILLS = 200;
const SITES = 2;
const MACHINES = 3;
// Minutes on two processors that have nothing else to do, and no measure of anything: only the end of a wait for what never comes.
t.setTimeout(1170_000);
// Code that was read once is not read again by the two hundred that follow.
process.env.NODE_COMPILE_CACHE = mkdtempSync(join(tmpdir(), 'ironwake-kill-code-'));
t.teardown(() => rmSync(process.env.NODE_COMPILE_CACHE ?? '', { recursive: true, force: true }));
const fileOf = (name: string): string => new URL(`../support/${name}`, import.meta.url).pathname;
/**
 * `live` is seen in a packet of the installer's own DHCP client, which this load does not send, and `booting` lasts a few milliseconds of it: whether
 * one of 200 kills falls there is chance. A kill in each state of the table is test/servers/kill-in-each-state.test.ts.
 */
const STATES_MET = ['armed', 'loading', 'claimed', 'installing', 'installed', 'configuring'] as const;

/** A switch with the daemon's host, and a host that has the interfaces of all machines. */
class Site {
  readonly name: string;
  readonly server: string;
  readonly spaces: Namespaces;
  readonly folder = mkdtempSync(join(tmpdir(), 'ironwake-kill-'));
  readonly data = join(this.folder, 'data');
  readonly machines: LoadOptions['machines'];
  readonly #hosts: { readonly server: string; readonly machines: string };

  constructor(number: number) {
    this.name = `site${number}`;
    this.spaces = new Namespaces(`iwk${number}`);
    const net = `10.97.${number}`;
    this.server = `${net}.2`;
    const lan = this.spaces.add('switch');
    this.spaces.ip(lan, 'link add br0 type bridge');
    this.spaces.ip(lan, 'link set br0 up');
    const plug = (ns: string, name: string, address: string, mac?: string): void => {
      this.spaces.veth({ ns, name, address: `${address}/24` }, { ns: lan, name: `to-${name}` });
      this.spaces.ip(lan, `link set to-${name} master br0`);
      if (mac !== undefined) this.spaces.ip(ns, `link set ${name} address ${mac}`);
    };
    this.#hosts = { server: this.spaces.add('server'), machines: this.spaces.add('machines') };
    // Each address is told of by the interface that has it, as if they were hosts of their own.
    for (const setting of ['arp_ignore=1', 'arp_announce=2', 'rp_filter=0'])
      this.spaces.run(this.#hosts.machines, 'sysctl', ['-qw', `net.ipv4.conf.all.${setting}`]);
    plug(this.#hosts.server, 'srv', this.server);
    this.machines = Array.from({ length: MACHINES }, (_, n) => ({
      mac: `02:97:00:00:0${number}:0${n}`,
      address: `${net}.${50 + n}`,
    }));
    for (const [n, { mac, address }] of this.machines.entries()) plug(this.#hosts.machines, `pve${n}`, address, mac);
    mkdirSync(join(this.folder, 'answers'));
    writeFileSync(join(this.folder, 'answers', 'default.yaml'), PROFILE);
  }

  daemon(): Daemon {
    return new Daemon(this.spaces.spawn(this.#hosts.server, process.execPath, [fileOf('daemon-in-waiting.ts')]), [
      'serve',
      '--data-dir',
      this.data,
      '--answers',
      join(this.folder, 'answers'),
      '--log-format',
      'json',
    ]);
  }

  /** A file of the data directory that has one line. */
  kept(name: string): string {
    return readFileSync(join(this.data, name), 'utf8').trim();
  }

  load(): ChildProcess {
    const token = this.kept('admin-token');
    const options: LoadOptions = {
      server: this.server,
      token,
      folder: this.folder,
      site: this.name,
      machines: this.machines,
    };
    return this.spaces.spawn(this.#hosts.machines, process.execPath, [
      fileOf('site-under-load.ts'),
      JSON.stringify(options),
    ]);
  }

  importImage(): void {
    const token = this.kept('admin-token');
    const path = makeStandInIso(this.folder);
    this.spaces.run(this.#hosts.machines, 'curl', [
      ...['-skf', '-H', `Authorization: Bearer ${token}`, '--json', JSON.stringify({ path })],
      `https://${this.server}:8443/api/v1/media`,
    ]);
  }

  async remove(): Promise<void> {
    await this.spaces.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Daemon {
  readonly #child: ChildProcess;
  readonly #words: readonly string[];
  readonly #seen = { waiting: Promise.withResolvers<void>(), serving: Promise.withResolvers<void>() };
  #errors = '';

  constructor(child: ChildProcess, words: readonly string[]) {
    this.#child = child;
    this.#words = words;
    child.stdin?.on('error', () => {});
    for (const { promise } of Object.values(this.#seen)) promise.catch(() => {});
    child.stderr?.on('data', (text) => {
      this.#errors = `${this.#errors}${text}`.slice(-4000);
    });
    const out = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    out.on('line', (line) => {
      if (line === 'waiting') this.#seen.waiting.resolve();
      if (line.includes('Ironwake is serving')) this.#seen.serving.resolve();
    });
    child.once('close', () => {
      for (const { reject } of Object.values(this.#seen)) reject(new Error(`the daemon ended: ${this.#errors}`));
    });
  }

  async serve(): Promise<void> {
    await this.#seen.waiting.promise;
    this.#child.stdin?.write(`${JSON.stringify(this.#words)}\n`);
    await this.#seen.serving.promise;
  }

  /** What any user of the host, or root, can read of it: arguments and environment. */
  shown(): string {
    return ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${this.#child.pid}/${name}`, 'latin1')).join('\0');
  }

  kill(): Promise<void> {
    return ended(this.#child, 'SIGKILL');
  }
}

/** What must be there, and what has been found missing. */
class Ledger {
  readonly missing: string[] = [];
  readonly met = new Map<string, number>();
  writes = 0;
  /** Secrets whose values were looked at. */
  values = 0;
  /** How often an installation came a step further. */
  steps = 0;
  readonly #runs = new Map<string, Extract<Acknowledged, { kind: 'run' }>>();
  /** By kind and name: there, or taken away. */
  readonly #things = new Map<string, boolean>();
  readonly #fresh: Acknowledged[] = [];
  readonly #settled = new Set<string>();
  readonly #path: string;
  readonly #key: InstanceKey;

  constructor(path: string, key: InstanceKey) {
    this.#path = path;
    this.#key = key;
  }

  take(line: Acknowledged): void {
    this.writes += 1;
    this.#fresh.push(line);
    if (line.kind === 'run') {
      this.steps += 1;
      this.#runs.set(line.id, line);
    }
    if (line.kind === 'node' || line.kind === 'secret' || line.kind === 'token')
      this.#things.set(`${line.kind} ${line.kind === 'node' ? line.fqdn : line.name}`, line.there);
  }

  async verify(everything: boolean): Promise<void> {
    const store = await openStore({ path: this.#path, log: silentLog });
    try {
      if (everything) await store.check();
      const there = new Set([
        ...(await store.secrets.list()).map(({ name }) => `secret ${name}`),
        ...(await store.tokens.list()).map(({ name }) => `token ${name}`),
        ...(await store.nodes.list()).map(({ fqdn }) => `node ${fqdn}`),
      ]);
      // What was to be taken away when the daemon died may be gone; what was taken away is gone.
      for (const [thing, expected] of this.#things)
        if (!expected && there.has(thing)) this.missing.push(`${thing} is there again`);
      for (const line of this.#fresh.splice(0)) await this.#look(store, line, there);
      /** By node: at the end all of them, before that as many as a run that is still under way can have. */
      const timelines = new Map<string, readonly TimelineEvent[]>();
      for (const [id, last] of this.#runs) {
        if (!everything && this.#settled.has(id)) continue;
        const run = await store.runs.byId(id);
        const why =
          run === undefined
            ? 'is not there'
            : (lost(run, last.reached) ?? (await impossible(store, run, timelines, everything)));
        if (why !== undefined) this.missing.push(`run ${id}: ${why}`);
        if (run === undefined) continue;
        if (ENDED_STATES.has(run.state)) this.#settled.add(id);
        else this.met.set(run.state, (this.met.get(run.state) ?? 0) + 1);
      }
    } finally {
      await store.close();
    }
  }

  async #look(store: Store, line: Acknowledged, there: ReadonlySet<string>): Promise<void> {
    if (line.kind === 'report') {
      const reports = await store.runs.reports(line.run);
      if (!reports.some(({ seq }) => seq === line.seq)) this.missing.push(`report ${line.seq} of ${line.run}`);
    } else if (line.kind === 'audit') {
      const entries = await store.audit.list(500);
      if (!entries.some(({ action, target }) => action === line.action && target === line.target))
        this.missing.push(`audit log: ${line.action} ${line.target}`);
    } else if (line.kind !== 'run') {
      const thing = `${line.kind} ${line.kind === 'node' ? line.fqdn : line.name}`;
      const sealed = line.kind === 'secret' && line.there ? await store.secrets.get(line.name) : undefined;
      if (line.kind === 'secret' && sealed !== undefined) {
        this.values += 1;
        if (unsealText(this.#key, `secret ${line.name}`, sealed) !== line.value) this.missing.push(`value of ${thing}`);
      }
      // Taken away since, with or without an answer: the audit log tells.
      const removed = { node: 'node.removed', secret: 'secret.removed', token: 'token.revoked' }[line.kind];
      const target = thing.slice(line.kind.length + 1);
      if (line.there && !there.has(thing)) {
        const entries = await store.audit.list(500);
        if (!entries.some((entry) => entry.action === removed && entry.target === target)) this.missing.push(thing);
      }
    }
  }
}

/** Why a run is not as far as was acknowledged. It may be further: what was asked for when the daemon died, or a cancellation. */
function lost(run: Run, reached: string): string | undefined {
  const { state, data } = run;
  const order = RUN_STATES.indexOf(reached as Run['state']);
  if (reached === 'ready' || reached === 'cancelled')
    return state === reached ? undefined : `is ${state}, not ${reached}`;
  const facts: ReadonlyArray<readonly [string, unknown]> = [
    ['claimed', data.claimedAt],
    ['installing', data.hookFetchedAt],
    ['installed', data.webhookDigest],
    ['configuring', data.credentialHash],
  ];
  for (const [known, fact] of facts)
    if (RUN_STATES.indexOf(known as Run['state']) <= order && fact === undefined)
      return `was ${reached}, and has lost it`;
  return RUN_STATES.indexOf(state) >= order ? undefined : `is ${state}, not ${reached}`;
}

/** Why a run cannot be; undefined for a possible one. */
async function impossible(
  store: Store,
  run: Run,
  timelines: Map<string, readonly TimelineEvent[]>,
  everything: boolean,
): Promise<string | undefined> {
  const over = ENDED_STATES.has(run.state);
  if (!RUN_STATES.includes(run.state)) return 'unknown state';
  if (run.contested) return 'contested, and nobody was there';
  if (over !== (run.endedAt !== undefined)) return 'ended and not ended';
  if (over === (run.deadlineAt !== undefined)) return over ? 'a deadline after the end' : 'no deadline';
  // Run, events and reports are written together: the timeline tells exactly this story.
  const timeline = timelines.get(run.nodeId) ?? (await store.events.newestOf(run.nodeId, everything ? 1_000_000 : 400));
  timelines.set(run.nodeId, timeline);
  const events = timeline.filter(({ runId }) => runId === run.id);
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

async function killAtSite(t: Test, number: number): Promise<Ledger> {
  const site = new Site(number);
  t.teardown(() => site.remove());
  let daemon = site.daemon();
  await daemon.serve();
  const key = await loadInstanceKey({ directory: site.data, randomBytes });
  // Of the secrets that the load sets, of the first administrator, and the key of all that is sealed.
  const secrets = [`value of ${site.name}`, ...['admin-token', 'instance.key'].map((name) => site.kept(name))];
  const ledger = new Ledger(join(site.data, 'ironwake.db'), key);
  site.importImage();
  const load = site.load();
  let failure = '';
  load.stderr?.on('data', (text) => {
    failure = `${failure}${text}`.slice(-4000);
  });
  let enough = { count: 0, reached: Promise.withResolvers<void>() };
  // Whenever it ends, also between two waits: the next one must not be in vain.
  const loadEnded = new Promise<never>((_, reject) => {
    load.once('close', () => reject(new Error(`the load ended: ${failure}`)));
  });
  loadEnded.catch(() => {});
  createInterface({ input: load.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    ledger.take(JSON.parse(line) as Acknowledged);
    if (ledger.steps >= enough.count) enough.reached.resolve();
  });

  for (let kill = 0; kill < KILLS / SITES; kill += 1) {
    const next = site.daemon();
    // After so many steps of installations, and then at no particular moment of the next: every step of an installation is met.
    enough = { count: ledger.steps + 1 + ((kill * 37) % 13), reached: Promise.withResolvers<void>() };
    await Promise.race([enough.reached.promise, loadEnded]);
    if (kill % 2 === 0) await sleep((kill % 14) / 2);
    const shown = daemon.shown();
    if (!shown.includes('PATH=')) ledger.missing.push('the environment of the daemon');
    for (const secret of secrets) if (shown.includes(secret)) ledger.missing.push('a secret in what a process shows');
    await daemon.kill();
    // What it had answered is on its way through the load's pipe: nothing else comes until the next one serves.
    await sleep(30);
    await ledger.verify(false);
    daemon = next;
    if (ledger.missing.length > 0) break;
    await daemon.serve();
  }
  await daemon.kill();
  await ended(load);
  await ledger.verify(true);
  return ledger;
}

t.test(`killed ${KILLS} times`, { timeout: 1160_000 }, async (t) => {
  const sites = await Promise.all(Array.from({ length: SITES }, (_, number) => killAtSite(t, number + 1)));
  for (const { missing, writes, values } of sites) {
    t.strictSame(missing, [], 'nothing acknowledged is missing, nothing is impossible');
    t.ok(writes > (KILLS / SITES) * 5, `${writes} acknowledged writes`);
    t.ok(values > 0, `${values} secrets were opened, and held their values`);
  }
  const met = (state: string): number => sites.reduce((sum, site) => sum + (site.met.get(state) ?? 0), 0);
  for (const state of STATES_MET) t.ok(met(state) > 0, `killed in state ${state}: ${met(state)} times`);
});
