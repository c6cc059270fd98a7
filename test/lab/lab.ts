/**
 * The machine lab: a private network in namespaces, a plain DHCP server that knows nothing of booting, a place for the daemon, a place for
 * a stranger, and virtual machines. Nothing of it touches the host's own network. Needs root.
 *
 *     br0 (net) -- lan0 10.77.0.2 the daemon (serve)
 *               -- lan0 10.77.0.1 DHCP, DNS; 10.77.0.3 the vendor's repositories (dhcp)
 *               -- lan0 10.77.0.9 a stranger (stranger)
 *               -- tap0 ... machines, 10.77.0.100 and up
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Machine, type MachineOptions } from './machine.ts';
import { must, Namespace, newLabName, sweepAbandoned } from './namespaces.ts';

export const DAEMON_ADDRESS = '10.77.0.2';
export const DHCP_ADDRESS = '10.77.0.1';
export const MIRROR_ADDRESS = '10.77.0.3';
export const STRANGER_ADDRESS = '10.77.0.9';
/** The lab's interface in every namespace. */
export const LAB_INTERFACE = 'lan0';

const IPV6_PREFIX = 'fd77::';

export interface LabOptions {
  /**
   * What the network has of IPv6 (default `none`). Without a router an iPXE waits 20 s between its address and our script
   * (docs/troubleshooting.md); without a DHCPv6 server OVMF looks for one for more than a minute of every boot, after our script sent it to
   * its disk: its HTTP boot over IPv6 comes before that, and no option of this OVMF switches it off.
   */
  readonly ipv6?: 'none' | 'router' | 'dhcp';
}

export interface DaemonOptions {
  /** Program and arguments, run in the daemon's namespace. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A URL that answers 2xx once it serves, asked from inside the namespace. */
  readonly readyUrl: string;
  /** Milliseconds, default 60000. */
  readonly timeoutMs?: number;
}

/** What ends a lab in the middle: Ctrl-C, a kill, a terminal that was closed. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Lab {
  readonly name: string;
  /** Everything of this lab that is a file; removed with it. */
  readonly folder: string;
  /** The wire itself: bridge and machines. */
  readonly net: Namespace;
  readonly dhcp: Namespace;
  readonly serve: Namespace;
  readonly stranger: Namespace;
  readonly machines: Machine[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #namespaces: Namespace[] = [];
  #daemon: ChildProcess | undefined;
  #down = false;
  readonly #onExit = (): void => this.#tearDown();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#tearDown();
    process.exit(128 + constants.signals[signal]);
  };

  private constructor() {
    this.name = newLabName();
    this.folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
    const namespace = (role: string): Namespace => {
      const made = new Namespace(`${this.name}-${role}`);
      this.#namespaces.push(made);
      return made;
    };
    process.on('exit', this.#onExit);
    for (const signal of ENDS) process.on(signal, this.#onSignal);
    try {
      this.net = namespace('net');
      this.net.ip('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
      this.net.ip('link', 'set', 'br0', 'up');
      this.dhcp = namespace('dhcp');
      this.serve = namespace('serve');
      this.stranger = namespace('stranger');
      this.#connect(this.dhcp, `${DHCP_ADDRESS}/24`, `${MIRROR_ADDRESS}/24`);
      this.#connect(this.serve, `${DAEMON_ADDRESS}/24`);
      this.#connect(this.stranger, `${STRANGER_ADDRESS}/24`);
    } catch (error) {
      this.#tearDown();
      throw error;
    }
  }

  /** Builds the network and starts the DHCP server. */
  static async start(options: LabOptions = {}): Promise<Lab> {
    sweepAbandoned();
    const lab = new Lab();
    lab.startDhcp(options);
    return lab;
  }

  #connect(namespace: Namespace, ...addresses: string[]): void {
    const port = namespace.name.split('-').at(-1) ?? '';
    must(
      'ip',
      'link',
      'add',
      `p-${port}`,
      'netns',
      this.net.name,
      'type',
      'veth',
      'peer',
      'name',
      LAB_INTERFACE,
      'netns',
      namespace.name,
    );
    for (const address of addresses) namespace.ip('address', 'add', address, 'dev', LAB_INTERFACE);
    namespace.ip('link', 'set', LAB_INTERFACE, 'up');
    this.net.ip('link', 'set', `p-${port}`, 'master', 'br0');
    this.net.ip('link', 'set', `p-${port}`, 'up');
  }

  /** Another host on the wire, without a machine behind it: an address, and a MAC if it is to have a particular one. */
  station(role: string, address: string, mac?: string): Namespace {
    const namespace = new Namespace(`${this.name}-${role}`);
    this.#namespaces.push(namespace);
    this.#connect(namespace, `${address}/24`);
    if (mac !== undefined) namespace.ip('link', 'set', LAB_INTERFACE, 'address', mac);
    return namespace;
  }

  /** Leases and names, no boot options at all: what an office router does. The vendor's repositories are names of the lab's mirror. */
  startDhcp({ ipv6 = 'none' }: LabOptions = {}): void {
    const range = {
      none: undefined,
      router: `${IPV6_PREFIX},ra-only,64`,
      dhcp: `${IPV6_PREFIX}1000,${IPV6_PREFIX}1fff,64`,
    }[ipv6];
    if (range !== undefined) this.dhcp.ip('address', 'add', `${IPV6_PREFIX}1/64`, 'dev', LAB_INTERFACE, 'nodad');
    this.spawn(
      this.dhcp,
      [
        'dnsmasq',
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        // The default is one file for all; of two labs that start together, one would have no DHCP server.
        '--pid-file=',
        '--log-facility=-',
        '--log-dhcp',
        `--interface=${LAB_INTERFACE}`,
        '--bind-interfaces',
        '--no-resolv',
        '--no-hosts',
        '--domain=lab.test',
        `--dhcp-leasefile=${join(this.folder, 'leases')}`,
        '--dhcp-range=10.77.0.100,10.77.0.200,255.255.255.0,1h',
        '--dhcp-authoritative',
        // Its echo request before each offer costs three seconds of every emulated boot.
        '--no-ping',
        ...(range === undefined ? [] : ['--enable-ra', `--dhcp-range=${range}`]),
        ...['enterprise.proxmox.com', 'download.proxmox.com'].map((name) => `--address=/${name}/${MIRROR_ADDRESS}`),
      ],
      'dnsmasq.log',
    );
  }

  /** Starts a long-running program; its output goes to a file of the lab's folder. It ends with the lab. */
  spawn(
    namespace: Namespace,
    argv: readonly string[],
    log: string,
    options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
  ): ChildProcess {
    const child = namespace.spawn(argv, { logFile: join(this.folder, log), ...options });
    this.#children.add(child);
    child.on('exit', () => this.#children.delete(child));
    return child;
  }

  /** What a program of the lab has printed so far. */
  log(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** Starts the daemon in its namespace and waits until it serves. @throws Error with its log */
  async startDaemon(options: DaemonOptions): Promise<ChildProcess> {
    const child = this.spawn(this.serve, options.command, 'daemon.log', {
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#daemon = child;
    const deadline = Date.now() + (options.timeoutMs ?? 60_000);
    for (;;) {
      const asked = await this.serve.run(['curl', '-ksSf', '-o', '/dev/null', '--max-time', '5', options.readyUrl]);
      if (asked.code === 0) return child;
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the daemon does not serve ${options.readyUrl}:\n${this.log('daemon.log').slice(-4000)}`);
      }
      await delay(200);
    }
  }

  /** Ends the daemon as systemd would and returns its exit status. */
  async stopDaemon(): Promise<number | null> {
    const child = this.#daemon;
    if (child === undefined) return null;
    this.#daemon = undefined;
    await end(child, 10_000);
    return child.exitCode;
  }

  /** A machine on the lab's wire, switched off. */
  machine(options: MachineOptions): Machine {
    const taps = [options.mac, ...(options.furtherMacs ?? [])].map(
      (_, card) => `tap${this.machines.length}${card === 0 ? '' : `c${card}`}`,
    );
    for (const tap of taps) {
      this.net.ip('tuntap', 'add', tap, 'mode', 'tap');
      this.net.ip('link', 'set', tap, 'master', 'br0');
      this.net.ip('link', 'set', tap, 'up');
    }
    const machine = new Machine(options, this.folder, this.net, taps);
    this.machines.push(machine);
    return machine;
  }

  /** The address that the DHCP server leased to a MAC, if it did. */
  leaseOf(mac: string): string | undefined {
    for (const line of readFileSync(join(this.folder, 'leases'), 'utf8').split('\n')) {
      const [, leased, address] = line.split(' ');
      if (leased === mac.toLowerCase()) return address;
    }
    return undefined;
  }

  /** Ends everything in order and removes it. `keepFiles` leaves the folder for a look at the logs. */
  async stop({ keepFiles = false }: { readonly keepFiles?: boolean } = {}): Promise<void> {
    await this.stopDaemon();
    await Promise.all(this.machines.map((machine) => machine.powerOff()));
    await Promise.all([...this.#children].map((child) => end(child, 5_000)));
    this.#tearDown(keepFiles);
  }

  /** Also the way out when the process ends in a hurry: synchronous, may be called again. */
  #tearDown(keepFiles = false): void {
    if (this.#down) return;
    this.#down = true;
    process.off('exit', this.#onExit);
    for (const signal of ENDS) process.off(signal, this.#onSignal);
    for (const machine of this.machines) if (machine.on) machine.process?.kill('SIGKILL');
    for (const child of this.#children) child.kill('SIGKILL');
    for (const namespace of this.#namespaces) {
      // Whatever a command started in there and left behind.
      const left = spawnSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).stdout ?? '';
      for (const pid of left.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      }
      namespace.remove();
    }
    if (!keepFiles) rmSync(this.folder, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess, patienceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const patience = new AbortController();
  await Promise.race([ended, delay(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await ended;
  }
}
