/**
 * The checks of `npm run check`: types, lint and format, the import table, generated pages, shell scripts. All of them run, also after a failure, and the
 * last line says what failed. With `--all` (CI) a check that cannot run here is a failure as well.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

interface Check {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it writes is shown also when nothing is wrong. */
  readonly tells?: boolean;
}

process.chdir(new URL('..', import.meta.url).pathname);

const bin = (name: string): string => `node_modules/.bin/${name}`;
const shellFiles = globSync(['scripts/**/*.sh', 'src/**/*.sh', 'templates/**/*.sh', 'test/**/*.sh', '.ci/run']);

const CHECKS: readonly Check[] = [
  { name: 'types', program: process.execPath, args: [bin('tsc'), '-p', '.'] },
  { name: 'lint and format', program: bin('biome'), args: ['check', '--error-on-warnings', '.'] },
  {
    name: 'import table',
    program: process.execPath,
    args: [bin('depcruise'), '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', 'src', 'scripts'],
  },
  { name: 'generated pages', program: process.execPath, args: ['scripts/answer-page.ts', '--check'] },
  { name: 'page of the modules', program: process.execPath, args: ['scripts/modules-page.ts', '--check'] },
  { name: 'page of the mutants', program: process.execPath, args: ['scripts/mutation.ts', '--check'], tells: true },
  { name: 'shell scripts', program: 'shellcheck', args: ['--severity=warning', ...shellFiles] },
];

const failed: string[] = [];
const absent: string[] = [];
for (const { name, program, args, tells } of CHECKS) {
  const startedAt = Date.now();
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (error !== undefined) absent.push(name);
  else if (status !== 0) failed.push(name);
  const verdict = error === undefined ? (status === 0 ? 'ok' : 'FAILED') : `not checked (${error.message})`;
  process.stdout.write(`${name}: ${verdict} (${seconds} s)\n`);
  if (status !== 0) process.stdout.write(`${stdout ?? ''}${stderr ?? ''}\n`);
  else if (tells === true) process.stdout.write(stdout ?? '');
}
if (absent.length > 0) process.stdout.write(`not checked: ${absent.join(', ')}. Type: sudo npm run setup -- test\n`);
if (process.argv.includes('--all')) failed.push(...absent);
process.stdout.write(failed.length === 0 ? 'check: ok\n' : `check: failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
