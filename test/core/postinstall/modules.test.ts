/** What every module must have: its documentation is fresh and whole, its scripts and tests are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { MODULES } from '../../../src/postinstall/modules/index.ts';
import { modulesPage, parameterRows } from '../../../src/postinstall/page.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'src/postinstall/modules');

t.test('docs/modules.md is what scripts/modules-page.ts writes', async (t) => {
  t.equal(readFileSync(join(ROOT, 'docs/modules.md'), 'utf8'), modulesPage(), 'run: npx node scripts/modules-page.ts');
});

t.test('each folder is a module of the index', async (t) => {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.strictSame(folders.map(({ name }) => name).sort(), MODULES.map(({ name }) => name).sort());
});

for (const module of MODULES)
  t.test(module.name, async (t) => {
    t.match(module.name, /^[a-z][a-z0-9-]{0,62}$/);
    t.match(module.why, /^[A-Z].*[^.]\.$/, 'why is a sentence');
    t.notMatch(module.title, /\.$/, 'a title is none');
    for (const file of ['module.ts', 'apply.sh', 'verify.sh', 'rollback.sh'])
      t.ok(existsSync(join(FOLDER, module.name, file)), file);
    for (const { path, description } of parameterRows(module)) t.ok(description.length > 5, `${path} is described`);
    const names = MODULES.map(({ name }) => name);
    for (const name of [...module.requires, ...module.after]) t.ok(names.includes(name), `${name} is a module`);
    t.ok(module.proof.length > 0, 'something shows that it works');
    for (const { test } of module.proof) t.ok(existsSync(join(ROOT, `test/${test}.test.ts`)), test);
    t.ok(
      module.proof.some(({ test }) => test.startsWith('container/modules/')),
      'and it is tried on a real Debian',
    );
  });
