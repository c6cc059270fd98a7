import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { makeDataDirectory, seedAnswers, shareWithInvoker } from '../../src/data-directory.ts';

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a data directory is made with its parents, for its user only', async (t) => {
  const directory = join(t.testdir({}), 'a', 'b');
  await makeDataDirectory(directory);
  t.equal(mode(directory), '700');
  await makeDataDirectory(directory);
});

test('where none can be made, that is said at once', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  for (const directory of ['/proc/x/y', '/sys/x', join(file, 'data')])
    await t.rejects(
      makeDataDirectory(directory),
      {
        code: 'daemon.data-directory',
        field: '--data-dir',
        message: /cannot be written \((ENOENT|EPERM|EACCES|ENOTDIR)\)/,
      },
      directory,
    );
});

test('answers are seeded once, never over what is there', async (t) => {
  const dir = t.testdir({ shipped: { 'default.yaml': 'shipped', tags: { 'a.yaml': 'tag' } } });
  const answers = join(dir, 'answers');
  await seedAnswers(answers, join(dir, 'shipped'));
  t.equal(readFileSync(join(answers, 'tags/a.yaml'), 'utf8'), 'tag');
  writeFileSync(join(answers, 'default.yaml'), 'mine');
  await seedAnswers(answers, join(dir, 'shipped'));
  t.equal(readFileSync(join(answers, 'default.yaml'), 'utf8'), 'mine');
  mkdirSync(join(dir, 'empty'));
  await seedAnswers(join(dir, 'empty'), join(dir, 'shipped'));
  t.throws(() => statSync(join(dir, 'empty', 'default.yaml')), 'an empty directory is somebody’s decision');
});

test('sudo: the invoking user gets what the command line needs, everything else is closed first', async (t) => {
  const dir = t.testdir({ 'server.json': '{}', 'admin-token': 'x', 'ironwake.db': '', media: {} });
  const names = ['server.json', 'admin-token', 'ironwake.db', 'media'];
  const reset = () => {
    for (const name of names)
      chmodSync(join(dir, name), name === 'media' ? 0o755 : name === 'ironwake.db' ? 0o644 : 0o600);
    chmodSync(dir, 0o700);
  };
  const modes = () => [dir, ...names.map((name) => join(dir, name))].map(mode);
  const unchanged = ['700', '600', '600', '644', '755'];
  const { uid, gid } = statSync(dir);
  for (const [what, env, as] of [
    ['no sudo', {}, 0],
    ['sudo by root', { SUDO_UID: '0', SUDO_GID: '0' }, 0],
    ['nonsense', { SUDO_UID: 'me', SUDO_GID: '1' }, 0],
    ['not root', { SUDO_UID: '1000', SUDO_GID: '1000' }, 1000],
  ] as const) {
    reset();
    await shareWithInvoker(dir, env, as);
    t.strictSame(modes(), unchanged, what);
  }
  reset();
  // Without root only the own user can be given anything.
  const invoker = uid === 0 ? { uid: 1234, gid: 1234 } : { uid, gid };
  await shareWithInvoker(dir, { SUDO_UID: String(invoker.uid), SUDO_GID: String(invoker.gid) }, 0);
  t.strictSame(modes(), ['711', '600', '600', '600', '700']);
  t.strictSame(
    names.map((name) => statSync(join(dir, name)).uid),
    [invoker.uid, invoker.uid, uid, uid],
  );
  t.equal(statSync(dir).uid, uid);
});
