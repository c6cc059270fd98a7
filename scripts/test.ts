/**
 * Runs the layers of tests in order and ends with one line: `N passed, N failed`. A layer that cannot run, or in which
 * nothing ran, is a failure: nothing is skipped silently. Started by test.js, which has set up what the layers need.
 */
import { accessSync, closeSync, constants, existsSync, globSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { constants as constantsOfTheSystem } from 'node:os';
import { giveBack } from './setup/owner.js';
import { LAYERS, type Layer, obstacleOf } from './test/layers.ts';
import { runShared } from './test/shared.ts';
import { TapCounter } from './test/tap-counter.ts';
import { runThroughTap } from './test/through-tap.ts';

const USAGE = `usage: npm test [-- ${LAYERS.map((layer) => layer.name).join('|')}|FILE ...]`;

/** Somebody wants no more of it: what runs is ended, and nothing else is begun. */
const STOPS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

interface Work {
  readonly layer: Layer;
  readonly files: readonly string[];
}

/** What the words of the command line mean: layers in their own order, and single files under the layer that they belong to. */
function plan(words: readonly string[]): readonly Work[] | string {
  for (const word of words) {
    const known = LAYERS.some((layer) => layer.name === word || word.startsWith(`test/${layer.name}/`));
    if (!known) return `'${word}' is neither a layer nor a file of one\n${USAGE}`;
  }
  return LAYERS.flatMap((layer): Work[] => {
    const all = globSync(`test/${layer.name}/**/*.test.ts`).sort();
    if (words.length === 0 || words.includes(layer.name)) return [{ layer, files: all }];
    const some = words.filter((word) => word.startsWith(`test/${layer.name}/`));
    return some.length === 0 ? [] : [{ layer, files: some }];
  });
}

/** Tests read no setting of whoever runs them. */
function testEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('IRONWAKE_')));
}

async function runLayer({ layer, files }: Work, print: (line: string) => void, stop: AbortSignal): Promise<TapCounter> {
  const counter = new TapCounter(print);
  const obstacle = files.length === 0 ? `there is no test/${layer.name}/**/*.test.ts` : obstacleOf(layer);
  if (obstacle !== undefined) {
    counter.fail(`layer ${layer.name} cannot run`, obstacle);
    return counter;
  }
  const raw = openSync(`.cache/test/${layer.name}.tap`, 'w');
  const write = (chunk: Uint8Array): void => {
    writeSync(raw, chunk);
  };
  const { jobs, timeoutSeconds } = layer;
  const how = { jobs, timeoutSeconds, env: testEnv(), raw: write, stop };
  await (layer.shared ? runShared(files, counter, how) : runThroughTap(files, counter, how));
  closeSync(raw);
  if (counter.files !== files.length && !stop.aborted)
    counter.fail(`layer ${layer.name}`, `${counter.files} of ${files.length} files reported a result`);
  if (counter.passed + counter.failed === 0 && !stop.aborted) counter.fail(`layer ${layer.name}`, 'no test ran');
  return counter;
}

/** Says in one line what of an earlier run, by another user, is in the way. */
function takeCache(works: readonly Work[]): string | undefined {
  try {
    mkdirSync('.cache/test', { recursive: true });
    mkdirSync('.tap', { recursive: true });
    for (const { layer } of works) closeSync(openSync(`.cache/test/${layer.name}.tap`, 'a'));
    for (const folder of ['.tap', '.tap/test-results', '.tap/processinfo'])
      if (existsSync(folder)) accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `the results of an earlier run are somebody else's (${why}). Type: sudo chown -R "$(id -u):$(id -g)" .cache .tap`;
  }
}

async function main(words: readonly string[]): Promise<void> {
  process.chdir(new URL('..', import.meta.url).pathname);
  const works = plan(words);
  if (typeof works === 'string') {
    process.stderr.write(`${works}\n`);
    process.exitCode = 2;
    return;
  }
  const unwritable = takeCache(works);
  if (unwritable !== undefined) {
    process.stderr.write(`${unwritable}\n`);
    process.exitCode = 1;
    return;
  }
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const stop = new AbortController();
  let stoppedBy: (typeof STOPS)[number] | undefined;
  for (const signal of STOPS)
    process.on(signal, () => {
      stoppedBy ??= signal;
      stop.abort();
    });
  let passed = 0;
  let failed = 0;
  const failures: string[] = [];
  for (const work of works) {
    if (stop.signal.aborted) break;
    const startedAt = Date.now();
    print(`--- ${work.layer.name}: ${work.layer.what}`);
    const counter = await runLayer(work, print, stop.signal);
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    print(`--- ${work.layer.name}: ${counter.passed} passed, ${counter.failed} failed, ${seconds} s`);
    passed += counter.passed;
    failed += counter.failed;
    failures.push(...counter.failures);
  }
  for (const folder of ['.cache', '.tap']) giveBack(folder);
  if (failures.length > 0) print(`\nFailed (raw output in .cache/test/):\n${failures.join('\n')}\n`);
  print(`${passed} passed, ${failed} failed`);
  if (stoppedBy !== undefined) {
    print(`stopped by ${stoppedBy}: what had not begun was not run`);
    process.exitCode = 128 + constantsOfTheSystem.signals[stoppedBy];
  } else process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
