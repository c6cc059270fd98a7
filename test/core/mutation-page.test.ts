/** docs/mutation.md: what makes it complete, when it is about older code, and that the committed one is complete. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import {
  codeDigest,
  FILE_NOTES,
  mutationPage,
  pageState,
  type Results,
  renewed,
  survivingPlaces,
} from '../../scripts/mutation-page.ts';
import stryker from '../../stryker.config.mjs';

const SOURCE = 'export const a = 1 < 2;\nexport const b = a ? "|" : "";\n';
const mutant = (status: string, line: number, replacement: string) => ({
  id: `${line}${replacement}`,
  mutatorName: 'ConditionalExpression',
  replacement,
  status,
  location: { start: { line, column: 18 }, end: { line, column: 23 } },
});
const many = (status: string, count: number) => Array.from({ length: count }, (_, i) => mutant(status, 1, `x${i}`));
const results = (...mutants: ReadonlyArray<ReturnType<typeof mutant>>): Results => ({
  'src/a.ts': { source: SOURCE, mutants },
});
const NOW = new Map([['src/a.ts', SOURCE]]);

test('a complete page has no problems', (t) => {
  const page = mutationPage(results(...many('Killed', 9), mutant('Timeout', 1, 'z'), mutant('RuntimeError', 1, 'y')));
  t.same(pageState(page, NOW), { problems: [], stale: [] });
  t.match(page, /^\| `src\/a\.ts` \| 10 \| 10 \| 0 \| 100\.0 % \| 1 \| 0 \| `[0-9a-f]{12}` \|$/m);
  t.end();
});

test('what makes a page wrong, whatever the code looks like', (t) => {
  const good = many('Killed', 9);
  const rows: ReadonlyArray<readonly [name: string, page: string, files: ReadonlyMap<string, string>, ...RegExp[]]> = [
    ['nothing at all', '', NOW, /src\/a\.ts has no row/, /^all: 0 %/],
    ['a file more', mutationPage(results(...good)), new Map([...NOW, ['src/b.ts', '']]), /src\/b\.ts has no row/],
    ['a file less', mutationPage(results(...good)), new Map(), /src\/a\.ts is not mutated any more/],
    ['nothing tried', mutationPage(results()), NOW, /nothing was tried/, /0 %/, /^all: 0 %/],
    ['one not tried', mutationPage(results(...good, mutant('Pending', 1, 'y'))), NOW, /1 were not tried/],
    ['a survivor that nobody explains', mutationPage(results(...good, mutant('Survived', 1, 'y'))), NOW, /no reason/],
    [
      'too few noticed',
      mutationPage(results(...many('Killed', 1), mutant('NoCoverage', 2, 'y'))),
      NOW,
      /src\/a\.ts: 50 %/,
      /^all: 50 %/,
      /no reason/,
    ],
    [
      'a line of the list gone',
      mutationPage(results(...good, mutant('Survived', 1, 'y'))).replace(/^\| a\.ts:1 .*\n/m, ''),
      NOW,
      /1 survivors, and 0 are listed/,
      /no reason/,
    ],
  ];
  for (const [name, page, files, ...problems] of rows) t.match(pageState(page, files).problems, problems, name);
  for (const [name, page, files, ...problems] of rows)
    t.equal(pageState(page, files).problems.length, problems.length, name);
  t.end();
});

test('another code makes a row stale, another comment does not', (t) => {
  const page = mutationPage(results(...many('Killed', 9)));
  const stale = (source: string) => pageState(page, new Map([['src/a.ts', source]]));
  t.same(stale(`/** A comment. */\n${SOURCE.replace(' = ', ' =\n  ')}// Another.\n`), { problems: [], stale: [] });
  t.same(stale(SOURCE.replace('1 < 2', '1 <= 2')), { problems: [], stale: ['src/a.ts'] });
  t.match(codeDigest(SOURCE), /^[0-9a-f]{12}$/);
  t.end();
});

test('only what survived is tried again, and the rest is kept', (t) => {
  const before = {
    source: SOURCE,
    mutants: [mutant('Killed', 1, 'a'), mutant('Survived', 2, 'b'), mutant('Survived', 2, 'c')],
  };
  t.same(survivingPlaces(before), ['2:17-2:22'], 'columns from 0, each place once');
  const again = { source: SOURCE, mutants: [mutant('Killed', 2, 'b'), mutant('Survived', 2, 'c')] };
  t.same(
    renewed(before, again).mutants.map(({ status }) => status),
    ['Killed', 'Killed', 'Survived'],
  );
  t.end();
});

test('the committed page is complete', (t) => {
  const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const files = new Map(stryker.mutate.map((file) => [file, read(file)]));
  t.same(pageState(read('docs/mutation.md'), files).problems, []);
  t.same(
    Object.keys(FILE_NOTES).filter((file) => !files.has(file)),
    [],
  );
  t.end();
});
