/** docs/profiles.md: its examples are profiles that the daemon takes, and its codes are those of the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { checksOfProfiles } from '../../../src/profile-checks.ts';
import { emptyLibrary, nextLibrary } from '../../../src/profiles/library.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = readFileSync(join(ROOT, 'docs/profiles.md'), 'utf8');

test('the examples', (t) => {
  const files = [...PAGE.matchAll(/```yaml\n# answers\/(\S+)\n([\s\S]*?)```/g)].map(([, file = '', text = '']) => ({
    file,
    text,
    failure: undefined,
  }));
  t.equal(files.length, PAGE.split('```yaml').length - 1, 'each has its name');
  const { problems, resolved } = nextLibrary(emptyLibrary, files, checksOfProfiles(), 0);
  t.same(problems, []);
  t.equal(resolved.size, files.length);
  t.end();
});

test('the codes', (t) => {
  const directories = ['src/profiles', 'src/journey'];
  const sources = directories.flatMap((directory) =>
    readdirSync(join(ROOT, directory)).map((file) => readFileSync(join(ROOT, directory, file), 'utf8')),
  );
  const used = new Set(
    sources
      .join('\n')
      .match(/'(profile|pool)\.[a-z-]+'/g)
      ?.map((code) => code.slice(1, -1)),
  );
  // Of the directory and of a name that is not there: they are about no file.
  for (const other of ['profile.directory', 'profile.unknown']) used.delete(other);
  const told = new Set(PAGE.slice(PAGE.indexOf('## Findings')).match(/(profile|pool)\.[a-z-]+/g));
  told.delete('profile.schema');
  t.same([...told].sort(), [...used].sort());
  t.end();
});
