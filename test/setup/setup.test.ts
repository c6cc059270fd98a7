import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'tap';
import { NO_NETWORK, type NodeVersion, type NpmVersion, run, Workshop } from './checkout.ts';

const workshop = new Workshop();
after(() => workshop.remove());
await workshop.fetchTools();

const VERSION = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

/** `npm ARGS` or `npx ARGS` in a checkout, with a Node and an npm of these versions. */
function npm(
  checkout: string,
  [node, version]: readonly [NodeVersion, NpmVersion],
  args: readonly string[],
  more = {},
) {
  const [program, ...rest] = args[0] === 'npx' ? ['npx-cli.js', ...args.slice(1)] : ['npm-cli.js', ...args];
  const script = join(workshop.npmOf(version), program);
  return run(join(workshop.nodeOf(node), 'node'), [script, ...rest], { cwd: checkout, env: workshop.env(node, more) });
}

/** What npm says it has installed, and when. */
function installedAt(checkout: string): number {
  return statSync(join(checkout, 'node_modules/.package-lock.json')).mtimeMs;
}

const ROWS: ReadonlyArray<readonly [NodeVersion, NpmVersion]> = [
  [18, 9],
  [20, 9],
  [20, 11],
  [24, 11],
];

for (const row of ROWS) {
  const [node, version] = row;
  test(`Node ${node} with npm ${version}: dry run, set-up, npx, and again without a network`, async (t) => {
    const checkout = workshop.checkout();

    const dry = await npm(checkout, row, ['run', 'setup', '--', '--dry-run'], NO_NETWORK);
    t.equal(dry.status, 0, dry.stderr);
    for (const word of [
      'npm ci',
      /missing +node-linux-\w+ 24\./,
      /missing +fastify 5\./,
      /missing +tap 21\./,
      'ipxe',
      'shellcheck',
      'undionly.kpxe',
    ])
      t.match(dry.stdout, word, `lists ${word}`);
    t.notOk(existsSync(join(checkout, 'node_modules')), 'a dry run installs nothing');

    const first = await npm(checkout, row, ['run', 'setup', '--', 'serve']);
    t.equal(first.status, 0, first.stderr);
    t.match(first.stderr, /npm dependencies: installing/, 'shows progress');
    t.ok(existsSync(join(checkout, 'tftproot/undionly.kpxe')), 'boot loaders are staged');
    t.equal(readlinkSync(join(checkout, 'node_modules/.bin/ironwake')), '../../scripts/ironwake.js');
    const pinned = await run(join(checkout, 'node_modules/.bin/node'), ['--version'], { cwd: '/', env: {} });
    t.match(pinned.stdout, /^v24\./, 'the Node that the systemd unit and `npx node` start');

    const at = installedAt(checkout);
    const second = await npm(checkout, row, ['run', 'setup', '--', 'serve'], NO_NETWORK);
    t.equal(second.status, 0, second.stderr);
    t.notMatch(second.stderr, /set-up:/, 'nothing to do, nothing said');
    t.equal(installedAt(checkout), at, 'nothing was installed again');

    const npx = await npm(checkout, row, ['npx', 'ironwake', '--version'], NO_NETWORK);
    t.equal(npx.status, 0, npx.stderr);
    t.equal(npx.stdout.trim(), VERSION, "npx finds this checkout's command, on the pinned Node");
  });
}

test('the command sets up what it lacks, and passes arguments, signals and status on', async (t) => {
  const checkout = workshop.checkout();
  // Stands for the command line: says what it got, and ends in its own way when it is told to.
  writeFileSync(
    join(checkout, 'src/cli/main.ts'),
    `const version: string = process.version;
     process.on('SIGTERM', () => process.exit(7));
     console.log(JSON.stringify({ version, argv: process.argv.slice(2), execArgv: process.execArgv }));
     if (process.argv[2] === 'status') process.exit(Number(process.argv[3]));
     if (process.argv[2] === 'wait') setInterval(() => undefined, 1000);
    `,
  );
  const command = join(checkout, 'scripts/ironwake.js');
  for (const node of [18, 24] as const) {
    const program = join(workshop.nodeOf(node), 'node');
    const options = { cwd: '/', env: workshop.env(node) };

    const said = await run(program, [command, 'show', 'a b'], options);
    t.equal(said.status, 0, said.stderr);
    const { version, argv, execArgv } = JSON.parse(said.stdout);
    t.match(version, /^v24\./, `Node ${node} hands over to the pinned Node`);
    t.strictSame(argv, ['show', 'a b']);
    t.ok(execArgv.includes('--max-semi-space-size=2'));

    t.equal((await run(program, [command, 'status', '3'], options)).status, 3, `Node ${node}: exit status`);
    const stopped = await run(program, [command, 'wait'], {
      ...options,
      started: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')),
    });
    t.equal(stopped.status, 7, `Node ${node}: SIGTERM reaches the program, its status comes back`);
  }
});

test('two at once do not harm each other, and one that was killed can be repeated', async (t) => {
  const checkout = workshop.checkout();
  const setup = join(checkout, 'scripts/setup.js');
  const program = join(workshop.nodeOf(20), 'node');
  const options = { cwd: checkout, env: workshop.env(20) };

  const killed = await run(program, [setup, 'serve'], {
    ...options,
    started: (child) =>
      child.stderr?.on('data', (chunk: Buffer) => {
        // Its whole process group: npm dies in the middle of its work, too.
        if (chunk.includes('installing')) setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 1000);
      }),
  });
  t.equal(killed.status, null, 'was killed');

  const both = await Promise.all([run(program, [setup, 'serve'], options), run(program, [setup, 'serve'], options)]);
  for (const each of both) t.equal(each.status, 0, each.stderr);
  const lines = both.map((each) => each.stderr).join('');
  t.equal(lines.match(/installing with npm ci/g)?.length, 1, 'one of them installed');
  t.match(lines, /another set-up of .* is running, waiting for it/, 'the other one waited');

  const third = await run(program, [setup, 'serve'], { ...options, env: workshop.env(20, NO_NETWORK) });
  t.equal(third.status, 0, third.stderr);
  t.equal(third.stderr, '', 'and all is there');
});
