/** The completion scripts, asked by the shells that they are for. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { typed } from '../support/command-line.ts';

async function scriptOf(t: Test, shell: string): Promise<string> {
  const { status, out, err } = await typed(['completion', shell]);
  t.strictSame({ status, err }, { status: 0, err: '' });
  return join(t.testdir({ script: out }), 'script');
}

const run = (t: Test, command: string, ...args: readonly string[]): readonly string[] => {
  const { status, stdout, stderr } = spawnSync(command, [...args], { encoding: 'utf8' });
  t.equal(stderr, '');
  t.equal(status, 0);
  return stdout.split('\n').filter((line) => line !== '');
};

/** Line as typed, words that must be offered, words that must not. */
const ASKED = [
  { typed: ['no'], offers: ['node'], never: ['media'] },
  { typed: ['node', 'im'], offers: ['import'], never: ['install'] },
  { typed: ['node', 'import', 'machines.csv', '--dr'], offers: ['--dry-run'], never: ['--watch'] },
  { typed: ['node', 'install', '--w'], offers: ['--watch'], never: ['--dry-run'] },
  { typed: ['token', 'ro'], offers: ['rotate'], never: ['rm'] },
];

t.test('bash', async (t) => {
  const script = await scriptOf(t, 'bash');
  for (const { typed, offers, never } of ASKED) {
    const words = ['ironwake', ...typed];
    const ask = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _ironwake; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const offered = run(t, 'bash', '--norc', '-c', ask, script, ...words);
    t.ok(
      offers.every((word) => offered.includes(word)),
      `${typed.join(' ')}: ${offered}`,
    );
    t.notOk(never.some((word) => offered.includes(word)));
  }
});

t.test('zsh', async (t) => {
  const script = await scriptOf(t, 'zsh');
  for (const { typed, offers, never } of ASKED) {
    // What would be described to the person who types, instead of the screen.
    const ask = `_describe() { print -l -- \${(P)2}; }; source "$0"; words=("$@"); CURRENT=$#; _ironwake`;
    const offered = run(t, 'zsh', '-f', '-c', ask, script, 'ironwake', ...typed).map((line) => line.split(':')[0]);
    t.ok(
      offers.every((word) => offered.includes(word)),
      `${typed.join(' ')}: ${offered}`,
    );
    const begun = typed.at(-1) ?? '';
    t.notOk(never.some((word) => word.startsWith(begun) && offered.includes(word)));
  }
});

t.test('fish', async (t) => {
  const script = await scriptOf(t, 'fish');
  for (const { typed, offers, never } of ASKED) {
    const ask = `source $argv[1]; complete -C"ironwake ${typed.join(' ')}"`;
    const offered = run(t, 'fish', '--no-config', '-c', ask, script).map((line) => line.split('\t')[0]);
    t.ok(
      offers.every((word) => offered.includes(word)),
      `${typed.join(' ')}: ${offered}`,
    );
    t.notOk(never.some((word) => offered.includes(word)));
  }
});
