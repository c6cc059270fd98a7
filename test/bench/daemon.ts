/**
 * The whole daemon as `npm run serve` starts it, in a network of its own: start to serving (both ports answer /readyz), memory when idle, and
 * DISCOVER to OFFER for registered machines whose installation is armed, next to dnsmasq as a proxy in the same run.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../scripts/bench.ts';
import { ended, Namespaces } from '../support/netns.ts';
import { PUBLIC_KEY } from '../support/parts.ts';
import { makeStandInIso } from '../support/stand-in-iso.ts';

const STARTS = 7;
const COMMANDS = 15;
const IDLE_AFTER_MS = 10_000;
const MACHINES = 64;
const ROUNDS = 5;
const LOADS = [
  { name: 'one after another', clients: 1000, outstanding: 1 },
  { name: `${MACHINES} at once`, clients: MACHINES, outstanding: MACHINES },
] as const;
const SERVER = '10.95.1.2';
const PROXY = '10.95.2.2';

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const LAUNCHER = file('../../scripts/ironwake.js');

type Row = Measurement['rows'][number];

/** @throws when root or a program is missing, saying which */
export async function run(): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const lab = new Namespaces('iwbd');
  try {
    const bench = new Bench(lab, folder);
    const rows: Row[] = [...(await starts(bench))];
    const daemon = await bench.start(bench.serve);
    await pause(IDLE_AFTER_MS);
    rows.push(...memory(daemon.pid));
    rows.push(...commands(bench));
    bench.armMachines(folder);
    rows.push(...(await offers(bench)));
    rows.push(row('resident after that load', megabytes(statusOf(daemon.pid).VmRSS)));
    await daemon.stop();
    return { title: `The daemon (system's Node ${bench.systemNodeVersion}, pinned Node ${process.version})`, rows };
  } finally {
    await lab.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function row(what: string, figure: string, detail = '', goal = ''): Row {
  return { what, figure, detail, goal };
}

interface Started {
  /** Of the daemon itself, behind every launcher. */
  readonly pid: number;
  readonly milliseconds: number;
  /** What the launcher has become: the pinned Node, its flags and the program, without `serve` and what follows. */
  readonly command: readonly string[];
  readonly stop: () => Promise<void>;
}

class Bench {
  readonly lab: Namespaces;
  readonly server: string;
  readonly client: string;
  readonly data: string;
  readonly #answers: string;
  readonly #cache: string;
  /** `npm run serve` without npm: the launcher, run by the Node that the system has. */
  readonly serve: readonly string[];
  readonly systemNodeVersion: string;

  constructor(lab: Namespaces, folder: string) {
    this.lab = lab;
    this.client = lab.add('client');
    this.server = lab.add('server');
    lab.veth(
      { ns: this.server, name: 'seg', address: `${SERVER}/24` },
      { ns: this.client, name: 'to-ours', address: '10.95.1.9/24' },
    );
    this.data = join(folder, 'data');
    this.#cache = join(folder, 'compile');
    this.#answers = join(folder, 'answers');
    mkdirSync(this.#answers);
    writeFileSync(
      join(this.#answers, 'default.yaml'),
      `answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-dhcp }
  disk-setup: { filesystem: ext4, filter: { DEVNAME: /dev/vda } }
postInstall: { ssh: {}, admin-user: { name: admin, keys: ["${PUBLIC_KEY}"] } }
`,
    );
    const node = execFileSync('sh', ['-c', 'command -v node'], { encoding: 'utf8', env: SYSTEM_ENV }).trim();
    this.systemNodeVersion = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    this.serve = [node, LAUNCHER];
  }

  /** Everything that a first start makes is gone, and with `cache` the compiled modules too. */
  forget({ cache }: { readonly cache: boolean }): void {
    rmSync(this.data, { recursive: true, force: true });
    if (cache) rmSync(this.#cache, { recursive: true, force: true });
  }

  /** Starts a daemon and waits until plain HTTP and TLS both say that it serves. */
  async start(command: readonly string[]): Promise<Started> {
    const urls = [`http://${SERVER}:8080/readyz`, `https://${SERVER}:8443/readyz`];
    const watcher = this.lab.spawn(this.server, process.execPath, [file('peers/ready.ts'), ...urls]);
    let told = '';
    watcher.stdout?.on('data', (data) => {
      told += String(data);
    });
    while (!told.includes('watching')) {
      if (watcher.exitCode !== null) throw new Error('the watcher ended at its start');
      await pause(5);
    }
    const settings = ['--data-dir', this.data, '--answers', this.#answers, '--log-format', 'json'];
    const startedAt = performance.timeOrigin + performance.now();
    const [program = '', ...before] = command;
    const child = this.lab.spawn(this.server, 'env', [
      `PATH=${SYSTEM_ENV.PATH}`,
      `NODE_COMPILE_CACHE=${this.#cache}`,
      ...[program, ...before, 'serve', ...settings],
    ]);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data) => {
        said += String(data);
      });
    await Promise.race([
      once(watcher, 'exit'),
      once(child, 'exit').then(() => {
        throw new Error(`the daemon ended at its start: ${said}`);
      }),
    ]);
    const servingAt = Number(told.trim().split('\n').at(-1));
    // Written when it serves, by the daemon itself.
    const where = join(this.data, 'server.json');
    const { pid } = JSON.parse(await eventually(() => readFileSync(where, 'utf8'))) as { pid: number };
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const running = line.slice(0, line.indexOf('serve'));
    return { pid, milliseconds: servingAt - startedAt, command: running, stop: () => ended(child, 'SIGTERM') };
  }

  /** Registers and arms the machines that the load program sends from. */
  armMachines(folder: string): void {
    const token = readFileSync(join(this.data, 'admin-token'), 'utf8').trim();
    const post = (path: string, body: unknown): unknown =>
      JSON.parse(
        this.lab.run(
          this.server,
          'curl',
          [
            ...[
              '-ksS',
              '--fail-with-body',
              '-H',
              `Authorization: Bearer ${token}`,
              '-H',
              'Content-Type: application/json',
            ],
            ...['--data-binary', '@-', `https://${SERVER}:8443/api/v1${path}`],
          ],
          JSON.stringify(body),
        ),
      );
    post('/media', { path: makeStandInIso(folder) });
    for (let index = 0; index < MACHINES; index++) {
      const mac = `52:54:00:00:00:${index.toString(16).padStart(2, '0')}`;
      const node = post('/nodes', { mac, fqdn: `pve${index}.lab.example`, profile: 'default' }) as { id: string };
      post(`/nodes/${node.id}/install`, {});
    }
  }
}

/** Without what `npm run bench` puts in front of the path: the pinned Node. */
const SYSTEM_ENV = {
  ...process.env,
  PATH: (process.env.PATH ?? '')
    .split(delimiter)
    .filter((part) => !part.includes('node_modules'))
    .join(delimiter),
};

async function eventually(read: () => string): Promise<string> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      return read();
    } catch {
      await pause(10);
    }
  }
  return read();
}

async function starts(bench: Bench): Promise<readonly Row[]> {
  const time = async (command: readonly string[]): Promise<Started> => {
    const daemon = await bench.start(command);
    await daemon.stop();
    return daemon;
  };
  bench.forget({ cache: true });
  const veryFirst = (await time(bench.serve)).milliseconds;
  bench.forget({ cache: false });
  const { milliseconds: newSite, command } = await time(bench.serve);
  const later: number[] = [];
  const direct: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    later.push((await time(bench.serve)).milliseconds);
    direct.push((await time(command)).milliseconds);
  }
  const of = `median of ${STARTS}, slowest ${seconds(Math.max(...later))}`;
  return [
    row('start to serving: the very first', seconds(veryFirst), 'makes keys and database, compiles everything'),
    row('start to serving: new data directory', seconds(newSite), 'makes keys and database'),
    row('start to serving: every later one', seconds(median(later)), of, '< 1 s'),
    row('   of it the launcher', seconds(median(later) - median(direct)), 'look at the set-up, hand over'),
  ];
}

/** Fields of /proc/PID/status in KiB. */
function statusOf(pid: number): Readonly<Record<'VmRSS' | 'RssAnon' | 'RssFile', number>> {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { VmRSS: field('VmRSS'), RssAnon: field('RssAnon'), RssFile: field('RssFile') };
}

function memory(pid: number): readonly Row[] {
  const { VmRSS, RssAnon, RssFile } = statusOf(pid);
  return [
    row('idle, resident', megabytes(VmRSS), `${IDLE_AFTER_MS / 1000} s after the start (VmRSS)`, '< 120 MB'),
    row('   of it its own', megabytes(RssAnon), 'RssAnon'),
    row(
      '   of it mapped files',
      megabytes(RssFile),
      "RssFile: mostly Node's program, shared with other Node processes",
    ),
  ];
}

/** `npx ironwake` without npx, which is npm's and takes its own second. */
function commands(bench: Bench): readonly Row[] {
  const [program = '', ...before] = bench.serve;
  const took: number[] = [];
  for (let round = 0; round <= COMMANDS; round++) {
    const startedAt = performance.now();
    bench.lab.run(bench.server, program, [...before, 'node', 'list', '--data-dir', bench.data]);
    // The first one compiles.
    if (round > 0) took.push(performance.now() - startedAt);
  }
  const of = `median of ${COMMANDS}, slowest ${Math.max(...took).toFixed(0)} ms`;
  return [row('a command (node list)', `${median(took).toFixed(0)} ms`, of, '< 300 ms')];
}

/** Ours and dnsmasq take turns on links of their own, asked by the same program. */
async function offers(bench: Bench): Promise<readonly Row[]> {
  const { lab, client } = bench;
  const theirs = lab.add('theirs');
  lab.veth(
    { ns: theirs, name: 'seg', address: `${PROXY}/24` },
    { ns: client, name: 'to-dnsmasq', address: '10.95.2.9/24' },
  );
  const dnsmasq = lab.spawn(theirs, 'dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--pid-file=',
    '--interface=seg',
    '--bind-interfaces',
    '--dhcp-range=10.95.2.0,proxy',
    `--pxe-service=x86-64_EFI,Install,ipxe.efi,${PROXY}`,
    '--quiet-dhcp',
  ]);
  dnsmasq.stdout?.resume();
  dnsmasq.stderr?.resume();
  const ask = (device: string, clients: number, outstanding: number): Answers => {
    const order = JSON.stringify({ device, clients, outstanding, macs: MACHINES });
    return JSON.parse(lab.run(client, process.execPath, [file('peers/dhcp-load.ts'), order])) as Answers;
  };
  for (const device of ['to-ours', 'to-dnsmasq']) {
    let tries = 0;
    while (ask(device, 1, 1).answered === 0) {
      if (++tries > 20) throw new Error(`nobody answers on ${device}`);
      await pause(100);
    }
  }
  const rows: Row[] = [];
  for (const load of LOADS) {
    const ours: Answers[] = [];
    const peers: Answers[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(ask('to-ours', load.clients, load.outstanding));
      peers.push(ask('to-dnsmasq', load.clients, load.outstanding));
    }
    const lost = ours.reduce((sum, { answered }) => sum + load.clients - answered, 0);
    const [p50, p99] = [quantileOf(ours, 0.5), quantileOf(ours, 0.99)];
    const [peer50, peer99] = [quantileOf(peers, 0.5), quantileOf(peers, 0.99)];
    rows.push(
      row(
        `DISCOVER to OFFER, ${load.name}: p99`,
        `${p99.toFixed(2)} ms`,
        `dnsmasq ${peer99.toFixed(2)} ms, ratio ${(p99 / peer99).toFixed(1)}`,
      ),
      row('   p50', `${p50.toFixed(2)} ms`, `dnsmasq ${peer50.toFixed(2)} ms, ratio ${(p50 / peer50).toFixed(1)}`),
      row('   without an answer', String(lost), `of ${load.clients * ROUNDS}`, '0'),
    );
  }
  return rows;
}

interface Answers {
  readonly answered: number;
  readonly msToOffer: readonly number[];
}

/** Of each round, then the median of the rounds. */
function quantileOf(rounds: readonly Answers[], share: number): number {
  return median(rounds.map(({ msToOffer }) => quantile(msToOffer, share)));
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** @param kib as /proc tells */
function megabytes(kib: number): string {
  return `${((kib * 1024) / 1e6).toFixed(0)} MB`;
}
