/**
 * npm run mutation [-- FILE...] [--force | --survivors]: runs Stryker over the files of stryker.config.mjs, one after another, and writes
 * docs/mutation.md from what it found. That is kept by file in .cache/mutation, so that nothing is lost when a run is stopped. Without names, files that have not
 * changed since, nor the tests that are asked, are not run again; `--force` asks for all anew, `--survivors` (after tests were added) only for what
 * survived. `--report` writes the page alone. `--check` says whether the committed page is complete, and names the files that have changed since they were
 * measured; that is not an error.
 *
 * Exit status 1 when less is noticed than the goal, when a survivor has no reason in scripts/mutation-survivors.ts, or when the page is not complete.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import stryker from '../stryker.config.mjs';
import {
  type FileResult,
  mutationPage,
  pageState,
  percentOf,
  type Results,
  renewed,
  scoresOf,
  survivingPlaces,
  survivorsOf,
  totalOf,
} from './mutation-page.ts';

const PAGE = 'docs/mutation.md';
const KEPT = '.cache/mutation';
const FILES: readonly string[] = stryker.mutate;
const TESTS: readonly string[] = stryker.tap.testFiles;

/** What was found in one file, and of which state of it and of the tests. */
interface Kept {
  readonly digest: string;
  readonly result: FileResult;
}

const keptAs = (file: string): string => `${KEPT}/${file.replaceAll('/', '-')}.json`;

function kept(file: string): Kept | undefined {
  return existsSync(keptAs(file)) ? (JSON.parse(readFileSync(keptAs(file), 'utf8')) as Kept) : undefined;
}

/** Other files that the mutated one uses are not in it: after a large change ask with --force. */
function digestOf(file: string): string {
  const digest = createHash('sha256');
  for (const each of [file, ...TESTS]) digest.update(each).update(readFileSync(each));
  return digest.digest('hex');
}

/** @param before try only what survived then, and take the rest from it @returns whether Stryker came to its end */
function run(file: string, before?: FileResult): boolean {
  mkdirSync(KEPT, { recursive: true });
  const digest = digestOf(file);
  const what = before === undefined ? [file] : survivingPlaces(before).map((place) => `${file}:${place}`);
  if (before !== undefined && what.length === 0) return keep(file, { digest, result: before });
  // The runner of the tests starts `node` by its name, and often: let it be this one, and let it not read every file anew.
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const compiled = resolve('.cache/mutation/compiled');
  const program = ['node_modules/.bin/stryker', 'run', '--mutate', what.join(',')];
  const { status } = spawnSync('nice', ['-n', '10', process.execPath, ...program], {
    stdio: 'inherit',
    env: { ...process.env, PATH: path, NODE_COMPILE_CACHE: compiled, MUTATED_FILE: file },
  });
  if (status !== 0) return false;
  const report = JSON.parse(readFileSync(stryker.jsonReporter.fileName, 'utf8')) as { readonly files: Results };
  const found = report.files[file];
  if (found === undefined) return false;
  rmSync(compiled, { recursive: true, force: true });
  return keep(file, { digest, result: before === undefined ? found : renewed(before, found) });
}

function keep(file: string, what: Kept): true {
  writeFileSync(`${keptAs(file)}.new`, JSON.stringify(what));
  renameSync(`${keptAs(file)}.new`, keptAs(file));
  return true;
}

function report(): number {
  const missing = FILES.filter((file) => kept(file) === undefined);
  if (missing.length > 0) {
    process.stdout.write(`${PAGE} is not written: no result yet of ${missing.join(', ')}\n`);
    return 1;
  }
  const results: Results = Object.fromEntries(FILES.map((file) => [file, (kept(file) as Kept).result]));
  writeFileSync(PAGE, mutationPage(results));
  const total = totalOf(scoresOf(results));
  const unexplained = survivorsOf(results).filter(({ reason }) => reason === undefined);
  for (const { file, line, mutator, was, became } of unexplained) {
    process.stdout.write(`${file}:${line} ${mutator}\n  - ${was}\n  + ${became}\n`);
  }
  process.stdout.write(`${percentOf(total).toFixed(1)} % of ${total.tried} noticed; ${total.survived} survivors, `);
  process.stdout.write(`${unexplained.length} without a reason: ${PAGE}\n`);
  return check();
}

function check(): number {
  const sources = new Map(FILES.map((file) => [file, readFileSync(file, 'utf8')]));
  const { problems, stale } = pageState(readFileSync(PAGE, 'utf8'), sources);
  for (const problem of problems) process.stdout.write(`${PAGE}: ${problem}\n`);
  if (stale.length > 0)
    process.stdout.write(`${PAGE} is about an older state of ${stale.join(', ')} (npm run mutation)\n`);
  return problems.length === 0 ? 0 : 1;
}

function main(args: readonly string[]): number {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  if (args.includes('--check')) return check();
  if (args.includes('--report')) return report();
  const named = args.filter((arg) => !arg.startsWith('-'));
  const unknown = named.filter((file) => !FILES.includes(file));
  if (unknown.length > 0) {
    process.stderr.write(`mutation: not in stryker.config.mjs: ${unknown.join(', ')}\n`);
    return 2;
  }
  const anew = named.length > 0 || args.includes('--force');
  const files = named.length > 0 ? named : FILES;
  const survivorsOnly = args.includes('--survivors');
  for (const file of files.filter((each) => anew || kept(each)?.digest !== digestOf(each))) {
    const before = survivorsOnly ? kept(file)?.result : undefined;
    if (!run(file, before?.source === readFileSync(file, 'utf8') ? before : undefined)) {
      process.stderr.write(`mutation: ${file}: Stryker did not come to its end; what was found before is kept\n`);
      return 1;
    }
  }
  return report();
}

process.exitCode = main(process.argv.slice(2));
