/**
 * TFTP: our server next to dnsmasq, tftpd-hpa and atftpd, in the same run on the same link (veth, MTU 1500), asked by atftp. Figures are MB/s of
 * all clients together, medians over rounds in which the servers take turns; read the ratios, they move less than the figures.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../scripts/bench.ts';
import { Namespaces } from '../support/netns.ts';
import { extractDebian } from './peers/debian-programs.ts';

const MIB = 1024 * 1024;
const ROUNDS = 3;
/** blksize, windowsize, clients, bytes for each client: what firmware and loaders ask for, and a rack of them. */
const CELLS = [
  [512, 1, 1, 2],
  [512, 1, 8, 1],
  [512, 4, 1, 4],
  [512, 4, 8, 2],
  [1024, 1, 1, 4],
  [1024, 1, 8, 2],
  [1468, 1, 1, 4],
  [1468, 1, 8, 2],
  [1468, 4, 1, 8],
  [1468, 4, 8, 4],
  [1468, 16, 1, 16],
  [1468, 16, 8, 4],
] as const;
const SIZES_MIB = [1, 2, 4, 8, 16];

interface Server {
  readonly name: string;
  readonly address: string;
  readonly child: ChildProcess;
}

/** @throws when root or a program is missing, saying which */
export async function run(): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const lab = new Namespaces('iwtb');
  try {
    const files = join(directory, 'files');
    mkdirSync(files);
    for (const size of SIZES_MIB) writeFileSync(join(files, `${size}.bin`), Buffer.alloc(size * MIB, 'ironwake'));
    // atftpd and dnsmasq read as nobody.
    for (const path of [directory, files]) chmodSync(path, 0o755);
    const servers = startServers(lab, directory, files);
    await Promise.all(servers.list.map((server) => answering(lab, servers.client, server)));

    const rows = [];
    for (const [blksize, windowsize, clients, sizeMib] of CELLS) {
      const figures = new Map<string, number[]>();
      const cpu = new Map<string, number[]>();
      for (let round = 0; round < ROUNDS; round++) {
        for (const server of servers.list) {
          const before = cpuSeconds(server.child);
          const seconds = fetchAll(lab, servers.client, server.address, { blksize, windowsize, clients, sizeMib });
          const bytes = clients * sizeMib * MIB;
          push(figures, server.name, bytes / 1e6 / seconds);
          push(cpu, server.name, ((cpuSeconds(server.child) - before) * 1e9) / bytes);
        }
      }
      const of = (name: string) => median(figures.get(name) ?? []);
      const best = Math.max(...servers.list.filter(({ name }) => name !== 'ironwake').map(({ name }) => of(name)));
      rows.push({
        blksize,
        window: windowsize,
        clients,
        ...Object.fromEntries(servers.list.map(({ name }) => [`${name} MB/s`, of(name).toFixed(1)])),
        'to best peer': (of('ironwake') / best).toFixed(2),
        'ironwake CPU s/GB': median(cpu.get('ironwake') ?? []).toFixed(1),
        'dnsmasq CPU s/GB': median(cpu.get('dnsmasq') ?? []).toFixed(1),
      });
    }
    return { title: 'TFTP throughput (peers that could not be had are left out)', rows };
  } finally {
    await lab.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** All servers on one interface, an address for each, so that all have port 69. */
function startServers(lab: Namespaces, directory: string, files: string) {
  const ns = lab.add('server');
  const client = lab.add('client');
  lab.veth({ ns, name: 'seg', address: '10.93.1.1/24' }, { ns: client, name: 'eth0', address: '10.93.1.99/24' });
  const list: Server[] = [];
  const start = (name: string, address: string, program: string, args: readonly string[]) => {
    const child = lab.spawn(ns, program, args);
    child.stdout?.resume();
    child.stderr?.resume();
    list.push({ name, address, child });
  };
  const addressOf = (last: number) => {
    lab.ip(ns, `address add 10.93.1.${last}/24 dev seg`);
    return `10.93.1.${last}`;
  };
  const ours = addressOf(2);
  const settings = { segments: [{ interfaceName: 'seg', address: ours }], directory: files, port: 69, quiet: true };
  start('ironwake', ours, process.execPath, [
    fileURLToPath(new URL('../net/peers/tftp-server.ts', import.meta.url)),
    JSON.stringify(settings),
  ]);
  const dnsmasq = addressOf(3);
  start('dnsmasq', dnsmasq, 'dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--pid-file=',
    '--bind-interfaces',
    `--listen-address=${dnsmasq}`,
    '--enable-tftp',
    `--tftp-root=${files}`,
  ]);
  const hpa = extractDebian('tftpd-hpa', 'usr/sbin/in.tftpd', directory);
  if (hpa !== undefined) {
    const address = addressOf(4);
    start('tftpd-hpa', address, hpa, ['-L', '-a', `${address}:69`, '-u', 'nobody', '-s', files]);
  }
  const atftpd = extractDebian('atftpd', 'usr/sbin/atftpd', directory);
  if (atftpd !== undefined) {
    const address = addressOf(5);
    start('atftpd', address, atftpd, ['--daemon', '--no-fork', '--bind-address', address, '--port', '69', files]);
  }
  return { client, list };
}

/** Waits until a server gives its smallest file. */
async function answering(lab: Namespaces, client: string, { name, address, child }: Server): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} ended at its start (exit ${child.exitCode})`);
    try {
      fetchAll(lab, client, address, { blksize: 1468, windowsize: 1, clients: 1, sizeMib: 1 });
      return;
    } catch {
      await pause(100);
    }
  }
  throw new Error(`${name} does not answer`);
}

interface Load {
  readonly blksize: number;
  readonly windowsize: number;
  readonly clients: number;
  readonly sizeMib: number;
}

/** Seconds until every client has the file. @throws when one of them fails */
function fetchAll(lab: Namespaces, client: string, address: string, load: Load): number {
  const one = `atftp --option 'blksize ${load.blksize}' --option 'windowsize ${load.windowsize}' --get -r ${load.sizeMib}.bin -l /dev/null ${address} 69 2>/dev/null`;
  const script = `pids=; for i in $(seq ${load.clients}); do ${one} & pids="$pids $!"; done; for p in $pids; do wait $p || exit 1; done`;
  const startedAt = performance.now();
  lab.run(client, 'sh', ['-c', script]);
  return (performance.now() - startedAt) / 1000;
}

const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

/** User and system time of a process, its threads and the children it has seen end (tftpd-hpa forks for each transfer). */
function cpuSeconds({ pid }: ChildProcess): number {
  const pids = [pid, ...childrenOf(pid)];
  let ticks = 0;
  for (const each of pids) {
    const fields = readFileSync(`/proc/${each}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    // proc(5): utime, stime, cutime, cstime are fields 14 to 17; the split begins with field 3.
    for (const index of [11, 12, 13, 14]) ticks += Number(fields[index]);
  }
  return ticks / TICKS_PER_SECOND;
}

function childrenOf(pid: number | undefined): readonly string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((child) => child !== ''),
  );
}

function push(map: Map<string, number[]>, key: string, value: number): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
