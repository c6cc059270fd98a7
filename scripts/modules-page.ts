/** Writes docs/modules.md from the modules: `npx node scripts/modules-page.ts`. */
import { writeFileSync } from 'node:fs';
import { modulesPage } from '../src/postinstall/page.ts';

writeFileSync(new URL('../docs/modules.md', import.meta.url), modulesPage());
