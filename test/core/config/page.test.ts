import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { configurationPage } from '../../../src/config/page.ts';

test('docs/configuration.md is what scripts/configuration-page.ts writes', (t) => {
  t.equal(readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8'), configurationPage());
  t.end();
});
