/**
 * Debian in a container with a real systemd (systemd-nspawn), for tests that need the real packages. A root is made once by debootstrap and
 * kept outside the tree; each container is an overlay over it, in namespaces of its own, reachable over one veth pair. Needs root and the
 * Debian packages debootstrap and systemd-container.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export type DebianRelease = 'bookworm' | 'trixie';

/** What lies in a root beside Debian's essential packages. Changing it makes a new root under a new name. */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'sudo',
  'curl',
  'wget',
  'ca-certificates',
  'iproute2',
  'procps',
  // What the modules configure, as an installed Proxmox has it or as they install it themselves.
  'chrony',
  'locales',
  'tzdata',
  'kmod',
  'cron',
  'fail2ban',
  'python3-systemd',
  'nftables',
  'unattended-upgrades',
  'ifupdown2',
  'iputils-ping',
];

/** Services that a test starts when it is about them: containers boot faster without. */
const ASLEEP = [
  'networking.service',
  'chrony.service',
  'cron.service',
  'fail2ban.service',
  'nftables.service',
  'unattended-upgrades.service',
];

/** Packages that a test lets a module install: their files lie in /srv/debs, beside one that Debian has in chrony's place. */
const PACKED = ['chrony', 'fail2ban', 'locales', 'unattended-upgrades'];

/** Runs inside the finished root, once. */
const FINISH = `
mkdir -p /srv/debs
cd /srv/debs
apt-get update -q
apt-get download -q systemd-timesyncd
mv ${PACKED.map((name) => `/var/cache/apt/archives/${name}_*.deb`).join(' ')} .
cd /
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
: > /etc/machine-id
rm -f /etc/hostname
systemctl mask systemd-networkd.service systemd-resolved.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer getty@tty1.service console-getty.service >/dev/null 2>&1 || true
systemctl disable ${ASLEEP.join(' ')} >/dev/null 2>&1 || true
`;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of this machine to its end; never throws because of its exit status. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { env: options.env ?? process.env, timeout: options.timeoutMs ?? 600_000, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
        resolve({ code, stdout, stderr: code === 255 && stderr === '' && error ? error.message : stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** As `run`, and throws with everything that was printed when the exit status is not 0. */
export async function must(command: string, args: readonly string[], options: Parameters<typeof run>[2] = {}) {
  const output = await run(command, args, options);
  if (output.code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${output.code}\n${output.stdout}\n${output.stderr}`);
  return output.stdout;
}

/** Where cached roots lie: outside the tree, so that a second run needs no network. */
function rootsDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ironwake', 'roots');
}

/** The Debian archive that this machine itself uses, so that a site's own mirror serves the roots too. */
async function archive(): Promise<string[]> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)']);
  const uri = /^Debian (\S+\/debian\/)$/m.exec(stdout)?.[1];
  return uri === undefined ? [] : [uri];
}

/**
 * Makes the root of `release` unless it is there (about a minute), and says where it is. Two at once wait for each other.
 * @throws Error with debootstrap's output
 */
export async function ensureRoot(release: DebianRelease): Promise<string> {
  const recipe = createHash('sha256').update(JSON.stringify({ release, PACKAGES, FINISH })).digest('hex').slice(0, 16);
  const root = join(rootsDirectory(), `${release}-${recipe}`);
  if (existsSync(root)) return root;
  mkdirSync(rootsDirectory(), { recursive: true });
  const script = `set -e
[ ! -d "$1" ] || exit 0
rm -rf "$1.part"
debootstrap --variant=minbase --include="$2" "$3" "$1.part" "\${@:4}"
chroot "$1.part" /bin/sh -c "$FINISH"
mv "$1.part" "$1"`;
  await must(
    'flock',
    [`${root}.lock`, 'bash', '-c', script, 'root', root, PACKAGES.join(','), release, ...(await archive())],
    { env: { ...process.env, FINISH, LC_ALL: 'C.UTF-8' }, timeoutMs: 1_200_000 },
  );
  return root;
}

export interface ContainerOptions {
  readonly release: DebianRelease;
  /** Host name of the container. */
  readonly name?: string;
}

let counter = 0;

/** Process id of a process's first child, 0 when there is none (yet). */
function firstChild(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  } catch {
    return 0;
  }
}

export class Container {
  readonly address: string;
  readonly hostAddress: string;
  readonly release: DebianRelease;
  readonly #id: string;
  readonly #directory: string;
  readonly #process: ChildProcess;
  #leader: number;

  private constructor(fields: {
    address: string;
    hostAddress: string;
    release: DebianRelease;
    id: string;
    directory: string;
    process: ChildProcess;
  }) {
    this.address = fields.address;
    this.hostAddress = fields.hostAddress;
    this.release = fields.release;
    this.#id = fields.id;
    this.#directory = fields.directory;
    this.#process = fields.process;
    this.#leader = 0;
  }

  /** Boots a fresh container and waits until its systemd has come up. */
  static async start(options: ContainerOptions): Promise<Container> {
    const root = await ensureRoot(options.release);
    const number = (process.pid * 8 + counter++) % 16_384;
    const id = `iwp${number}`;
    const subnet = (last: number) => `10.213.${number >> 6}.${((number & 63) << 2) + last}`;
    const [hostAddress, address] = [subnet(1), subnet(2)];
    const directory = mkdtempSync(join(tmpdir(), `ironwake-${id}-`));
    await must('ip', ['netns', 'add', id]);
    await must('ip', ['link', 'add', `${id}h`, 'type', 'veth', 'peer', 'name', 'host0', 'netns', id]);
    await must('ip', ['addr', 'add', `${hostAddress}/30`, 'dev', `${id}h`]);
    await must('ip', ['link', 'set', `${id}h`, 'up']);
    await must('ip', ['-n', id, 'addr', 'add', `${address}/30`, 'dev', 'host0']);
    await must('ip', ['-n', id, 'link', 'set', 'host0', 'up']);
    await must('ip', ['-n', id, 'link', 'set', 'lo', 'up']);
    // The cgroup: one below the machine's root for each container, or two of them would share one systemd tree.
    const script = `set -e
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
# At a restart nspawn empties its folder below /run, and refuses to where that is no tmpfs.
mkdir -p /run/systemd/nspawn
mount -t tmpfs none /run/systemd/nspawn
mkdir -p "/sys/fs/cgroup/$1"
echo $$ > "/sys/fs/cgroup/$1/cgroup.procs"
mkdir -p "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$3,upperdir=$2/upper,workdir=$2/work" "$2/root"
# nspawn with --keep-unit leaves a restart to whoever started it, and says so with this exit status.
code=133
while [ "$code" = 133 ]; do
  code=0
  setpriv --pdeathsig KILL systemd-nspawn --quiet --register=no --keep-unit --console=pipe --resolv-conf=off --timezone=off --link-journal=no \\
    --capability=CAP_NET_ADMIN --network-namespace-path="/run/netns/$1" --machine="$4" -D "$2/root" --boot || code=$?
done
exit "$code"`;
    const log = openSync(join(directory, 'console.log'), 'w');
    const child = spawn(
      // A test that is killed takes its containers along: unshare goes with it, with unshare the init of the process namespace, and with that
      // the kernel ends everything inside. The container's own systemd alone would outlive nspawn.
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
        'bash',
        '-c',
        script,
        'container',
        id,
        directory,
        root,
        options.name ?? 'node1',
      ],
      { stdio: ['ignore', log, log] },
    );
    const container = new Container({ address, hostAddress, release: options.release, id, directory, process: child });
    try {
      await container.#up(0);
    } catch (error) {
      await container.stop();
      throw error;
    }
    return container;
  }

  /** Further addresses of this machine on the container's cable, at most four: clients that a test can connect from. They go with the cable. */
  async addClients(count: number): Promise<readonly string[]> {
    const [, , third = '', fourth = ''] = this.hostAddress.split('.');
    const first = Number(fourth) - 1;
    const network = `10.214.${third}.`;
    const clients = Array.from({ length: count }, (_, i) => `${network}${first + i}`);
    for (const client of clients) await must('ip', ['addr', 'add', `${client}/32`, 'dev', `${this.#id}h`]);
    await must('ip', ['-n', this.#id, 'route', 'add', `${network}${first}/30`, 'dev', 'host0']);
    return clients;
  }

  /** Process id (of this machine) of the container's systemd. */
  get leader(): number {
    return this.#leader;
  }

  /** A file of the running container, as a path of this machine. */
  path(path: string): string {
    return `/proc/${this.#leader}/root${path}`;
  }

  /** Runs a program inside, as root, with nothing of this machine's environment. */
  exec(
    argv: readonly string[],
    options: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<Output> {
    const plain = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8', ...argv];
    return run(
      'nsenter',
      ['-t', String(this.#leader), '-m', '-u', '-i', '-n', '-p', '--wdns=/', '--', ...plain],
      options,
    );
  }

  /** Runs a line of shell inside; throws when it fails. */
  async sh(script: string, input = ''): Promise<string> {
    const output = await this.exec(['bash', '--norc', '-euc', script], { input });
    if (output.code !== 0) throw new Error(`${script}\nended with ${output.code}\n${output.stdout}\n${output.stderr}`);
    return output.stdout;
  }

  async write(path: string, content: string, mode = '0644'): Promise<void> {
    await this.sh(`mkdir -p "$(dirname '${path}')"; cat > '${path}'; chmod ${mode} '${path}'`, content);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  /** Restarts the container and waits for the new boot. */
  async reboot(): Promise<void> {
    const before = this.#leader;
    await this.exec(['systemctl', 'reboot', '--no-block']);
    await this.#up(before);
  }

  /** Waits until `check` holds; the limit only ends a test that would hang. */
  async until(what: string, check: () => boolean | Promise<boolean>, limitMs = 120_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (!(await check())) {
      if (Date.now() > end) throw new Error(`waited in vain for: ${what}\n${this.console()}`);
      await pause(100);
    }
  }

  /** Finds the container again after it has restarted itself. */
  async refresh(): Promise<void> {
    await this.#up(0);
  }

  console(): string {
    return readFileSync(join(this.#directory, 'console.log'), 'utf8').slice(-4000);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve));
      // The init of the process namespace: it ends when nothing is left in there, and unshare after it. Before it is there, unshare is alone.
      const init = firstChild(this.#process.pid ?? 0);
      try {
        if (init > 0) process.kill(init, 'SIGKILL');
        else this.#process.kill('SIGKILL');
      } catch (error) {
        // It has just ended by itself.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      await ended;
    }
    await run('ip', ['link', 'del', `${this.#id}h`]);
    await run('ip', ['netns', 'del', this.#id]);
    await run('unshare', [
      '-m',
      'bash',
      '-c',
      `umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && find "/sys/fs/cgroup/${this.#id}" -depth -type d -exec rmdir {} + 2>/dev/null`,
    ]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #up(formerLeader: number): Promise<void> {
    await this.until('the container to boot', async () => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null)
        throw new Error(`the container ended while booting\n${this.console()}`);
      // unshare, the script, nspawn, and the container's systemd.
      const leader = firstChild(firstChild(firstChild(this.#process.pid ?? 0)));
      if (!(leader > 0) || leader === formerLeader) return false;
      this.#leader = leader;
      const state = await this.exec(['systemctl', 'is-system-running']);
      return ['running', 'degraded'].includes(state.stdout.trim());
    });
  }
}
