/** Writes docs/modules.md from the modules: `npx node scripts/modules-page.ts`. With `--check` it writes nothing and fails when the page is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { modulesPage } from '../src/postinstall/page.ts';

const file = new URL('../docs/modules.md', import.meta.url);
if (!process.argv.includes('--check')) writeFileSync(file, modulesPage());
else if (readFileSync(file, 'utf8') !== modulesPage()) {
  process.stderr.write('stale: docs/modules.md. Type: npx node scripts/modules-page.ts\n');
  process.exitCode = 1;
}
