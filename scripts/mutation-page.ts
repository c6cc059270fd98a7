/** docs/mutation.md: what the mutation runs found, file by file, and every mutant that no test noticed with the reason why. */
import { createHash } from 'node:crypto';
import ts from 'typescript';
import { reasonOf } from './mutation-survivors.ts';

export const GOAL_PERCENT = 85;
/** Below this a single file needs a sentence of its own (FILE_NOTES), whatever the others do. */
export const FILE_GOAL_PERCENT = 75;
/** Why the score of a file may be below FILE_GOAL_PERCENT. */
export const FILE_NOTES: Readonly<Record<string, string>> = {};

interface Place {
  readonly line: number;
  readonly column: number;
}

interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly statusReason?: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

export interface FileResult {
  readonly source: string;
  readonly mutants: readonly Mutant[];
}

/** The part of the mutation testing report schema (version 1) that the page needs: results by file. */
export type Results = Readonly<Record<string, FileResult>>;

/** Noticed: a test failed, or never came to its end. */
const NOTICED = new Set(['Killed', 'Timeout']);
const SURVIVED = new Set(['Survived', 'NoCoverage']);
/** The changed program does not even start, so no test can be asked. */
const BROKEN = new Set(['RuntimeError', 'CompileError']);

export interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly mutator: string;
  readonly was: string;
  readonly became: string;
  readonly reason: string | undefined;
}

/** What a file does, without comments and layout: the same digest means that results of a mutation run still fit. 12 hex digits of SHA-256. */
export function codeDigest(source: string): string {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { removeComments: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  });
  return createHash('sha256').update(outputText.replaceAll(/\s+/g, ' ')).digest('hex').slice(0, 12);
}

function sourceAt(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  return lines
    .map((line, i) => line.slice(i === 0 ? start.column - 1 : 0, i === last ? end.column - 1 : undefined))
    .join(' ');
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

function short(text: string): string {
  const line = oneLine(text);
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
}

/** Every mutant that no test noticed, by file and line. */
export function survivorsOf(results: Results): Survivor[] {
  return Object.entries(results).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => SURVIVED.has(status))
      .sort((a, b) => a.location.start.line - b.location.start.line)
      .map((mutant) => {
        const was = oneLine(sourceAt(source, mutant.location));
        const became = oneLine(mutant.replacement ?? '');
        const line = mutant.location.start.line;
        const context = (source.split('\n')[line - 1] ?? '').trim();
        const mutator = mutant.mutatorName;
        const reason = reasonOf({ file, mutator, was, became, context });
        return { file, line, mutator, was, became, reason };
      }),
  );
}

/** Where mutants survived or were never tried, as Stryker takes it behind a file's name: `12:3-12:20`. */
export function survivingPlaces({ mutants }: FileResult): string[] {
  const places = mutants
    .filter(({ status }) => !NOTICED.has(status))
    .map(({ location: { start, end } }) => `${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`);
  return [...new Set(places)];
}

/** Results of the same source with those that were tried again in place of the older ones. */
export function renewed(before: FileResult, again: FileResult): FileResult {
  const name = ({ mutatorName, replacement, location }: Mutant): string =>
    JSON.stringify([mutatorName, replacement, location]);
  const later = new Map(again.mutants.map((mutant) => [name(mutant), mutant]));
  return { source: before.source, mutants: before.mutants.map((mutant) => later.get(name(mutant)) ?? mutant) };
}

export interface Score {
  readonly file: string;
  readonly noticed: number;
  readonly survived: number;
  /** noticed + survived */
  readonly tried: number;
  /** Does not start. */
  readonly broken: number;
  /** The run was stopped before. */
  readonly untried: number;
}

export function scoresOf(results: Results): Score[] {
  return Object.entries(results).map(([file, { mutants }]) => {
    const noticed = mutants.filter(({ status }) => NOTICED.has(status)).length;
    const survived = mutants.filter(({ status }) => SURVIVED.has(status)).length;
    const broken = mutants.filter(({ status }) => BROKEN.has(status)).length;
    const tried = noticed + survived;
    return { file, noticed, survived, tried, broken, untried: mutants.length - tried - broken };
  });
}

export function totalOf(scores: readonly Score[]): Score {
  const sum = (key: Exclude<keyof Score, 'file'>): number => scores.reduce((total, each) => total + each[key], 0);
  return {
    file: '',
    noticed: sum('noticed'),
    survived: sum('survived'),
    tried: sum('tried'),
    broken: sum('broken'),
    untried: sum('untried'),
  };
}

/** In percent, from 0 to 100. */
export const percentOf = ({ noticed, tried }: Pick<Score, 'noticed' | 'tried'>): number =>
  (100 * noticed) / Math.max(1, tried);

const code = (text: string): string => `\`\` ${text.replaceAll('|', '\\|').replaceAll('``', "''")} \`\``;
const NO_REASON = 'NO REASON YET';

export function mutationPage(results: Results): string {
  const scores = scoresOf(results);
  const survivors = survivorsOf(results);
  const row = (file: string, { tried, noticed, survived, broken, untried }: Score, digest: string): string =>
    `| ${[file, tried, noticed, survived, `${percentOf({ noticed, tried }).toFixed(1)} %`, broken, untried, digest].join(' | ')} |`;
  const rows = scores.map((each) =>
    row(`\`${each.file}\``, each, `\`${codeDigest(results[each.file]?.source ?? '')}\``),
  );
  const notes = scores.flatMap(({ file }) =>
    FILE_NOTES[file] === undefined ? [] : [`- \`${file}\`: ${FILE_NOTES[file]}`],
  );
  const reasons = [...new Set(survivors.map(({ reason }) => reason ?? NO_REASON))];
  const lists = reasons.map((reason) => {
    const lines = survivors
      .filter((each) => (each.reason ?? NO_REASON) === reason)
      .map(
        ({ file, line, was, became }) =>
          `| ${file.split('/').at(-1)}:${line} | ${code(short(was))} | ${code(short(became))} |`,
      );
    return `### ${reason} (${lines.length})\n\n| where | was | became |\n| --- | --- | --- |\n${lines.join('\n')}\n`;
  });
  return `# Mutation tests

<!-- Made by scripts/mutation.ts from complete runs of every file; the reasons stand in scripts/mutation-survivors.ts. -->

    npm run mutation                              # every file, one after another; what still holds is taken from the run before
    npm run mutation -- src/profiles/merge.ts     # only this file anew
    npm run mutation -- --survivors               # after tests were added: only what survived before
    npm run mutation -- --force                   # all anew
    npm run mutation -- --report                  # the page alone, from what was found last

changes the code in one place at a time (a condition, a text, a bound) and looks whether a test fails. What nobody notices could be wrong without anybody
noticing. It is done for what decides whether an answer is right: the validator with its rules and formats, the key table and the merge of profiles; it is not part
of \`.ci/run\`, and takes half an hour on two cores. Results are kept by file in \`.cache/mutation\`, so that an interrupted run goes on where it was. The goal is
more than ${GOAL_PERCENT} % noticed, and more than ${FILE_GOAL_PERCENT} % in every single file.

| file | tried | noticed | survived | score | does not start | not tried | code |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
${row('**all**', totalOf(scores), '')}

*Noticed*: a test failed, or did not come to its end in time. *Does not start*: the change breaks the program before a test can be asked; counted nowhere. *Code*: digest of the file without comments and layout; \`npm run check\` names the files whose
code is another one since, for which the figures are those of an older state.
${notes.length === 0 ? '' : `\n${notes.join('\n')}\n`}
## Survivors

Every one, by the reason why no test notices it. Lines are those of the run.

${lists.join('\n')}`;
}

export interface PageState {
  /** What makes the page wrong, whatever the code looks like: a file without a row, a score below the goal, a survivor without a reason. */
  readonly problems: readonly string[];
  /** Files whose code has changed since they were measured. */
  readonly stale: readonly string[];
}

/**
 * Whether the committed page tells what it promises, and which of its rows are about older code.
 * @param files those that are to be mutated, with their source as it is now
 */
export function pageState(page: string, files: ReadonlyMap<string, string>): PageState {
  const problems: string[] = [];
  const stale: string[] = [];
  const rows = new Map(
    [
      ...page.matchAll(/^\| `?([^|`]+?)`? \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) % \| \d+ \| (\d+) \| `?(\w*)`? \|$/gm),
    ].map(([, file = '', tried, noticed, survived, percent, untried, digest = '']) => [
      file,
      {
        tried: Number(tried),
        noticed: Number(noticed),
        survived: Number(survived),
        percent: Number(percent),
        untried: Number(untried),
        digest,
      },
    ]),
  );
  for (const [file, source] of files) {
    const row = rows.get(file);
    if (row === undefined) problems.push(`${file} has no row`);
    else {
      if (row.tried === 0) problems.push(`${file}: nothing was tried`);
      if (row.untried > 0) problems.push(`${file}: ${row.untried} were not tried`);
      if (row.percent < FILE_GOAL_PERCENT && FILE_NOTES[file] === undefined) problems.push(`${file}: ${row.percent} %`);
      if (row.digest !== codeDigest(source)) stale.push(file);
    }
  }
  for (const file of rows.keys())
    if (file !== '**all**' && !files.has(file)) problems.push(`${file} is not mutated any more`);
  const all = rows.get('**all**');
  if (all === undefined || all.percent <= GOAL_PERCENT)
    problems.push(`all: ${all?.percent ?? 0} %, the goal is ${GOAL_PERCENT} %`);
  const listed = [...page.matchAll(/^\| [\w.-]+:\d+ \| /gm)].length;
  if (all !== undefined && all.survived !== listed)
    problems.push(`${all.survived} survivors, and ${listed} are listed`);
  if (page.includes(`### ${NO_REASON}`)) problems.push('a survivor has no reason');
  return { problems, stale };
}
