/** `ironwake backup`, `restore`, `watch` and `node runs` against the real API. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { armNode, cancelRun } from '../../src/journey/arm.ts';
import { addNode } from '../../src/journey/registry.ts';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { typed } from '../support/command-line.ts';
import { NODE_MAC, startParts } from '../support/parts.ts';

t.test('made, put back, followed', async (t) => {
  const directory = t.testdir({ data: {}, elsewhere: {} });
  const parts = await startParts({ databasePath: join(directory, 'data', 'ironwake.db') });
  const ticking = setInterval(() => parts.clock.advance(200), 20);
  t.teardown(async () => {
    clearInterval(ticking);
    await parts.close();
  });
  const node = await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, await parts.token('admin'), { mode: 0o600 });
  const cli = (...args: readonly string[]) =>
    typed(args, {
      cwd: directory,
      now: () => Date.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
  const server = [
    '--server',
    parts.segment.httpsUrl,
    '--token-file',
    tokenFile,
    '--fingerprint',
    parts.journey.identity.fingerprint,
  ];

  const made = await cli('backup', 'site.db', ...server);
  t.equal(made.status, 0, made.err);
  t.match(made.out, /1 nodes, 0 installations, 1 events; opened and checked/);
  t.equal(statSync(join(directory, 'site.db')).mode & 0o777, 0o600);
  t.notOk(existsSync(join(directory, 'data', 'backup.tmp')), 'nothing is left in the data directory');
  const again = await cli('backup', 'site.db', ...server);
  t.equal(again.status, 1);
  t.match(again.err, /site\.db is there already/);

  const back = await cli('restore', 'site.db', '--data-dir', join(directory, 'elsewhere'));
  t.equal(back.status, 0, back.err);
  t.match(back.out, /1 nodes/);
  const restored = await openStore({ path: join(directory, 'elsewhere', 'ironwake.db'), log: silentLog });
  t.equal((await restored.nodes.list())[0]?.fqdn, 'pve1.lab.example');
  const [last] = await restored.audit.list(1);
  t.match(last, { action: 'database.restored', target: 'site.db', from: 'local', data: { before: null } });
  t.ok(last?.actor.includes(userInfo().username), `who it was: ${last?.actor}`);
  await restored.close();
  const twice = await cli('restore', 'site.db', '--data-dir', join(directory, 'elsewhere'));
  t.equal(twice.status, 1);
  t.match(twice.err, /--force/);
  t.equal((await cli('restore', 'site.db', '--force', '--yes', '--data-dir', join(directory, 'elsewhere'))).status, 0);
  t.ok(readdirSync(join(directory, 'elsewhere')).some((name) => name.includes('before-restore')));
  await mkdir(join(directory, 'empty'));
  const none = await cli('restore', 'nothing.db', '--data-dir', join(directory, 'empty'));
  t.match([none.status, none.err], [1, /there is no file/]);

  await armNode(parts.journey, node, { by: 'admin' });
  const following = cli('watch', 'pve1', '--json', ...server);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await cancelRun(parts.journey, node, 'admin');
  const watched = await following;
  t.equal(watched.status, 1, 'it did not become ready');
  const documents = watched.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(documents.at(-1)?.run?.run?.state, 'cancelled');
  const runs = await cli('node', 'runs', 'pve1', ...server);
  t.match(runs.out, /ARMED .*\n.*cancelled/);
  const retried = await cli('node', 'retry', 'pve1', ...server);
  t.match(retried.out, /armed pve1\.lab\.example again/);
});
