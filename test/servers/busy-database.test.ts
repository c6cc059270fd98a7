/** Another process holds the database: what is asked meanwhile is refused in words, nothing is half done, and afterwards everything goes on. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { type Armed, armed, install, loadImage } from '../support/machine.ts';

t.setTimeout(240_000);

/** Everything that is stored, as one value. */
function contents(path: string): unknown {
  const db = new Database(path, { readonly: true });
  try {
    const tables = db
      .prepare<[], string>(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by 1",
      )
      .pluck()
      .all();
    return tables.map((table) => [table, db.prepare(`select * from "${table}"`).all()]);
  } finally {
    db.close();
  }
}

t.test('the write lock is held by another process', async (t) => {
  const databasePath = join(t.testdir(), 'ironwake.db');
  const at: Armed = await armed(t, { databasePath });
  const { parts, admin, state } = at;
  const api = `${parts.segment.httpsUrl}/api/v1`;
  const { node, runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  t.equal((await parts.call(`${node}/plan`, { token })).status, 200);
  const other = new Database(databasePath);
  t.teardown(() => other.close());

  const report = {
    seq: 1,
    module: 'ssh',
    step: 'apply',
    result: 'changed',
    startedAt: 1,
    durationMs: 5,
    output: '',
    detail: '',
  };
  const writes = [
    ['a secret', () => parts.call(`${api}/secrets/key`, { token: admin, method: 'PUT', json: { value: 'x' } }), 204],
    [
      'a node',
      () =>
        parts.call(`${api}/nodes`, {
          token: admin,
          json: { mac: '02:00:00:00:00:77', fqdn: 'pve7.lab.example', profile: 'default' },
        }),
      201,
    ],
    [
      'a report of the node',
      () => parts.call(`${node}/reports`, { token, json: { run: runId, reports: [report] } }),
      200,
    ],
    ['a cancellation', () => parts.call(`${api}/nodes/pve1/cancel`, { token: admin, method: 'POST' }), 200],
  ] as const;

  other.exec('begin immediate');
  const before = contents(databasePath);
  for (const [name, write] of writes) {
    const refused = await write();
    t.equal(refused.status, 503, name);
    t.equal(refused.headers['retry-after'], '5', `${name}: says when to try again`);
    t.match(refused.text, /locked by another process/, `${name}: says what is in the way`);
  }
  t.equal(await state(), 'configuring', 'reading goes on');
  t.same(contents(databasePath), before, 'nothing was done, and nothing by half');
  other.exec('rollback');

  for (const [name, write, status] of writes) t.equal((await write()).status, status, `${name}, asked again`);
  t.equal(await state(), 'cancelled');
  t.equal((await parts.journey.store.runs.reports(runId)).length, 1);
  const actions = (await parts.journey.store.audit.list(100)).map(({ action }) => action);
  for (const action of ['secret.set', 'run.cancel'])
    t.equal(actions.filter((each) => each === action).length, 1, action);
});
