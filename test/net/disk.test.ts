/** A full disk and one that cannot be written: a clear line, a 503, nothing lost, and everything works again when there is space. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import { backupDatabase } from '../../src/store/backup.ts';
import { openStore } from '../../src/store/store.ts';
import { type Parts, startParts } from '../support/parts.ts';

function mount(t: Test, megabytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-disk-'));
  const run = (...args: readonly string[]): void => {
    const done = spawnSync(args[0] ?? '', args.slice(1), { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`);
  };
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'ironwake-test', directory);
  t.teardown(() => {
    run('umount', '-l', directory);
    rmdirSync(directory);
  });
  return directory;
}

/** Takes what is left. */
function fill(directory: string): string {
  const file = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(file, Buffer.alloc(bavail * bsize));
  return file;
}

t.test('the disk fills up under the API', async (t) => {
  const directory = mount(t, 8);
  const parts = await startParts({ databasePath: join(directory, 'ironwake.db') });
  t.teardown(() => parts.close());
  const token = await parts.token('admin');
  const put = (n: number) =>
    parts.call(`${parts.segment.httpsUrl}/api/v1/secrets/s${n}`, {
      token,
      method: 'PUT',
      json: { value: 'x'.repeat(3000) },
    });
  for (let n = 0; n < 20; n += 1) t.equal((await put(n)).status, 204);
  const filler = fill(directory);
  let taken = 20;
  let refused = await put(taken);
  while (refused.status === 204) {
    taken += 1;
    refused = await put(taken);
  }
  t.equal(refused.status, 503);
  t.match(JSON.parse(refused.text), { code: 'store.disk-full', remedy: /Free space/ });
  t.equal((await put(taken)).status, 503, 'again, not worse');
  const read = await parts.call(`${parts.segment.httpsUrl}/api/v1/secrets`, { token });
  t.equal(
    JSON.parse(read.text).items.length,
    taken,
    'reading goes on; what was acknowledged is there, the refused is not',
  );
  parts.clock.advance(10_000);
  const ready = await parts.call(`${parts.segment.httpUrl}/readyz`);
  t.equal(ready.status, 503);
  t.match(JSON.parse(ready.text), { missing: ['database'] });

  rmSync(filler);
  t.equal((await put(taken)).status, 204, 'works again without a restart');
  parts.clock.advance(10_000);
  t.equal((await parts.call(`${parts.segment.httpUrl}/readyz`)).status, 200);
  await parts.journey.store.check();
});

t.test('no room for a backup: said so, nothing is left behind, the daemon goes on', async (t) => {
  const directory = mount(t, 8);
  const path = join(directory, 'ironwake.db');
  const store = await openStore({ path, log: silentLog });
  t.teardown(() => store.close());
  for (let n = 0; n < 300; n += 1) await store.secrets.put(`s${n}`, 'x'.repeat(3000), n);
  const filler = fill(directory);
  await t.rejects(backupDatabase(path, join(directory, 'copy.db'), { now: 1, version: '1', files: [] }), {
    code: 'store.disk-full',
  });
  t.notOk(existsSync(join(directory, 'copy.db')));
  rmSync(filler);
  await backupDatabase(path, join(directory, 'copy.db'), { now: 1, version: '1', files: [] });
  await store.secrets.put('last', 'x', 1);
});

t.test('a file system that cannot be written', async (t) => {
  const directory = mount(t, 8);
  const path = join(directory, 'ironwake.db');
  await (await openStore({ path, log: silentLog })).close();
  const remounted = spawnSync('mount', ['-o', 'remount,ro', directory]);
  t.equal(remounted.status, 0);
  await t.rejects(openStore({ path, log: silentLog }), { code: 'store.unwritable', remedy: /--data-dir/ });
});

t.test('the file system can no longer be written while the daemon works (a disk that fails)', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-disk-'));
  const image = `${directory}.img`;
  const mended = `${directory}-mended.img`;
  const run = (...args: readonly string[]): void => {
    const done = spawnSync(args[0] ?? '', args.slice(1), { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`);
  };
  let mounted = false;
  let parts: Parts | undefined;
  let store: Store | undefined;
  // However far it came.
  t.teardown(async () => {
    await parts?.close();
    await store?.close();
    if (mounted) run('umount', '-l', directory);
    rmdirSync(directory);
    for (const file of [image, mended]) rmSync(file, { force: true });
  });
  run('truncate', '-s', '32M', image);
  run('mkfs.ext4', '-q', '-F', image);
  run('mount', '-o', 'loop', image, directory);
  mounted = true;
  const path = join(directory, 'ironwake.db');
  const site = await startParts({ databasePath: path });
  parts = site;
  const token = await site.token('admin');
  const url = `${site.segment.httpsUrl}/api/v1/secrets`;
  const put = (n: number) => site.call(`${url}/s${n}`, { token, method: 'PUT', json: { value: 'x' } });
  for (let n = 0; n < 5; n += 1) t.equal((await put(n)).status, 204);
  // What ext4 does by itself at an error of the device (errors=remount-ro).
  run('mount', '-o', 'remount,abort', directory);
  const refused = await put(5);
  t.equal(refused.status, 503);
  t.match(JSON.parse(refused.text), { code: /^store\.(unwritable|disk-error)$/, remedy: /\w/ });
  t.equal(refused.headers['retry-after'], '5');
  t.equal((await put(6)).status, 503, 'again, not worse');
  const read = await site.call(url, { token });
  t.equal(JSON.parse(read.text).items.length, 5, 'reading goes on');
  const ready = await site.call(`${site.segment.httpUrl}/readyz`);
  t.match([ready.status, JSON.parse(ready.text)], [503, { missing: ['database'] }]);
  parts = undefined;
  await site.close();

  // Mended: what was acknowledged is there, the refused is not.
  run('umount', directory);
  mounted = false;
  // Another file system: somebody else's view of the mounts may keep the one that was given up alive.
  run('cp', '--sparse=always', image, mended);
  // 1: errors that it has corrected. Anything else is a file system that the rest would say nothing about.
  const checked = spawnSync('e2fsck', ['-fy', mended], { encoding: 'utf8' });
  t.ok(
    checked.status === 0 || checked.status === 1,
    `e2fsck: ${checked.status} ${checked.error ?? ''}${checked.stderr}`,
  );
  run('mount', '-o', 'loop', mended, directory);
  mounted = true;
  store = await openStore({ path, log: silentLog });
  t.same(
    (await store.secrets.list()).map(({ name }) => name),
    ['s0', 's1', 's2', 's3', 's4'],
  );
  await store.check();
});
