/** `npm run demo`, and whoever has seen enough of it: nothing of it stays, whatever ended it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

t.setTimeout(1_500_000);
const cwd = fileURLToPath(new URL('../..', import.meta.url));

/** The demo in a session of its own, as a terminal would have it: a signal reaches all of its processes. */
function demo(...args: readonly string[]): { readonly child: ChildProcess; said(): string } {
  const child = spawn('npm', ['run', 'demo', '--', ...args], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  return { child, said: () => output };
}

const exitOf = (child: ChildProcess) =>
  new Promise<number | string | null>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));

const of = (name: string) => {
  const namespaces = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n');
  return [...namespaces, ...readdirSync(tmpdir())].filter((each) => each.startsWith(name));
};

/** What of the demo is there: its lab's name, from the processes of its group. */
function labOf(child: ChildProcess): string {
  const group = spawnSync('pgrep', ['-g', String(child.pid)], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n');
  return group.map((each) => `iwl-${each}-`).find((each) => of(each).length > 0) ?? 'no lab';
}

const guestsOf = (name: string) => spawnSync('pgrep', ['-f', `qemu-system.*/${name}`], { encoding: 'utf8' }).stdout;

async function nothingStays(t: Test, name: string): Promise<void> {
  for (let tries = 0; tries < 100 && (of(name).length > 0 || guestsOf(name) !== ''); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
  t.strictSame(of(name), [], 'no namespace, no file');
  t.equal(guestsOf(name), '', 'no virtual machine');
}

t.test('to its end: a node that is ready, the commands to look around, and Ctrl-C', async (t) => {
  const { child, said } = demo('--keep');
  const ended = exitOf(child);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const last = "the daemon's log";
  while (!said().includes(last) && !over) await new Promise((resolve) => setTimeout(resolve, 200));
  t.comment(said());
  for (const typed of [
    /^\$ npx ironwake media add /m,
    /^\$ npx ironwake node install /m,
    /^\$ npx ironwake node watch /m,
  ])
    t.match(said(), typed, 'it types what an administrator would');
  t.match(said(), /\bready\b/, 'the timeline came to its end');
  const name = labOf(child);
  const printed = (what: string): string =>
    (new RegExp(`^  ${what} +(.+)$`, 'm').exec(said())?.[1] ?? 'false')
      .replace(/^sudo /, '')
      .replace(/^less \+F /, 'cat ');
  for (const [what, more, shows] of [
    ['on the node', ' hostname -f', /^pve1\.lab\.test$/m],
    ['its console', '', /pve1 login:/],
    ['the timeline', '', /\bready\b/],
    ["the daemon's log", '', /\bready\b/],
  ] as const) {
    const done = spawnSync('sh', ['-c', `${printed(what)}${more}`], { cwd, encoding: 'utf8', timeout: 120_000 });
    t.match(done.stdout, shows, `what it says to type for ${what} works`, { stderr: done.stderr });
  }
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await ended;
  await nothingStays(t, name);
});

for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const)
  t.test(`ended by ${signal} in the middle`, async (t) => {
    const { child, said } = demo();
    const ended = exitOf(child);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!said().includes('Power on') && !over) await new Promise((resolve) => setTimeout(resolve, 100));
    const name = labOf(child);
    t.not(of(name).length, 0, `it has namespaces and files\n${said()}`);
    while (guestsOf(name) === '' && !over) await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(-(child.pid ?? 0), signal);
    await ended;
    await nothingStays(t, name);
  });

t.test('words that it does not know', async (t) => {
  for (const args of [
    ['--firmware', 'coreboot'],
    ['--release', '7.4'],
  ]) {
    const { child, said } = demo(...args);
    t.equal(await exitOf(child), 2);
    t.match(said(), 'usage: npm run demo');
  }
});
