/**
 * Network namespaces for tests: made under names of this process, taken down with everything in them. Needs root and iproute2; says so instead of
 * being skipped.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

export class Namespaces {
  readonly #prefix: string;
  readonly #names: string[] = [];
  readonly #children: ChildProcess[] = [];

  /** @param prefix at most 5 letters, unique for the test file */
  constructor(prefix: string) {
    if (process.getuid?.() !== 0) throw new Error('network tests need root: run them with sudo');
    this.#prefix = `${prefix}-${process.pid}`;
  }

  /** Makes a namespace with loopback up and returns its full name. */
  add(name: string): string {
    const full = `${this.#prefix}-${name}`;
    execFileSync('ip', ['netns', 'add', full]);
    this.#names.push(full);
    this.ip(full, 'link set lo up');
    return full;
  }

  /** `ip -n NS ...`, words separated by blanks. */
  ip(ns: string, words: string): string {
    return execFileSync('ip', ['-n', ns, ...words.split(' ')], { encoding: 'utf8' });
  }

  /** A veth pair between two namespaces, both ends up; `address` with prefix length, where one is wanted. */
  veth(a: { ns: string; name: string; address?: string }, b: { ns: string; name: string; address?: string }): void {
    this.ip(a.ns, `link add ${a.name} type veth peer name ${b.name} netns ${b.ns}`);
    for (const end of [a, b]) {
      if (end.address !== undefined) this.ip(end.ns, `address add ${end.address} dev ${end.name}`);
      this.ip(end.ns, `link set ${end.name} up`);
    }
  }

  /** Runs a program to its end inside and returns its output. @throws when it fails, with its error output */
  run(ns: string, program: string, args: readonly string[], input?: string): string {
    return execFileSync('ip', ['netns', 'exec', ns, program, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Starts a program inside. `ip netns exec` replaces itself, so the child's pid is the program's own. */
  spawn(ns: string, program: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', ns, program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  /** Ends what was started (by pid) and removes the namespaces. */
  async remove(): Promise<void> {
    await Promise.all(this.#children.map((child) => ended(child)));
    for (const name of this.#names.reverse()) execFileSync('ip', ['netns', 'delete', name]);
  }
}

/** Ends a child and waits until it is gone. */
export function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

/** A dnsmasq that reads and keeps no file, and asks nobody whether an address is free. */
export const BARE_DNSMASQ: readonly string[] = [
  '--no-daemon',
  '--conf-file=/dev/null',
  '--port=0',
  '--no-ping',
  '--leasefile-ro',
  '--user=root',
  '--pid-file=',
];

/** Arguments of a dnsmasq that gives leases and nothing else, as on any network. @param range first and last address, with a comma */
export function plainLeases(interfaceName: string, range: string, more: readonly string[] = []): readonly string[] {
  return [
    ...BARE_DNSMASQ,
    // Nobody reads its log while this process waits for a client, and a full pipe stops it.
    '--quiet-dhcp',
    ...[`--interface=${interfaceName}`, `--dhcp-range=${range},1h`],
    ...more,
  ];
}
