import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const script = new URL('../../../src/postinstall/shell/remove-probe-key.sh', import.meta.url).pathname;
const others = `ssh-ed25519 AAAA ops@example\n${'# a long file is written in several pieces\n'.repeat(5000)}`;
const probe = 'restrict,command="/bin/true" ssh-ed25519 BBBB ironwake-probe-node1\n';
const marker = 'ironwake-probe-node1';
/** Whatever the script may call, so that none is forgotten when it is written anew. */
const TOOLS = ['cat', 'cp', 'grep', 'install', 'mktemp', 'mv', 'perl', 'realpath', 'rm', 'sed', 'sync', 'tail', 'tee'];

function run(t: { readonly testdirName: string }, file: string, path = process.env.PATH ?? '') {
  return spawnSync('bash', [script, file, marker], { env: { PATH: path, TMPDIR: t.testdirName }, encoding: 'utf8' });
}

t.test('the probe key goes, the keys of people, the rights and the link stay', async (t) => {
  const directory = t.testdir({ cluster: {}, ssh: {} });
  const file = join(directory, 'cluster', 'authorized_keys');
  const link = join(directory, 'ssh', 'authorized_keys');
  symlinkSync(file, link);
  writeFileSync(file, others + probe);
  chmodSync(file, 0o640);
  t.equal(run(t, link).status, 0);
  t.equal(readFileSync(file, 'utf8'), others);
  t.equal(statSync(file).mode & 0o777, 0o640);
  t.ok(lstatSync(link).isSymbolicLink());
  t.strictSame(readdirSync(join(directory, 'cluster')), ['authorized_keys'], 'nothing is left beside it');
  writeFileSync(file, probe);
  t.equal(run(t, link).status, 0);
  t.equal(readFileSync(file, 'utf8'), '', 'nothing else was in it');
  t.equal(run(t, join(directory, 'absent')).status, 0, 'no file, nothing to do');
});

t.test('whoever ends it at whatever moment never finds the file cut short', async (t) => {
  let ended = 0;
  for (const tool of TOOLS)
    for (const when of ['before', 'in the middle of']) {
      const directory = t.testdir({ bin: {}, ssh: {} });
      const file = join(directory, 'ssh', 'authorized_keys');
      writeFileSync(file, others + probe);
      const real = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
      // What was redirected is open by then; "in the middle" is after some of it was written.
      const body = when === 'before' ? '' : `${real} "$@" | head -c 100000\n`;
      mkdirSync(join(directory, 'bin'), { recursive: true });
      writeFileSync(join(directory, 'bin', tool), `#!/bin/sh\n${body}kill -KILL "$PPID"\nexit 1\n`, { mode: 0o755 });
      const { signal } = run(t, file, `${join(directory, 'bin')}:${process.env.PATH}`);
      if (signal !== 'SIGKILL') continue;
      ended++;
      const found = readFileSync(file, 'utf8');
      t.ok(found === others + probe || found === others, `killed ${when} ${tool}: ${found.length} bytes are left`);
      t.equal(run(t, file).status, 0);
      t.equal(readFileSync(file, 'utf8'), others, `the next one finishes what was killed ${when} ${tool}`);
    }
  t.ok(ended >= 6, `it was killed at ${ended} places`);
});

t.test('a shutdown asks it to end, and it finishes', async (t) => {
  const directory = t.testdir({ bin: {}, ssh: {} });
  const file = join(directory, 'ssh', 'authorized_keys');
  writeFileSync(file, others + probe);
  mkdirSync(join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'bin', 'grep'), '#!/bin/sh\nkill -TERM "$PPID"\nexec /bin/grep "$@"\n', {
    mode: 0o755,
  });
  t.equal(run(t, file, `${join(directory, 'bin')}:${process.env.PATH}`).status, 0);
  t.equal(readFileSync(file, 'utf8'), others);
});
