/**
 * Post-install modules in a Debian 13 container: how long each step of a plan takes, and how long the hourly look at all of them (goal: below 5 s).
 * Needs root, debootstrap and systemd-container.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Measurement } from '../../scripts/bench.ts';
import { Container } from '../support/container.ts';
import { NodeServer, type Report } from '../support/node-server.ts';
import { Rig } from '../support/rig.ts';

/** What needs no network of a site, no Proxmox and no kernel of its own: the rest is tried by the tests, and waits for others more than it works. */
const postInstall = (key: string) => ({
  hosts: {},
  locale: { lang: 'C.UTF-8' },
  timezone: { zone: 'Europe/Berlin' },
  'kernel-modules': {},
  services: {},
  'unattended-upgrades': {},
  'admin-user': { name: 'ops', keys: [key] },
  ssh: {},
  fail2ban: {},
  'custom-scripts': { scripts: { motd: { run: 'echo hello > /etc/motd', verify: 'grep -q hello /etc/motd' } } },
});

const LOOKS = 5;

/** @throws when this is not root, a program is missing, or a module does not hold, saying which */
export async function run(): Promise<Measurement> {
  demand();
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const container = await Container.start({ release: 'trixie' });
  let server: NodeServer | undefined;
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
    server = await NodeServer.start({
      host: container.hostAddress,
      runId: randomUUID(),
      nodeAddress: container.address,
      hostKey: container.read('/etc/ssh/ssh_host_ed25519_key.pub'),
    });
    const rig = new Rig(container, server);
    const key = readFileSync(join(directory, 'key.pub'), 'utf8').trim();
    await rig.runPlan({ release: '9.2', postInstall: postInstall(key) });
    const failed = server.reports.find(({ result }) => result === 'failed');
    if (failed !== undefined) throw new Error(`${failed.module} ${failed.step} failed: ${failed.detail}`);
    const looks: number[] = [];
    for (let look = 0; look < LOOKS; look += 1) {
      const from = performance.now();
      await container.sh('bash /var/lib/ironwake/lib/verify.sh > /dev/null');
      looks.push(performance.now() - from);
    }
    return {
      title: 'Modules in a container (goal: the hourly look at all of them below 5 s), ms',
      rows: [...rowsOf(server.reports), lookOf(looks)],
    };
  } finally {
    await server?.close();
    await container.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function demand(): void {
  if (process.getuid?.() !== 0)
    throw new Error('this needs root: it boots a container. Run it as root, or leave it out by naming others');
  for (const program of ['systemd-nspawn', 'debootstrap', 'ssh-keygen'])
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
    } catch {
      throw new Error(`${program} is missing: run npm run setup as root, which installs what a container needs`);
    }
}

function rowsOf(reports: readonly Report[]) {
  const names = [...new Set(reports.map(({ module }) => module))];
  const of = (module: string, step: string) =>
    Math.round(reports.find((report) => report.module === module && report.step === step)?.durationMs ?? 0);
  return names.map((module) => ({
    module,
    apply: of(module, 'apply'),
    verify: of(module, 'verify'),
    'apply again': of(module, 'reapply'),
  }));
}

function lookOf(looks: readonly number[]) {
  const sorted = looks.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return {
    module: `all of them, hourly look (middle of ${looks.length})`,
    apply: '',
    verify: Math.round(middle),
    'apply again': '',
  };
}
