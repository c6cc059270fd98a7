/** A database that is too large to be read before the start, and damaged: it is served, and everybody who looks is told. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import t from 'tap';
import { createLog, silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { startParts } from '../support/parts.ts';

const MIB = 1024 * 1024;

t.test('damage in the middle of a large database is found in the background', async (t) => {
  const databasePath = join(t.testdir(), 'ironwake.db');
  const store = await openStore({ path: databasePath, log: silentLog });
  const event = { at: 1, mac: undefined, nodeId: undefined, runId: undefined, code: 'run.resumed' as const };
  for (let n = 0; n < 34; n += 1)
    await store.events.append(Array.from({ length: 128 }, () => ({ ...event, data: { filler: 'x'.repeat(8192) } })));
  t.ok(store.sizeBytes() > 32 * MIB, 'more than is read before the start');
  await store.close();

  const lines: Array<Record<string, unknown>> = [];
  const destination = new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const log = await createLog({ level: 'error', format: 'json', destination });
  const sound = await startParts({ databasePath, log });
  await sound.readiness.checkDatabase();
  t.equal((await sound.call(`${sound.segment.httpUrl}/readyz`)).status, 200);
  await sound.close();

  const bytes = readFileSync(databasePath);
  bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 40_960);
  writeFileSync(databasePath, bytes);
  const parts = await startParts({ databasePath, log });
  t.teardown(() => parts.close());
  const viewer = await parts.token('viewer');
  const get = (path: string) => parts.call(`${parts.segment.httpsUrl}${path}`, { token: viewer });
  t.equal((await get('/readyz')).status, 200, 'it serves before it has read everything');
  t.strictSame(lines, []);

  await parts.readiness.checkDatabase();
  t.match(lines, [
    { msg: /database is damaged/, err: /ironwake\.db is damaged \(.+\)/, remedy: /npx ironwake restore FILE/ },
  ]);
  for (const base of [parts.segment.httpUrl, parts.segment.httpsUrl]) {
    const { status, text } = await parts.call(`${base}/readyz`);
    t.match([status, JSON.parse(text)], [503, { ready: false, missing: ['integrity'] }]);
  }
  t.match((await get('/metrics')).text, '\nironwake_not_ready{because="integrity"} 1\n');
  const { problems } = JSON.parse((await get('/api/v1/status')).text);
  t.match(problems[0], /database is damaged .*npx ironwake restore FILE/);
  t.equal((await get('/api/v1/nodes')).status, 200, 'what can be read is served');
});
