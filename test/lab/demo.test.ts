/** `npm run demo`, and whoever has seen enough of it: nothing of it stays, whatever ended it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';

t.setTimeout(600_000);
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

for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const)
  t.test(`ended by ${signal} in the middle`, async (t) => {
    const { child, said } = demo();
    const ended = exitOf(child);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!said().includes('Power on') && !over) await new Promise((resolve) => setTimeout(resolve, 100));
    const pid = child.pid ?? 0;
    // A lab has the name of its process, which is one of the group.
    const group = spawnSync('pgrep', ['-g', String(pid)], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n');
    const name = group.map((each) => `iwl-${each}-`).find((each) => of(each).length > 0) ?? 'no lab';
    t.not(of(name).length, 0, `it has namespaces and files\n${said()}`);
    const guests = () => spawnSync('pgrep', ['-f', `qemu-system.*/${name}`], { encoding: 'utf8' }).stdout;
    while (guests() === '' && !over) await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(-pid, signal);
    await ended;
    for (let tries = 0; tries < 100 && (of(name).length > 0 || guests() !== ''); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    t.strictSame(of(name), [], 'no namespace, no file');
    t.equal(guests(), '', 'no virtual machine');
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
