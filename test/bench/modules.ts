/**
 * Every post-install module in a Debian 13 container, which has none of Proxmox VE's own commands but a stand-in of pve-firewall: how long each step of a plan takes, and how long the hourly look at all of them (goal: below 5 s).
 * Needs root, debootstrap and systemd-container.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Measurement } from '../../scripts/bench.ts';
import { Container } from '../support/container.ts';
import { buildMirror, startMirror } from '../support/mirror.ts';
import { NodeServer, type Report } from '../support/node-server.ts';
import { Rig } from '../support/rig.ts';
import {
  clocks,
  dnsServer,
  ownInterfaces,
  ownNetworkKeys,
  pveFirewall,
  staticAddress,
} from '../support/surroundings.ts';
import { everyModule } from './every-module.ts';

const LOOKS = 5;

/** @throws when this is not root, a program is missing, or a module does not hold, saying which */
export async function run(): Promise<Measurement> {
  demand();
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  try {
    const container = await Container.start({ release: 'trixie' });
    closers.push(() => container.stop());
    const postInstall = await surround(container, directory, closers);
    const server = await NodeServer.start({
      host: container.hostAddress,
      runId: randomUUID(),
      nodeAddress: container.address,
      hostKey: container.read('/etc/ssh/ssh_host_ed25519_key.pub'),
    });
    closers.push(() => server.close());
    const rig = new Rig(container, server);
    await rig.runPlan({ release: '9.2', postInstall });
    const failed = server.reports.find(({ result }) => result === 'failed');
    if (failed !== undefined) throw new Error(`${failed.module} ${failed.step} failed: ${failed.detail}`);
    const looks: number[] = [];
    for (let look = 0; look < LOOKS; look += 1) {
      const from = performance.now();
      const found = await container.sh('bash /var/lib/ironwake/lib/verify.sh');
      looks.push(performance.now() - from);
      if (found.includes('"result":"failed"')) throw new Error(`it does not hold: ${found}`);
    }
    return {
      title: 'Every module in a container (goal: the hourly look at all of them below 5 s), ms',
      rows: [...rowsOf(server.reports), lookOf(looks)],
    };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** A site around the node, as an installed Proxmox VE finds it. Returns the profile's `postInstall`. */
async function surround(container: Container, directory: string, closers: (() => unknown)[]) {
  const { hostAddress } = container;
  const resolver = dnsServer(hostAddress);
  closers.push(() => resolver.kill());
  const keyring = await buildMirror(join(directory, 'mirror'));
  const mirror = await startMirror({ host: hostAddress, port: 0, dir: join(directory, 'mirror') });
  closers.push(() => mirror.close());
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
  // What it asks for is a name of its own domain: that resolver knows no other.
  await container.write('/etc/resolv.conf', 'search example.test\nnameserver 192.0.2.53\n');
  await clocks(container);
  // The module network brings the loopback to what its file says: the time server's address stays on another interface.
  await container.sh('ip link add clocks type bridge; ip addr add 198.51.100.1/32 dev clocks; ip link set clocks up');
  await ownNetworkKeys(container);
  await ownInterfaces(container);
  await staticAddress(container);
  await pveFirewall(container);
  return everyModule({
    key: readFileSync(join(directory, 'key.pub'), 'utf8').trim(),
    server: hostAddress,
    timeServer: '198.51.100.1',
    mirror: { url: mirror.url, keyring },
    port: 'host0',
  });
}

function demand(): void {
  if (process.getuid?.() !== 0)
    throw new Error('this needs root: it boots a container. Run it as root, or leave it out by naming others');
  for (const program of ['systemd-nspawn', 'debootstrap', 'ssh-keygen', 'dnsmasq', 'gpg'])
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
