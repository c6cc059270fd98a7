/**
 * The first day of an administrator with a rack, word for word as he types it: each line is a process of its own that asks a real daemon over TLS.
 * The machines are stand-ins that speak their part (support/machine.ts); real firmware does the same in the lab.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { ManualClock } from '../../src/clock.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import type { Mac } from '../../src/net/mac.ts';
import { environmentOf, type Printed } from '../support/command-line.ts';
import { becomeReady, FACTS, install, loadImage, type Machine } from '../support/machine.ts';
import { PROFILE, startParts } from '../support/parts.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const RACKED = PROFILE.concat('counters: { rest: { from: 1, to: 20, width: 2 } }\n');

const two = (n: number): string => String(n).padStart(2, '0');
const nodeOf = (n: number): Machine => ({
  mac: `02:00:00:00:0a:${two(n)}` as Mac,
  from: `127.0.0.${100 + n}`,
  fqdn: `pve${n}.lab.example`,
});
const TWELVE = Array.from({ length: 12 }, (_, i) => nodeOf(i + 1));
const STRANGER: Machine = { mac: '02:00:00:00:66:66' as Mac, from: '127.0.0.66', fqdn: 'found.lab.example' };
const REST: Machine = { mac: '02:00:00:00:0b:01' as Mac, from: '127.0.0.71', fqdn: 'rest01.lab.example' };
const SPARE: Machine = { mac: '02:00:00:00:0c:01' as Mac, from: '127.0.0.81', fqdn: 'pve1.lab.example' };

t.test('from an empty registry to a replaced node', async (t) => {
  const parts = await startParts({ profiles: { racked: RACKED }, clock: new ManualClock(Date.now()) });
  t.teardown(() => parts.close());
  const directory = t.testdir();
  const env = { ...process.env, ...environmentOf(parts, await parts.token('admin')) };
  for (const { from, mac } of [...TWELVE, STRANGER, REST, SPARE]) parts.neighbours.set(from, mac);

  const begin = (...words: readonly string[]) => {
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
    t.teardown(() => void child.kill('SIGKILL'));
    const printed = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      printed.out += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      printed.err += chunk;
    });
    const ended = new Promise<Printed>((resolve) =>
      child.on('close', (status) => resolve({ status: status ?? -1, ...printed })),
    );
    return { child, ended, printed };
  };
  const ironwake = async (line: string): Promise<Printed> => begin(...line.split(' ')).ended;
  /** Typed, done, and nothing to complain about. */
  const done = async (line: string): Promise<string> => {
    const { status, out, err } = await ironwake(line);
    t.strictSame({ status, err }, { status: 0, err: '' }, line);
    return out;
  };
  const firmwareAsks = ({ mac }: Machine) => decideDhcp(parts.journey, { ...FACTS, mac }, parts.segment);
  /** From power-on to ready. */
  const boot = async (machine: Machine): Promise<void> => {
    const url = await loadImage(parts, machine.from, machine.mac);
    const installed = await install(t, parts, url, machine);
    await becomeReady(t, parts, installed, await installed.credential(), machine.from);
  };
  const stateOf = async (name: string) => JSON.parse(await done(`node show ${name} --json`)).run?.state;

  t.match(await done('node list'), 'No machine is registered. Register one: npx ironwake node add');
  t.match(await done('status'), /machines +0 registered/);

  // Twelve machines by CSV: looked at first.
  const file = ['fqdn,macs,tags', ...TWELVE.map(({ fqdn, mac }) => `${fqdn},${mac.replaceAll(':', '-')},rack-a`)];
  writeFileSync(join(directory, 'slip.csv'), [...file, `pve13.lab.example,${TWELVE[0]?.mac},rack-a`].join('\n'));
  t.match(await ironwake('node import slip.csv'), { status: 1, err: /line 14: macs: .* stands in line 2 already/ });
  writeFileSync(join(directory, 'machines.csv'), file.join('\n'));
  t.match(await done('node import machines.csv --dry-run'), /12 would be registered; nothing was written/);
  t.match(await done('node list'), 'No machine is registered');
  t.match(await done('node import machines.csv'), '12 registered\n');

  // A machine that nobody has written down, and its adoption.
  await firmwareAsks(STRANGER);
  t.match(await done('discovered'), STRANGER.mac);
  t.match(await done(`node adopt ${STRANGER.mac} --fqdn ${STRANGER.fqdn} --tag rack-b`), `registered ${STRANGER.fqdn}`);
  t.notMatch(await done('discovered'), STRANGER.mac);

  // One rule for the rest, tried before it is kept; it arms, so it has to be meant.
  await firmwareAsks(REST);
  const rule = 'rest --default --fqdn rest{{counter.rest}}.lab.example --profile racked --expires 24 --machines 4';
  t.match(await done(`rule test ${rule}`), REST.mac);
  t.match(await ironwake(`rule add ${rule} --arm`), { status: 1, err: /erased .*Add --yes/ });
  t.match(await done(`rule add ${rule} --arm --yes`), /registers AND ARMS/);
  await firmwareAsks(REST);

  // Arm all.
  const names = (JSON.parse(await done('node list --json')) as ReadonlyArray<{ node: { fqdn: string } }>).map(
    ({ node }) => node.fqdn,
  );
  t.same(names.toSorted(), [...TWELVE, STRANGER, REST].map(({ fqdn }) => fqdn).toSorted());
  const arming = names
    .filter((fqdn) => fqdn !== REST.fqdn)
    .map(async (name) => t.match(await done(`node install ${name}`), `armed ${name}\nwaiting for`));
  await Promise.all(arming);
  const runs = (JSON.parse(await done('node list --json')) as ReadonlyArray<{ run: { ended: boolean } | null }>).map(
    ({ run }) => run?.ended,
  );
  t.same(runs, Array(14).fill(false), 'each has an installation under way');

  // Watch: one machine of each kind is switched on, and its installation is followed to its end.
  const [first = STRANGER] = TWELVE;
  const everything = begin('watch', '--json');
  const one = begin('node', 'watch', 'pve1');
  while (!one.printed.out.includes('waiting for')) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const machine of [first, STRANGER, REST]) await boot(machine);
  parts.clock.advance(2000);
  const ticking = setInterval(() => parts.clock.advance(200), 20);
  t.teardown(() => clearInterval(ticking));
  t.match(await one.ended, { status: 0, out: /pve1\.lab\.example: ready\n$/ });
  for (const name of ['pve1', 'found', 'rest01']) t.equal(await stateOf(name), 'ready', name);
  t.equal(await stateOf('pve2'), 'armed');
  everything.child.kill('SIGINT');
  await everything.ended;
  t.ok(
    everything.printed.out.includes('"armed"') || everything.printed.out.includes('"ready"'),
    'the whole site was followed',
  );
  t.match(await done('node show pve1'), /state +ready[\s\S]*ready: waiting for nothing/);

  // The inventory, as other programs want it.
  const inventory = parse(await done('export ansible')) as { readonly all: { readonly hosts: object } };
  t.equal(Object.keys(inventory.all.hosts).length, 14);
  t.equal((await done('export known-hosts')).match(/^found\.lab\.example[, ].*ssh-ed25519 /gm)?.length, 1);
  t.match(await done('export hosts --tag rack-b'), /found\.lab\.example/);

  // pve1 dies. The spare takes its place, and nothing of that happens by a slip. It is named before it is switched on: the rule would take it in.
  t.match(await ironwake('node install pve1'), { status: 1, err: /pve1\.lab\.example is installed.*Add --yes/ });
  t.match(await ironwake(`node replace pve1 --mac ${SPARE.mac}`), { status: 1 });
  const replaced = await ironwake(`node replace pve1 --mac ${SPARE.mac} --yes`);
  t.match(replaced, { status: 0, out: new RegExp(`is the machine with ${SPARE.mac} from now on`) }, replaced.err);
  t.match(await done('node install pve1 --yes'), 'armed pve1.lab.example');
  await boot(SPARE);
  t.equal(await stateOf('pve1'), 'ready');
  t.match(await done('node show pve1'), SPARE.mac);
  t.match(await done('audit --limit 60'), /node\.replaced/);
});
