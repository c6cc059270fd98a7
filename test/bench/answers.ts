/** Checking answers: a thousand files as one command, and one answer in the daemon (checked, and made from a profile). */
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
    const seconds = Array.from({ length: ROUNDS }, () => {
      const startedAt = performance.now();
      const done = spawnSync('node', [launcher, 'answer', 'validate', ...names], { cwd: directory, encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`validate ended with ${done.status}: ${done.stderr.slice(0, 500)}`);
      return (performance.now() - startedAt) / 1000;
    });
    const text = stringify({ ...SMALLEST, network: STATIC });
    const dialect = answerDialect('9.2');
    return {
      title: 'Answers',
      rows: [
        {
          what: `validate ${FILES} files, the whole command`,
          median: `${quantile(seconds, 0.5).toFixed(2)} s`,
          p99: `${Math.max(...seconds).toFixed(2)} s`,
          limit: '3 s',
        },
        {
          what: 'read and check one file',
          ...timed(() => reviewAnswer(text, { dialect, product: 'pve' })),
          limit: '1 ms',
        },
        { what: 'make one answer from a profile', ...timed(() => buildAnswer(request())), limit: '2 ms' },
      ],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function timed(work: () => unknown): { readonly median: string; readonly p99: string } {
  for (let i = 0; i < LOOPS / 10; i++) work();
  const times = Array.from({ length: LOOPS }, () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  });
  return { median: `${quantile(times, 0.5).toFixed(3)} ms`, p99: `${quantile(times, 0.99).toFixed(3)} ms` };
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;
}
