/**
 * Checking answers: a thousand files as one command, and one answer in the daemon (checked, made, and rendered from a profile with templates). The clock
 * also counts what other programs on the machine do; processor time does not.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { stringify } from 'smol-toml';
import type { Measurement } from '../../scripts/bench.ts';
import { buildAnswer } from '../../src/answers/build.ts';
import { answerDialect } from '../../src/answers/dialect.ts';
import { reviewAnswer } from '../../src/answers/review.ts';
import { ManualClock } from '../../src/clock.ts';
import { profileForNode, renderForCheck } from '../../src/profiles/node-profile.ts';
import { ProfileRegistry } from '../../src/profiles/registry.ts';
import { request, SMALLEST, STATIC, withValue } from '../support/answers.ts';

const FILES = 1000;
const ROUNDS = 5;
const LOOPS = 5000;

export async function run(): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-bench-'));
  try {
    const names = Array.from({ length: FILES }, (_, i) => {
      const name = `answer-${i}.toml`;
      const answer = withValue({ ...SMALLEST, network: STATIC }, ['global', 'fqdn'], `pve${i}.lab.example`);
      writeFileSync(join(directory, name), stringify(answer));
      return name;
    });
    const launcher = fileURLToPath(new URL('../../scripts/ironwake.js', import.meta.url));
    const command = ['node', launcher, 'answer', 'validate', ...names];
    const runs = Array.from({ length: ROUNDS }, () => wholeCommand(command, directory));
    const text = stringify({ ...SMALLEST, network: STATIC });
    const dialect = answerDialect('9.2');
    const rendered = await templates();
    return {
      title: 'Answers',
      rows: [
        {
          what: `validate ${FILES} files, the whole command`,
          ...columns(
            runs.map(({ clock }) => clock),
            [],
            runs.reduce((sum, { processor }) => sum + processor, 0) / ROUNDS,
            's',
          ),
          goal: '3 s',
        },
        {
          what: 'read and check one file',
          ...timed(() => reviewAnswer(text, { dialect, product: 'pve' })),
          goal: '1 ms',
        },
        { what: 'make and check one answer', ...timed(() => buildAnswer(request())), goal: '2 ms' },
        { what: 'the same from a profile with tags, templates and a pool', ...timed(rendered), goal: '2 ms' },
      ],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The shipped profile that has most of everything, for one of its nodes. */
async function templates(): Promise<() => unknown> {
  const directory = fileURLToPath(new URL('../../answers', import.meta.url));
  const registry = await ProfileRegistry.open({ directory, clock: new ManualClock() });
  const profile = registry.require('cluster-node');
  const { node, ...rest } = request();
  const subject = { ...node, site: 'default', tags: ['test-channel'], values: { values: { rack: 'a' } } };
  registry.close();
  return () => {
    const own = profileForNode(profile, (name) => registry.tag(name), subject);
    return buildAnswer({ ...rest, node, answer: renderForCheck(own, subject).answer });
  };
}

/** Seconds by the clock, and of processor time of the command and all it starts, as bash's `times` counts it. */
function wholeCommand(command: readonly string[], cwd: string): { readonly clock: number; readonly processor: number } {
  const startedAt = performance.now();
  const done = spawnSync('bash', ['-c', '"$@" > /dev/null || exit; times', 'bash', ...command], {
    cwd,
    encoding: 'utf8',
  });
  const clock = (performance.now() - startedAt) / 1000;
  if (done.status !== 0) throw new Error(`validate ended with ${done.status}: ${done.stderr.slice(0, 500)}`);
  const children = done.stdout.trim().split('\n').at(-1) ?? '';
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  return { clock, processor: parts.reduce((sum, part) => sum + part, 0) };
}

type Columns = Readonly<Record<'median' | 'p99' | 'p99, undisturbed' | 'processor, mean', string>>;

/** @param undisturbed those of the times in which no other program got the processor */
function columns(
  clock: readonly number[],
  undisturbed: readonly number[],
  processor: number,
  unit: 's' | 'ms',
): Columns {
  const text = (value: number): string => (Number.isNaN(value) ? '' : `${value.toFixed(unit === 's' ? 2 : 3)} ${unit}`);
  return {
    median: text(quantile(clock, 0.5)),
    p99: text(quantile(clock, 0.99)),
    'p99, undisturbed': text(quantile(undisturbed, 0.99)),
    'processor, mean': text(processor),
  };
}

/** Processor time is counted over all calls: some kernels count it by their tick, which is longer than a call. */
function timed(work: () => unknown): Columns {
  for (let i = 0; i < LOOPS / 10; i++) work();
  const switches = (): number => process.resourceUsage().involuntaryContextSwitches;
  const before = process.threadCpuUsage();
  const calls = Array.from({ length: LOOPS }, () => {
    const switched = switches();
    const startedAt = performance.now();
    work();
    const ms = performance.now() - startedAt;
    return { ms, undisturbed: switches() === switched };
  });
  const { user, system } = process.threadCpuUsage(before);
  const undisturbed = calls.filter((call) => call.undisturbed).map(({ ms }) => ms);
  const clock = calls.map(({ ms }) => ms);
  return columns(clock, undisturbed, (user + system) / 1000 / LOOPS, 'ms');
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil((values.length - 1) * share)] ?? Number.NaN;
}
