/** The administrator's own scripts: from the profile or from a file beside it, and never a template. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { ProfileFile } from '../../../src/profiles/directory.ts';
import { directorySignature, readDirectory } from '../../../src/profiles/directory.ts';
import { emptyLibrary, nextLibrary } from '../../../src/profiles/library.ts';
import { renderForCheck } from '../../../src/profiles/node-profile.ts';

function directory(t: Test, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'ironwake-scripts-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

const libraryOf = (files: readonly ProfileFile[], before = emptyLibrary) => nextLibrary(before, files, [], 0);
const profile = (body: string) => `postInstall:\n  custom-scripts:\n    scripts:\n      motd: ${body}\n`;

t.test('the content of a file, with everything in it', async (t) => {
  const script = '#!/bin/bash\n# {{host}} \\{{x {{#each}}\ndocker ps --format "{{.Names}}"\n';
  const dir = directory(t, {
    'web.yaml': profile('{ run: { file: scripts/motd.sh }, arguments: ["{{host}}"] }'),
    'tags/a.yaml': profile('{ verify: { file: scripts/motd.sh } }'),
    'scripts/motd.sh': script,
    'scripts/.hidden': 'x',
  });
  const files = await readDirectory(dir);
  t.strictSame(
    files.map(({ file }) => file),
    ['web.yaml', 'tags/a.yaml', 'scripts/motd.sh'],
  );
  const library = libraryOf(files);
  t.strictSame(library.problems, []);
  const web = library.resolved.get('web');
  if (web === undefined) throw new Error('the profile is not there');
  t.match(renderForCheck(web).postInstall, {
    'custom-scripts': { scripts: { motd: { run: script, arguments: ['node'] } } },
  });
  t.match(library.tags.get('a')?.body, {
    postInstall: { 'custom-scripts': { scripts: { motd: { verify: script } } } },
  });

  const signature = await directorySignature(dir);
  writeFileSync(join(dir, 'scripts/motd.sh'), `${script}# changed\n`);
  t.not(await directorySignature(dir), signature, 'a change of the script is seen');
  const changed = libraryOf(await readDirectory(dir), library).resolved.get('web');
  t.not(changed?.version, web.version, 'and makes another version of the profile');
});

t.test('text in the profile is taken as it is', async (t) => {
  const text = 'echo {{host}} {{values.rack}} {{#if x}}\necho "{{.Names}}"\n';
  const library = libraryOf([{ file: 'web.yaml', text: profile(JSON.stringify({ run: text })), failure: undefined }]);
  t.strictSame(library.problems, []);
  const web = library.resolved.get('web');
  if (web === undefined) throw new Error('the profile is not there');
  t.match(renderForCheck(web).postInstall, { 'custom-scripts': { scripts: { motd: { run: text } } } });
});

t.test('files that cannot be taken: the last good profile stays', async (t) => {
  const good = libraryOf([
    { file: 'web.yaml', text: profile('{ run: { file: scripts/motd } }'), failure: undefined },
    { file: 'scripts/motd', text: 'true\n', failure: undefined },
  ]);
  const rows: ReadonlyArray<[string, string, Partial<ProfileFile> | undefined, RegExp, RegExp]> = [
    [
      'gone',
      'scripts/motd',
      undefined,
      /^web\.yaml:4:15: There is no script 'scripts\/motd' beside the profiles$/,
      /folder scripts/,
    ],
    [
      'misspelt',
      'scripts/mtd',
      { text: 'true\n' },
      /There is no script 'scripts\/mtd'/,
      /^Did you mean scripts\/motd\?$/,
    ],
    [
      'out of the folder',
      'scripts/../../etc/shadow',
      { text: 'true\n' },
      /There is no script 'scripts\/\.\.\/\.\.\/etc\/shadow'/,
      /./,
    ],
    ['an absolute path', '/etc/shadow', { text: 'true\n' }, /There is no script '\/etc\/shadow'/, /./],
    [
      'not readable',
      'scripts/motd',
      { text: undefined, failure: 'it is not UTF-8' },
      /The script scripts\/motd cannot be read: it is not UTF-8/,
      /./,
    ],
  ];
  for (const [name, file, script, message, remedy] of rows) {
    const library = libraryOf(
      [
        { file: 'web.yaml', text: profile(`{ run: { file: ${file} } }`), failure: undefined },
        ...(script === undefined ? [] : [{ file: 'scripts/motd', text: undefined, failure: undefined, ...script }]),
      ],
      good,
    );
    t.match(library.problems, [{ code: 'profile.script', message, remedy }], name);
    t.match(
      library.resolved.get('web')?.postInstall,
      { 'custom-scripts': { scripts: { motd: { run: 'true\n' } } } },
      name,
    );
  }
});
