import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'tap';

const ROOT = resolve(import.meta.dirname, '../..');

/** Files of a house with one arrow each, all targets exist. Value: the file's import, and the rule that forbids it (undefined: allowed). */
const ARROWS: ReadonlyArray<{ readonly file: string; readonly line: string; readonly rule: string | undefined }> = [
  { file: 'src/runs/up.ts', line: "import { x } from '../journey/a.ts';", rule: 'runs imports a room that it may not' },
  { file: 'src/runs/down.ts', line: "import { x } from '../net/a.ts';", rule: undefined },
  { file: 'src/runs/ground.ts', line: "import { x } from '../errors.ts';", rule: undefined },
  {
    file: 'src/runs/world.ts',
    line: "import { spawn } from 'node:child_process';",
    rule: 'a pure room reaches for the world',
  },
  { file: 'src/net/up.ts', line: "import type { X } from '../runs/a.ts';", rule: 'net imports a room that it may not' },
  { file: 'src/clock.ts', line: "import { x } from './errors.ts';", rule: 'clock imports a room that it may not' },
  { file: 'src/boot/value.ts', line: "import { x } from '../runs/a.ts';", rule: 'boot may import types only' },
  { file: 'src/boot/type.ts', line: "import type { X } from '../runs/a.ts';", rule: undefined },
  {
    file: 'src/dhcp/codec.ts',
    line: "import { x } from '../journey/a.ts';",
    rule: 'dhcp codec imports a room that it may not',
  },
  { file: 'src/dhcp/packet.ts', line: "import { x } from './server.ts';", rule: 'a codec imports its server' },
  { file: 'src/dhcp/server.ts', line: "import { x } from '../journey/a.ts';", rule: undefined },
  {
    file: 'src/tftp/transfer.ts',
    line: "import { x } from '../artefacts/a.ts';",
    rule: 'tftp codec imports a room that it may not',
  },
  { file: 'src/tftp/server.ts', line: "import { x } from '../artefacts/a.ts';", rule: undefined },
  {
    file: 'src/journey/adapter.ts',
    line: "import { x } from '../store/a.ts';",
    rule: 'journey imports a room that it may not',
  },
  { file: 'src/journey/server.ts', line: "import { x } from '../http/a.ts';", rule: 'only the daemon starts servers' },
  { file: 'src/journey/cores.ts', line: "import { x } from '../boot/a.ts';", rule: undefined },
  { file: 'src/store/value.ts', line: "import { x } from '../journey/a.ts';", rule: 'store may import types only' },
  { file: 'src/store/type.ts', line: "import type { X } from '../journey/a.ts';", rule: undefined },
  { file: 'src/store/sql.ts', line: "import { Kysely } from 'kysely';", rule: undefined },
  {
    file: 'src/http/store.ts',
    line: "import { x } from '../store/a.ts';",
    rule: 'http imports a room that it may not',
  },
  { file: 'src/http/sql.ts', line: "import { Kysely } from 'kysely';", rule: 'kysely belongs to store' },
  { file: 'src/http/artefact.ts', line: "import { x } from '../artefacts/a.ts';", rule: undefined },
  {
    file: 'src/cli/journey.ts',
    line: "import { x } from '../journey/a.ts';",
    rule: 'cli imports a room that it may not',
  },
  { file: 'src/daemon.ts', line: "import { x } from './store/a.ts';", rule: undefined },
  { file: 'src/attic/new.ts', line: "import { x } from '../errors.ts';", rule: 'a file without a room' },
  {
    file: 'src/media/test.ts',
    line: "import { x } from '../../test/a.ts';",
    rule: 'the product imports tests or scripts',
  },
  {
    file: 'src/media/tap.ts',
    line: "import { test } from 'tap';",
    rule: 'the product imports a development dependency',
  },
  { file: 'src/media/gone.ts', line: "import { x } from './gone-too.ts';", rule: 'a file that does not exist' },
  {
    file: 'scripts/setup/early.js',
    line: "import yaml from 'yaml';",
    rule: 'set-up scripts run before anything is installed',
  },
  { file: 'scripts/setup/plain.js', line: "import { readFileSync } from 'node:fs';", rule: undefined },
];

/** Targets of the arrows, without imports of their own. */
const TARGETS = [
  'src/errors.ts',
  'test/a.ts',
  ...['net', 'runs', 'boot', 'journey', 'artefacts', 'store', 'http'].map((room) => `src/${room}/a.ts`),
];

/** A circle needs two files. */
const CIRCLE = {
  'src/nodes/one.ts': "import { b } from './two.ts';\nexport const a = 1;\n",
  'src/nodes/two.ts': "import { a } from './one.ts';\nexport const b = 1;\n",
};

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

function violationsOf(directory: string, files: Readonly<Record<string, string>>): readonly Violation[] {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  const cruiser = join(ROOT, 'node_modules/.bin/depcruise');
  const args = [cruiser, '--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', 'json', 'src', 'scripts'];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout).summary.violations;
}

test('the import table: every arrow that it forbids fails, every other passes', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-imports-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const packageOf = (name: string) => ({
    [`node_modules/${name}/package.json`]: `{"name":"${name}","main":"index.js","type":"module"}`,
    [`node_modules/${name}/index.js`]: 'export const x = 1;',
  });
  const violations = violationsOf(directory, {
    'package.json': '{"dependencies":{"kysely":"1","yaml":"1"},"devDependencies":{"tap":"1"},"type":"module"}',
    ...packageOf('kysely'),
    ...packageOf('yaml'),
    ...packageOf('tap'),
    ...Object.fromEntries(TARGETS.map((file) => [file, 'export const x = 1;\nexport type X = 1;\n'])),
    ...Object.fromEntries(ARROWS.map(({ file, line }) => [file, `${line}\nexport type X = 1;\n`])),
    ...CIRCLE,
  });
  for (const { file, line, rule } of ARROWS) {
    const found = violations.filter((violation) => violation.from === file).map((violation) => violation.rule.name);
    if (rule === undefined) t.strictSame(found, [], `allowed: ${file}: ${line}`);
    else t.ok(found.includes(rule), `forbidden: ${file}: ${line} (${found.join('; ') || 'not found'})`);
  }
  t.ok(
    violations.some((violation) => violation.from.startsWith('src/nodes/') && violation.rule.name === 'a circle'),
    'a circle',
  );
  t.end();
});
