/**
 * npm run mutation [-- --force]: runs Stryker over the files of stryker.config.mjs and writes docs/mutation.md from what it found. Results that still hold
 * are taken from the run before (`--force` asks for all anew). `--report` writes the page from the last run alone. Exit status 1 when less is
 * noticed than the goal, or when a survivor has no reason in scripts/mutation-survivors.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonOf } from './mutation-survivors.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULT = join(ROOT, '.cache/mutation.json');
const PAGE = join(ROOT, 'docs/mutation.md');
const GOAL_PERCENT = 85;

interface Place {
  readonly line: number;
  readonly column: number;
}

interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

/** The part of the mutation testing report schema (version 1) that the page needs. */
interface Result {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

/** Noticed: a test failed, or never came to its end. Mutants that cannot even be loaded count for nothing. */
const NOTICED = new Set(['Killed', 'Timeout']);
const SURVIVED = new Set(['Survived', 'NoCoverage']);

interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly was: string;
  readonly became: string;
  readonly reason: string | undefined;
}

function sourceAt(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  return lines
    .map((line, i) => line.slice(i === 0 ? start.column - 1 : 0, i === last ? end.column - 1 : undefined))
    .join(' ');
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
}

function survivorsOf(result: Result): Survivor[] {
  return Object.entries(result.files).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => SURVIVED.has(status))
      .sort((a, b) => a.location.start.line - b.location.start.line)
      .map((mutant) => {
        const was = sourceAt(source, mutant.location);
        const became = mutant.replacement ?? '';
        const line = mutant.location.start.line;
        const context = source.split('\n')[line - 1] ?? '';
        const reason = reasonOf({ file, mutator: mutant.mutatorName, was, became, context });
        return { file, line, was: short(was), became: short(became), reason };
      }),
  );
}

const percent = (noticed: number, all: number): string => ((100 * noticed) / Math.max(1, all)).toFixed(1);
const code = (text: string): string => `\`\` ${text.replaceAll('|', '\\|').replaceAll('``', "''")} \`\``;

function page(result: Result, survivors: readonly Survivor[]): string {
  const files = Object.entries(result.files).map(([file, { mutants }]) => {
    const noticed = mutants.filter(({ status }) => NOTICED.has(status)).length;
    const survived = mutants.filter(({ status }) => SURVIVED.has(status)).length;
    return { file, noticed, survived, all: noticed + survived, untried: mutants.length - noticed - survived };
  });
  const sum = (key: 'noticed' | 'survived' | 'all' | 'untried'): number =>
    files.reduce((total, each) => total + each[key], 0);
  const row = (file: string, all: number, noticed: number, survived: number, untried: number): string =>
    `| ${file} | ${all} | ${noticed} | ${survived} | ${all === 0 ? '' : `${percent(noticed, all)} %`} | ${untried} |`;
  const reasons = [...new Set(survivors.map(({ reason }) => reason ?? 'NO REASON YET'))];
  const lists = reasons.map((reason) => {
    const rows = survivors
      .filter((each) => (each.reason ?? 'NO REASON YET') === reason)
      .map(({ file, line, was, became }) => `| ${file.split('/').at(-1)}:${line} | ${code(was)} | ${code(became)} |`);
    return `### ${reason} (${rows.length})\n\n| where | was | became |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Mutation tests

<!-- Made by scripts/mutation.ts from the last run; the reasons stand in scripts/mutation-survivors.ts. -->

    npm run mutation

changes the code in one place at a time (a condition, a text, a bound) and looks whether a test fails. What nobody notices could be wrong without anybody
noticing. It is done for what decides whether an answer is right: the validator, the key table and the merge of profiles; not part of \`.ci/run\`. Results that
still hold are kept in \`.cache/\`, so that a second run is short; \`-- --force\` asks for all anew. The goal is more than ${GOAL_PERCENT} % noticed.

| file | tried | noticed | survived | score | could not run |
| --- | --- | --- | --- | --- | --- |
${files.map(({ file, all, noticed, survived, untried }) => row(`\`${file}\``, all, noticed, survived, untried)).join('\n')}
${row('**all**', sum('all'), sum('noticed'), sum('survived'), sum('untried'))}

## Survivors

Every one, by the reason why no test notices it. Lines are those of the run.

${lists.join('\n')}`;
}

function main(args: readonly string[]): number {
  process.chdir(ROOT);
  if (!args.includes('--report')) {
    mkdirSync('.cache', { recursive: true });
    const run = spawnSync('nice', [process.execPath, 'node_modules/.bin/stryker', 'run', '--incremental', ...args], {
      stdio: 'inherit',
    });
    if (run.status !== 0) return run.status ?? 1;
  }
  const result = JSON.parse(readFileSync(RESULT, 'utf8')) as Result;
  const survivors = survivorsOf(result);
  writeFileSync(PAGE, page(result, survivors));
  const mutants = Object.values(result.files).flatMap((file) => file.mutants);
  const noticed = mutants.filter(({ status }) => NOTICED.has(status)).length;
  const score = (100 * noticed) / (noticed + survivors.length);
  const unexplained = survivors.filter(({ reason }) => reason === undefined);
  process.stdout.write(
    `${score.toFixed(1)} % of ${noticed + survivors.length} noticed; ${survivors.length} survivors, `,
  );
  process.stdout.write(`${unexplained.length} without a reason: docs/mutation.md\n`);
  return score > GOAL_PERCENT && unexplained.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
