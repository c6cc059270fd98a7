/** Many nodes at once, by the API and the command line: all of them or none. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { commandLine } from '../support/command-line.ts';
import { PROFILE, startParts } from '../support/parts.ts';

const POOLED = PROFILE.replace(
  '{ source: from-dhcp }',
  '{ source: from-answer, cidr: "{{pool.lan}}/24", gateway: 127.0.0.254, dns: 127.0.0.253 }',
).concat('pools:\n  lan: { range: 127.0.0.20-127.0.0.23 }\n');

async function site(t: Test, profiles = {}) {
  const directory = t.testdir();
  const databasePath = join(directory, 'ironwake.db');
  const parts = await startParts({ databasePath, profiles });
  t.teardown(() => parts.close());
  const token = await parts.token('operator');
  const url = `${parts.segment.httpsUrl}/api/v1`;
  const load = async (body: string, type = 'text/csv', query = '') => {
    const answer = await parts.call(`${url}/nodes/import${query}`, { token, body, headers: { 'content-type': type } });
    return { ...answer, json: JSON.parse(answer.text) };
  };
  /** Everything that the database holds. */
  const print = (): string => {
    const db = new Database(databasePath, { readonly: true });
    const names = db
      .prepare<[], string>("select name from sqlite_schema where type = 'table' order by name")
      .pluck()
      .all();
    const hash = createHash('sha256');
    for (const name of names) hash.update(JSON.stringify(db.prepare(`select * from "${name}"`).all()));
    db.close();
    return hash.digest('hex');
  };
  return { parts, token, url, load, print, directory };
}

const TWELVE = `fqdn,macs,tags,notes\n${Array.from({ length: 12 }, (_, n) => `pve${n}.lab.example,02-00-00-00-00-${String(n).padStart(2, '0')},rack-a,"=note ${n}"\n`).join('')}`;

t.test('twelve machines by CSV: looked at, registered, found again', async (t) => {
  const { parts, token, url, load, print } = await site(t);
  const before = print();
  const preview = await load(TWELVE, 'text/csv', '?dry_run=true');
  t.match(preview, { status: 200, json: { dryRun: true, created: 12, unchanged: 0 } }, preview.text);
  t.equal(print(), before, 'a preview writes nothing');
  const done = await load(TWELVE);
  t.match(done, {
    status: 200,
    json: { dryRun: false, created: 12, rows: [{ line: 2, fqdn: 'pve0.lab.example', result: 'created' }] },
  });
  t.equal((await parts.journey.store.nodes.list()).length, 12);
  t.equal((await parts.journey.store.audit.list(50)).filter(({ action }) => action === 'node.added').length, 12);
  t.match((await load(TWELVE)).json, { created: 0, unchanged: 12 }, 'twice is once');
  for (const [format, type] of [
    ['csv', 'text/csv'],
    ['yaml', 'application/yaml'],
    ['json', 'application/json'],
  ] as const) {
    const file = await parts.call(`${url}/exports/nodes?format=${format}`, { token });
    t.equal(file.status, 200);
    t.match((await load(file.text, type)).json, { created: 0, unchanged: 12 }, `${format} comes back as it went`);
  }
  t.match(await load(TWELVE.replace('rack-a', 'rack-b')), {
    status: 400,
    json: { errors: [{ line: 2, code: 'import.differs' }] },
  });
});

t.test('all that is wrong is told at once, and nothing is half-written', async (t) => {
  const { load, print } = await site(t, { pooled: POOLED });
  await load('fqdn,macs\nold.lab.example,020000000099\n');
  const before = print();
  const bad = await load(
    [
      'fqdn,macs,profile,tags,installPolicy',
      'good.lab.example,020000000001,default,,',
      'bad name,020000000002,default,,',
      'a.lab.example,zz,default,,',
      'b.lab.example,020000000003,nowhere,,',
      'c.lab.example,020000000004,default,UPPER,',
      'd.lab.example,020000000099,default,,',
      'e.lab.example,020000000001,default,,',
      'f.lab.example,020000000005,default,,sometimes',
      'g.lab.example,020000000006,default',
    ].join('\n'),
  );
  t.equal(bad.status, 400, bad.text);
  t.match(bad.headers['content-type'], 'application/problem+json');
  t.same(
    bad.json.errors.map(({ line, code }: { line: number; code: string }) => `${line} ${code}`),
    [
      '3 fqdn.malformed',
      '4 mac.malformed',
      '5 profile.unknown',
      '6 node.tag',
      '7 node.mac-taken',
      '8 import.repeated',
      '8 node.mac-taken',
      '9 node.install-policy',
      '10 import.row',
    ],
  );
  t.equal(print(), before);
  const many = Array.from({ length: 6 }, (_, n) => `p${n}.lab.example,02000000001${n},pooled\n`).join('');
  const exhausted = await load(`fqdn,macs,profile\n${many}`);
  t.match(
    exhausted.json.errors,
    [
      { line: 6, code: 'pool.exhausted' },
      { line: 7, code: 'pool.exhausted' },
    ],
    exhausted.text.slice(0, 300),
  );
  t.equal(print(), before, 'no address was taken');
  const few = await load(`fqdn,macs,profile\n${many.split('\n').slice(0, 3).join('\n')}\n`);
  t.match(few.json, { created: 3 }, few.text.slice(0, 300));
});

t.test('two imports of the same file at once: one of them registers', async (t) => {
  const { parts, load } = await site(t);
  const answers = await Promise.all([load(TWELVE), load(TWELVE), load(TWELVE)]);
  t.equal(
    answers.reduce((sum, { json }) => sum + json.created, 0),
    12,
  );
  t.equal((await parts.journey.store.nodes.list()).length, 12);
});

t.test('the same by the command line', async (t) => {
  const { parts, token, directory, print } = await site(t);
  writeFileSync(join(directory, 'machines.csv'), TWELVE);
  writeFileSync(join(directory, 'notes.txt'), 'no machines');
  writeFileSync(join(directory, 'bad.yaml'), '- fqdn: x\n  macs: [zz]\n- fqdn: pve1.lab.example\n');
  const cli = commandLine(parts, directory, token);
  const before = print();
  t.match(await cli('node import machines.csv --dry-run'), {
    status: 0,
    out: /pve11\.lab\.example +created[\s\S]*12 would be registered; nothing was written/,
  });
  const bad = await cli('node import bad.yaml');
  t.equal(bad.status, 1);
  t.match(bad.out + bad.err, /^line 1: [\s\S]*^line 3: macs: /m);
  t.equal(print(), before);
  t.match(await cli('node import machines.csv'), { status: 0, out: /12 registered/ });
  const exported = await cli('node export --format json');
  t.equal(exported.status, 0);
  t.equal(JSON.parse(exported.out).length, 12);
  for (const [state, count] of [
    ['none', 12],
    ['ready', 0],
  ] as const)
    t.equal(JSON.parse((await cli(`node export --format json --state ${state}`)).out).length, count, state);
  t.equal((await cli('node import notes.txt')).status, 1);
  t.equal(readFileSync(join(directory, 'machines.csv'), 'utf8'), TWELVE);
});
