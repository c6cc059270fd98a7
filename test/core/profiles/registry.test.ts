import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { type Clock, ManualClock, systemClock } from '../../../src/clock.ts';
import { type ProfileChange, ProfileRegistry } from '../../../src/profiles/registry.ts';

const GOOD = 'postInstall: {ssh: {}}\nanswer: {global: {country: at}}\n';

async function opened(t: Test, clock: Clock, files: Readonly<Record<string, string>>) {
  const directory = t.testdir({ ...files });
  const registry = await ProfileRegistry.open({ directory, clock });
  t.teardown(() => registry.close());
  return { directory, registry };
}

/** Neither watching nor the clock keeps a process alive, and should not: this does, while a test waits for them. */
function stayAlive(t: Test): void {
  const timer = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(timer));
}

/** The next change that the registry tells of. */
function nextChange(registry: ProfileRegistry): Promise<ProfileChange> {
  return new Promise((resolve) => {
    const end = registry.onChange((change) => {
      end();
      resolve(change);
    });
  });
}

test('reads a directory, and only what is a profile in it', async (t) => {
  const { registry } = await opened(t, new ManualClock(), {
    'default.yaml': GOOD,
    'other.yml': GOOD,
    'README.md': '# not one',
    '.default.yaml.swp': 'nor this',
    'default.yaml~': 'nor this',
  });
  t.same(
    registry.list().map((profile) => profile.name),
    ['default', 'other'],
  );
  t.same(registry.problems(), []);
  t.equal(registry.require('default').name, 'default');
});

test('an unknown name is answered with the nearest, or with what is wrong in its file', async (t) => {
  const { registry } = await opened(t, new ManualClock(), { 'default.yaml': GOOD, 'zfs.yaml': 'answer: {' });
  t.throws(() => registry.require('defualt'), {
    code: 'profile.unknown',
    kind: 'not-found',
    remedy: 'Did you mean default?',
  });
  t.throws(() => registry.require('something-else'), { code: 'profile.unknown', remedy: 'Use one of: default.' });
  t.throws(() => registry.require('zfs'), { code: 'profile.unknown', message: /zfs\.yaml:1:10/ });
});

test('a directory that is not there', async (t) => {
  await t.rejects(ProfileRegistry.open({ directory: join(t.testdir({}), 'missing'), clock: new ManualClock() }), {
    code: 'profile.directory',
    message: /ENOENT/,
    remedy: /--answers/,
  });
});

test('what is not a regular UTF-8 file is a problem of that file only', async (t) => {
  const { directory, registry } = await opened(t, new ManualClock(), { 'default.yaml': GOOD });
  await mkdir(join(directory, 'folder.yaml'));
  await writeFile(join(directory, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
  await writeFile(join(directory, 'huge.yaml'), '#'.repeat(1024 * 1024 + 1));
  await registry.reload();
  t.same(
    registry
      .problems()
      .map((found) => found.file)
      .sort(),
    ['folder.yaml', 'huge.yaml', 'latin.yaml'],
  );
  t.ok(registry.get('default'));
});

test('a saved file is seen by itself, whichever way an editor writes it', async (t) => {
  stayAlive(t);
  const { directory, registry } = await opened(t, systemClock, { 'default.yaml': GOOD });
  const first = registry.require('default').version;

  let change = nextChange(registry);
  await writeFile(join(directory, 'default.yaml'), GOOD.replace('at', 'de'));
  t.same((await change).names, ['default']);
  t.not(registry.require('default').version, first);

  change = nextChange(registry);
  await writeFile(join(directory, 'default.yaml.tmp'), GOOD.replace('at', 'ch'));
  await rename(join(directory, 'default.yaml.tmp'), join(directory, 'default.yaml'));
  await change;
  t.match(registry.require('default').answer, { global: { country: 'ch' } });

  change = nextChange(registry);
  await writeFile(join(directory, 'default.yaml'), 'answer: {\n');
  const { names, problems } = await change;
  t.same(names, [], 'no profile changed');
  t.match(problems, [{ file: 'default.yaml', code: 'profile.yaml', line: 2 }]);
  t.match(registry.require('default').answer, { global: { country: 'ch' } }, 'the last good version stays');

  change = nextChange(registry);
  await rm(join(directory, 'default.yaml'));
  t.same((await change).names, ['default']);
  t.equal(registry.get('default'), undefined);
});

test('the poll finds what the kernel did not tell', async (t) => {
  const clock = new ManualClock();
  const { directory, registry } = await opened(t, clock, { 'default.yaml': GOOD });
  const change = nextChange(registry);
  await rm(directory, { recursive: true });
  await mkdir(directory);
  await writeFile(join(directory, 'new.yaml'), GOOD);
  clock.advance(10_000);
  t.same((await change).names, ['default', 'new']);
});

test('a directory that is gone leaves the profiles in force and says so, once', async (t) => {
  const { directory, registry } = await opened(t, new ManualClock(), { 'default.yaml': GOOD });
  const seen: ProfileChange[] = [];
  registry.onChange((change) => seen.push(change));
  await rename(directory, `${directory}-away`);
  await registry.reload();
  await registry.reload();
  t.ok(registry.get('default'));
  t.match(registry.problems(), [{ code: 'profile.directory', severity: 'error' }]);
  t.equal(seen.length, 1);
  await rename(`${directory}-away`, directory);
  await registry.reload();
  t.same(registry.problems(), []);
  t.equal(seen.length, 2);
});

test('nothing is told when nothing changed, nor after closing', async (t) => {
  const { directory, registry } = await opened(t, new ManualClock(), { 'default.yaml': GOOD });
  let told = 0;
  registry.onChange(() => {
    told += 1;
  });
  await writeFile(join(directory, 'default.yaml'), `# a comment\n${GOOD}`);
  await registry.reload();
  t.equal(told, 0);
  registry.close();
  await writeFile(join(directory, 'default.yaml'), GOOD.replace('at', 'de'));
  await registry.reload();
  t.equal(told, 0);
});

test('files of tags are seen by themselves, also in a directory that came later', async (t) => {
  stayAlive(t);
  const { directory, registry } = await opened(t, systemClock, { 'default.yaml': GOOD });
  t.equal(registry.tag('rack-a'), undefined);
  let change = nextChange(registry);
  await mkdir(join(directory, 'tags'));
  await writeFile(join(directory, 'tags/rack-a.yaml'), 'answer: {global: {country: at}}\n');
  // The kernel tells of the directory; what is written into it right after may be part of that reading or come with the next.
  if (!(await change).names.includes('tags/rack-a')) await nextChange(registry);
  t.match(registry.tag('rack-a')?.body, { answer: { global: { country: 'at' } } });

  change = nextChange(registry);
  await writeFile(join(directory, 'tags/rack-a.yaml'), 'answer: {global: {country: de}}\n');
  t.same((await change).names, ['tags/rack-a']);

  change = nextChange(registry);
  await writeFile(join(directory, 'tags/rack-a.yaml'), 'answer: {\n');
  t.match((await change).problems, [{ file: 'tags/rack-a.yaml', code: 'profile.yaml', affects: ['tags/rack-a'] }]);
  t.match(registry.tag('rack-a')?.body, { answer: { global: { country: 'de' } } }, 'the last good version stays');

  change = nextChange(registry);
  await rm(join(directory, 'tags'), { recursive: true });
  t.same((await change).names, ['tags/rack-a']);
  t.equal(registry.tag('rack-a'), undefined);
});

test('tags that are no directory, and files in it that are no tags', async (t) => {
  const { directory, registry } = await opened(t, new ManualClock(), { 'default.yaml': GOOD, tags: 'a file' });
  t.same(registry.problems(), []);
  await rm(join(directory, 'tags'));
  await mkdir(join(directory, 'tags/deeper.yaml'), { recursive: true });
  await writeFile(join(directory, 'tags/README.md'), '# not one');
  await writeFile(join(directory, 'tags/.a.yaml.swp'), 'nor this');
  await writeFile(join(directory, 'tags/twice.yml'), 'description: x\n');
  await writeFile(join(directory, 'tags/twice.yaml'), 'description: x\n');
  await registry.reload();
  t.match(registry.problems(), [
    { file: 'tags/deeper.yaml', code: 'profile.unreadable' },
    { file: 'tags/twice.yml', code: 'profile.twice' },
  ]);
});
