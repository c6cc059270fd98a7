import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'tap';
import { DEBIAN_PACKAGES } from '../../scripts/packages.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What stands between backticks is no link, whatever it looks like: a regular expression, say. */
const withoutCode = (text: string) => text.replaceAll(/(`+)[^`\n](?:.*?[^`\n])?\1(?!`)/g, '');

test('every npm package has a line in docs/dependencies.md, and no other has', (t) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'));
  const listed = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).sort();
  const rows = read('docs/dependencies.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]));
  t.strictSame(rows.sort(), listed);
  t.end();
});

test('everything that is installed on Linux is locked with its hash', (t) => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { integrity?: string; os?: string[]; libc?: string[] }>;
  };
  for (const [path, entry] of Object.entries(packages)) {
    const here = (entry.os ?? ['linux']).includes('linux') && (entry.libc ?? ['glibc']).includes('glibc');
    if (path !== '' && here) t.match(entry.integrity, /^sha512-/, path);
  }
  t.end();
});

test('links between documents lead somewhere', (t) => {
  for (const page of globSync(['*.md', 'docs/**/*.md', 'tftproot/*.md'], { cwd: ROOT }))
    for (const [, target] of withoutCode(read(page)).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
      if (target !== undefined && !target.startsWith('http'))
        t.ok(existsSync(join(ROOT, dirname(page), target)), `${page}: ${target}`);
  t.end();
});

test('tests that the threat model names exist', (t) => {
  const cells = read('docs/security.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|')[4] ?? '');
  const names = cells.flatMap((cell) => [...cell.matchAll(/`([a-z]+\/[^`]*)`/g)].map((match) => match[1] ?? ''));
  t.ok(names.length > 15);
  for (const name of new Set(names))
    t.ok(globSync([`test/${name}.test.ts`, `test/${name}/*.test.ts`], { cwd: ROOT }).length > 0, name);
  t.end();
});

test('tests and modules that the page about the handbook names exist', (t) => {
  const page = read('docs/handbook.md');
  const names = [...page.matchAll(/`((?:core|servers|container|lab)\/[^`]+)`/g)].map((match) => match[1] ?? '');
  t.ok(names.length > 20);
  for (const name of new Set(names))
    t.ok(globSync([`test/${name}.test.ts`, `test/${name}/*.test.ts`], { cwd: ROOT }).length > 0, name);
  for (const cell of page.split('\n').map((line) => line.split(' | ')[3] ?? ''))
    for (const [, module] of cell.matchAll(/`([a-z-]+)`/g))
      t.ok(existsSync(join(ROOT, 'src/postinstall/modules', module ?? '')), module ?? cell);
  t.end();
});

test('each Debian package is listed once, with what it is for', (t) => {
  const names = DEBIAN_PACKAGES.map((entry) => entry.name);
  t.equal(new Set(names).size, names.length);
  for (const { name, purpose } of DEBIAN_PACKAGES) t.ok(purpose.length > 5, name);
  t.end();
});
