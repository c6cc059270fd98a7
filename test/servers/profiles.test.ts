/** Profiles over the API and the command line: a real store and real sockets, the directory changed under the running daemon's parts. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import t, { type Test } from 'tap';
import { createLog } from '../../src/log.ts';
import { checksOfProfiles } from '../../src/profile-checks.ts';
import { logProfiles } from '../../src/profile-log.ts';
import { ProfileRegistry } from '../../src/profiles/registry.ts';
import { environmentOf, type Printed, typed } from '../support/command-line.ts';
import { NODE_MAC, type Parts, PUBLIC_KEY, startParts } from '../support/parts.ts';

const POOLED = `description: with a pool
types:
  rack: { type: text, choices: [a, b] }
pools:
  lan: { range: 192.0.2.20-192.0.2.21 }
counters:
  pve: { width: 2 }
answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: 'root@{{domain}}' }
  network: { source: from-answer, cidr: '{{pool.lan}}/24', gateway: 192.0.2.1, dns: 192.0.2.53 }
  disk-setup: { filesystem: ext4, filter: { DEVNAME: /dev/vda } }
postInstall:
  admin-user: { name: admin, comment: 'rack {{values.rack}} number {{counter.pve}}', keys: ["${PUBLIC_KEY}"] }
`;

interface Bench {
  readonly parts: Parts;
  readonly token: string;
  call(
    path: string,
    json?: unknown,
    method?: string,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  run(...line: string[]): Promise<Printed>;
  /** Writes a file of the profile directory, and has it read. */
  write(file: string, text: string | undefined): Promise<void>;
}

async function bench(t: Test): Promise<Bench> {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const token = await parts.token('admin');
  const profiles = parts.journey.profiles as ProfileRegistry;
  const made: Bench = {
    parts,
    token,
    async call(path, json, method) {
      const options = { token, ...(json !== undefined && { json }), ...(method !== undefined && { method }) };
      const { status, text } = await parts.call(`${parts.segment.httpsUrl}${path}`, options);
      return { status, body: text === '' ? {} : JSON.parse(text) };
    },
    run: (...line) => run(parts, token, line),
    async write(file, text) {
      const path = join(parts.directory, file);
      if (text === undefined) rmSync(path);
      else {
        mkdirSync(join(path, '..'), { recursive: true });
        writeFileSync(path, text);
      }
      await profiles.reload();
    },
  };
  await made.write('pooled.yaml', POOLED);
  return made;
}

const run = (parts: Parts, token: string, line: readonly string[]) =>
  typed(line, { env: environmentOf(parts, token), cwd: parts.directory });

const node = (number: number, changes: Record<string, unknown> = {}) => ({
  mac: `02:00:00:00:00:0${number}`,
  fqdn: `pve${number}.lab.example`,
  profile: 'pooled',
  values: { values: { rack: 'a' } },
  ...changes,
});

t.test('a node gets its address when it is registered, keeps it, and gives it back', async (t) => {
  const { call } = await bench(t);
  const added = await Promise.all([1, 2, 3].map((number) => call('/api/v1/nodes', node(number))));
  t.same(added.map(({ status }) => status).sort(), [201, 201, 409], 'two addresses, three nodes at once');
  const refused = added.find(({ status }) => status === 409);
  t.match(refused?.body, { code: 'pool.exhausted', detail: /pool 'lan' \(192\.0\.2\.20 to 192\.0\.2\.21\)/ });
  const names = added.flatMap(({ status, body }) => (status === 201 ? [String(body.fqdn)] : []));
  const addresses = await Promise.all(
    names.map(async (name) => (await call(`/api/v1/nodes/${name}/profile`)).body.holdings as Record<string, string>[]),
  );
  t.same(
    addresses
      .flat()
      .map(({ kind, name, value }) => `${kind} ${name} ${value}`)
      .sort(),
    ['counter pve 01', 'counter pve 02', 'pool lan 192.0.2.20', 'pool lan 192.0.2.21'],
  );
  const listed = (await call('/api/v1/nodes')).body.items as unknown[];
  t.equal(listed.length, 2, 'the refused one is not registered');
  t.equal((await call(`/api/v1/nodes/${names[0]}`, undefined, 'DELETE')).status, 204);
  t.equal((await call('/api/v1/nodes', node(4))).status, 201, 'its address is free again');
});

t.test('addresses that are in use otherwise are left out', async (t) => {
  const { call, write } = await bench(t);
  await write('pooled.yaml', POOLED.replace('192.0.2.20-192.0.2.21', '192.0.2.0/29, except: [192.0.2.3]'));
  await write(
    'fixed.yaml',
    POOLED.replaceAll(/^(types|pools|counters):\n {2}.*\n/gm, '')
      .replace('{{pool.lan}}', '192.0.2.9')
      .replace(/ comment: '[^']*',/, ''),
  );
  const fixed = await call(
    '/api/v1/nodes',
    node(1, { profile: 'fixed', values: { network: { cidr: '192.0.2.2/24' } } }),
  );
  t.equal(fixed.status, 201, JSON.stringify(fixed.body));
  await call('/api/v1/nodes', node(2));
  const { body } = await call('/api/v1/nodes/pve2/profile');
  t.match(body.holdings, [{ value: '192.0.2.4' }, {}], '.1 is the gateway, .2 of another node, .3 left out');
  const taken = node(3, { profile: 'fixed', values: { network: { cidr: '192.0.2.4/24' } } });
  t.match(await call('/api/v1/nodes', taken), {
    status: 409,
    body: {
      code: 'pool.address-taken',
      detail: '192.0.2.4/24 of pve3.lab.example is the address that pve2.lab.example has from a pool',
    },
  });
});

t.test('what the node has to bring is asked for when it is registered', async (t) => {
  const { call } = await bench(t);
  t.match(await call('/api/v1/nodes', node(1, { values: {} })), {
    status: 400,
    body: { code: 'profile.value-missing', detail: /'rack' is missing/ },
  });
  t.match(await call('/api/v1/nodes', node(1, { values: { values: { rack: 'c' } } })), {
    status: 400,
    body: { code: 'profile.value-type' },
  });
  t.match(await call('/api/v1/nodes', node(1, { tags: ['Not A Tag'] })), { status: 400, body: { code: 'node.tag' } });
  t.same((await call('/api/v1/nodes')).body.items, []);
});

t.test('the answer that is served has tags, values and address worked in', async (t) => {
  const { call, write, parts } = await bench(t);
  await write('tags/german.yaml', 'answer: {global: {keyboard: de}}\n');
  t.equal((await call('/api/v1/nodes', node(1, { mac: NODE_MAC, tags: ['german'] }))).status, 201);
  t.match((await call('/api/v1/nodes/pve1')).body, { node: { tags: ['german'] } });
  const preview = (await call('/api/v1/nodes/pve1/answer-preview')).body;
  const toml = parseToml(String(preview.toml)) as Record<string, Record<string, unknown>>;
  t.match(toml, {
    global: { keyboard: 'de', mailto: 'root@lab.example', fqdn: 'pve1.lab.example', 'root-password-hashed': /masked/ },
    network: { cidr: '192.0.2.20/24' },
  });
  t.match(preview, { product: 'pve', release: '9.2', media: 'proxmox-ve_9.2-1' });
  t.equal((await call('/api/v1/nodes/pve1/install', {})).status, 201);
  const run = await parts.journey.store.runs.latestOf(
    ((await call('/api/v1/nodes/pve1')).body.node as { id: string }).id,
  );
  t.match(run?.data.profile, {
    answer: { global: { keyboard: 'de' }, network: { cidr: '192.0.2.20/24' } },
    postInstall: { 'admin-user': { comment: 'rack a number 01' } },
  });
  await write('tags/german.yaml', 'answer: {global: {keyboard: fr}}\n');
  t.match((await parts.journey.store.runs.latestOf(run?.nodeId ?? ''))?.data.profile, {
    answer: { global: { keyboard: 'de' } },
  });
});

t.test('a broken file keeps the last good version, with the reason on the API and in the log', async (t) => {
  const { call, write } = await bench(t);
  const before = (await call('/api/v1/profiles/pooled')).body;
  await write('pooled.yaml', POOLED.replace('{{domain}}', '{{domian}}'));
  const { problems } = (await call('/api/v1/profiles')).body as { problems: Array<Record<string, unknown>> };
  t.match(
    problems.find(({ file }) => file === 'pooled.yaml'),
    {
      severity: 'error',
      code: 'profile.template',
      line: 9,
      affects: ['pooled'],
      message: /^pooled\.yaml:9:58: There is no 'domian'/,
      remedy: /Did you mean domain\?/,
    },
  );
  t.same((await call('/api/v1/profiles/pooled')).body, before, 'in force as before');
  t.equal((await call('/api/v1/nodes', node(1))).status, 201);
  await write('pooled.yaml', POOLED.replace('with a pool', 'mended').replace('en-us', 'de'));
  t.match((await call('/api/v1/profiles/pooled')).body, {
    description: 'mended',
    answer: { global: { keyboard: 'de' } },
  });
  t.notOk(
    ((await call('/api/v1/profiles')).body.problems as Array<{ severity: string }>).some(
      ({ severity }) => severity === 'error',
    ),
  );
});

t.test('the log tells of each problem once, and of what changed', async (t) => {
  const directory = t.testdir({ 'a.yaml': POOLED });
  const lines: string[] = [];
  const log = await createLog({
    level: 'info',
    format: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const { parts } = await bench(t);
  const registry = await ProfileRegistry.open({ directory, clock: parts.clock, checks: checksOfProfiles() });
  t.teardown(() => registry.close());
  logProfiles(registry, log);
  t.same(lines, []);
  writeFileSync(join(directory, 'a.yaml'), 'answer: {\n');
  await registry.reload();
  writeFileSync(join(directory, 'b.yaml'), POOLED);
  await registry.reload();
  const seen = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  t.match(seen, [
    {
      level: 40,
      file: 'a.yaml',
      line: 2,
      code: 'profile.yaml',
      msg: /the last good version stays in force: a\.yaml:2:1/,
    },
    { level: 30, profiles: ['b'], msg: 'profiles read again' },
  ]);
  t.equal(seen.length, 2);
});

t.test('the JSON Schema needs no token, everything else does', async (t) => {
  const { parts } = await bench(t);
  const schema = await parts.call(`${parts.segment.httpsUrl}/schemas/profile.json`);
  t.equal(schema.status, 200);
  t.match(schema.headers['content-type'], 'application/schema+json');
  t.same(
    JSON.parse(schema.text),
    JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schemas/profile.schema.json'), 'utf8')),
  );
  for (const path of [
    '/api/v1/profiles',
    '/api/v1/profiles/pooled',
    '/api/v1/nodes/x/profile',
    '/api/v1/nodes/x/answer-preview',
  ]) {
    t.equal((await parts.call(`${parts.segment.httpsUrl}${path}`)).status, 401, path);
  }
  const viewer = await parts.token('viewer');
  t.equal((await parts.call(`${parts.segment.httpsUrl}/api/v1/profiles/pooled`, { token: viewer })).status, 200);
  t.equal((await parts.call(`${parts.segment.httpsUrl}/api/v1/profiles/nope`, { token: viewer })).status, 404);
});

t.test('what is worth stealing is masked everywhere', async (t) => {
  const { call, write, run } = await bench(t);
  const hash = `$6$abcdefgh$${'k'.repeat(86)}`;
  await write(
    'open.yaml',
    `install: { allowSecretsInAnswer: true }\n${POOLED.replace("'root@{{domain}}'", (found) => `${found}, root-password-hashed: '${hash}'`)}`,
  );
  t.equal((await call('/api/v1/nodes', node(1, { profile: 'open' }))).status, 201);
  const texts = [
    JSON.stringify((await call('/api/v1/profiles/open')).body),
    JSON.stringify((await call('/api/v1/nodes/pve1/profile')).body),
    JSON.stringify((await call('/api/v1/nodes/pve1/answer-preview')).body),
    ...(
      await Promise.all([
        run('profile', 'show', 'open'),
        run('profile', 'show', 'open', '--json'),
        run('profile', 'show', 'open', '--origins'),
        run('profile', 'show', '--node', 'pve1'),
        run('profile', 'render', '--node', 'pve1'),
        run('profile', 'render', '--node', 'new', '--profile', 'open'),
        run('profile', 'diff', 'open', 'pooled'),
      ])
    ).map(({ out, err }) => out + err),
  ];
  for (const text of texts) {
    t.match(text, 'masked');
    t.notMatch(text, 'kkkk');
  }
});

t.test('profile check', async (t) => {
  const { run, write, parts } = await bench(t);
  t.match(await run('profile', 'check'), { status: 0, out: /^default: ok\n(.*\n)*pooled: ok\n/ });
  await write('bad.yaml', 'extends: pooled\nanswer:\n  global:\n    keyboard: klingon\n');
  await write('tags/worse.yaml', 'nonsense: 1\n');
  const all = await run('profile', 'check');
  t.match(all, { status: 1, out: /bad: broken\n {2}error answer\.value bad\.yaml:4:5: / });
  t.match(all.out, /tags\/worse: broken\n {2}error profile\.unknown-key tags\/worse\.yaml:1:1/);
  t.match(await run('profile', 'check', 'pooled'), { status: 0, out: /^pooled: ok\n/ });
  t.match(await run('profile', 'check', 'bad.yaml'), { status: 1, out: /^bad: broken/ });
  t.match(await run('profile', 'check', join(parts.directory, 'tags/worse.yaml')), {
    status: 1,
    out: /^tags\/worse: broken/,
  });
  t.match(await run('profile', 'check', 'pooled', 'poled'), {
    status: 2,
    out: /^pooled: ok/,
    err: /no profile 'poled'.*Did you mean pooled\?/,
  });
  t.match(await run('profile', 'check', 'missing.yaml'), { status: 2, err: /There is no .*missing\.yaml/ });
  t.match(await run('profile', 'check', '--answers', '/nonexistent'), {
    status: 1,
    err: /\/nonexistent cannot be read/,
  });
  const json = JSON.parse((await run('profile', 'check', 'bad', '--json')).out);
  t.match(json, [
    { name: 'bad', ok: false, problems: [{ code: 'answer.value', file: 'bad.yaml', line: 4, column: 5 }] },
  ]);
  t.match(await run('profile', 'check', 'pooled', '--release', '8.4'), { status: 0 });
  t.match(await run('profile', 'check', 'pooled', '--release', '8.1'), { status: 1, out: /release\.unsupported/ });
  await write('warned.yaml', POOLED.replace(/keys: .* \}/, 'keys: [] }'));
  t.match(await run('profile', 'check', 'warned'), { status: 0, out: /warning profile\.admin-without-key/ });
  t.match(await run('profile', 'check', 'warned', '--strict'), { status: 1, out: /^warned: broken\n/ });
  t.match(await run('profile', 'check', 'pooled', '--strict'), { status: 0 });
  await write('base.yaml', 'answer: {\n');
  await write('heir.yaml', 'extends: base\n');
  t.match(
    (await run('profile', 'check', 'heir')).out,
    /profile\.yaml base\.yaml:2:1/,
    'the reason stands in the parent',
  );
});

t.test('profile check and render weigh findings as the daemon does', async (t) => {
  const { run, write } = await bench(t);
  await write(
    'one.yaml',
    `${POOLED.replace('filesystem: ext4,', 'filesystem: zfs, zfs: {raid: raid0},').replace('filter: { DEVNAME: /dev/vda }', 'disk-list: [vda]')}`,
  );
  t.match(await run('profile', 'check', 'one'), { status: 0, out: /warning answer\.unwise-single-disk one\.yaml:11:/ });
  const settings = t.testdir({
    'strict.yaml': 'findings: [answer.unwise-single-disk=error]\n',
    'off.yaml': 'findings: [answer.unwise-single-disk=off]\n',
    'wrong.yaml': 'findings: [answer.unwise-single-disc=off]\n',
  });
  const render = ['profile', 'render', '--node', 'new', '--profile', 'one'];
  const strict = join(settings, 'strict.yaml');
  t.match(await run('profile', 'check', 'one', '--config', strict), {
    status: 1,
    out: /error answer\.unwise-single-disk/,
  });
  t.match(await run(...render, '--config', strict), { status: 1 });
  const off = join(settings, 'off.yaml');
  t.match(await run('profile', 'check', 'one', '--config', off), { status: 0, out: 'one: ok\n' });
  t.match(
    await run('profile', 'check', 'one', '--strict', '--config', off),
    { status: 0 },
    'what is off is no finding',
  );
  t.match(await run('profile', 'check', 'one', '--strict'), { status: 1, out: /warning answer\.unwise-single-disk/ });
  t.notMatch((await run(...render, '--config', off)).err, 'single-disk');
  t.match(await run('profile', 'check', '--config', join(settings, 'wrong.yaml')), {
    status: 1,
    err: /Did you mean answer\.unwise-single-disk\?/,
  });
});

t.test('profile show, with origins, without a daemon and of a node', async (t) => {
  const { run, write, call } = await bench(t);
  await write('heir.yaml', 'extends: pooled\nanswer:\n  global:\n    country: at\n');
  await write('tags/german.yaml', 'answer:\n  global:\n    keyboard: de\n');
  t.match(await run('profile', 'show', 'heir'), { status: 0, out: /^answer:\n {2}global:\n(.*\n)* {4}country: at\n/m });
  const origins = await run('profile', 'show', 'heir', '--origins');
  t.match(origins.out, /^answer\.global\.country: at +# heir\.yaml:4:5$/m);
  t.match(origins.out, /^answer\.global\.keyboard: en-us +# pooled\.yaml:9:13$/m);
  t.match(origins.out, /^install\.release: auto +# default of Ironwake$/m);
  t.match(JSON.parse((await run('profile', 'show', 'heir', '--json')).out), {
    name: 'heir',
    origins: { '/answer/global/country': { line: 4 } },
  });
  await call('/api/v1/nodes', node(1, { profile: 'heir', tags: ['german'], values: { values: { rack: 'b' } } }));
  const shown = await run('profile', 'show', '--node', 'pve1', '--origins');
  t.match(shown.out, /^# pool lan +192\.0\.2\.20$/m);
  t.match(shown.out, /^answer\.global\.keyboard: de +# tags\/german\.yaml:3:5$/m);
  t.match(shown.out, /^answer\.network\.cidr: 192\.0\.2\.20\/24 +# pooled\.yaml:10:35$/m);
  t.match(shown.out, /^values\.rack: b +# values of pve1\.lab\.example$/m);
  t.match(await run('profile', 'show'), { status: 1, err: /No profile is named/ });
  t.match(await run('profile', 'show', 'nope'), { status: 1, err: /no profile 'nope'/ });
  t.match(await run('profile', 'show', 'tags/german'), { status: 1, err: /is a tag/ });
  t.match(await run('profile', 'show', '--node', 'nope'), { status: 1, err: /no node 'nope'/ });
});

t.test('profile diff', async (t) => {
  const { run, write, call, parts } = await bench(t);
  await write(
    'heir.yaml',
    'extends: pooled\nanswer:\n  global:\n    country: at\npostInstall: {admin-user: {comment: null}}\n',
  );
  const changed = await run('profile', 'diff', 'pooled', 'heir.yaml');
  t.match(changed, {
    status: 1,
    out: '- answer.global.country: us  # pooled.yaml:9:30\n+ answer.global.country: at  # heir.yaml:4:5\n- postInstall.admin-user.comment: rack {{values.rack}} number {{counter.pve}}  # pooled.yaml:13:30\n',
  });
  t.match(await run('profile', 'diff', 'pooled', 'pooled'), { status: 0, out: 'no difference\n' });
  t.match(await run('profile', 'diff', 'pooled', 'nope'), { status: 2, err: /no profile 'nope'/ });
  t.match(await run('profile', 'diff', 'pooled'), { status: 1, err: /Two profiles are compared/ });
  t.match(JSON.parse((await run('profile', 'diff', 'pooled', 'heir', '--json')).out), [
    { path: 'answer.global.country' },
    {},
  ]);

  await call('/api/v1/nodes', node(1));
  t.match(await run('profile', 'diff', '--node', 'pve1'), { status: 1, err: /has not been installed yet/ });
  await call('/api/v1/nodes/pve1/install', {});
  const { store } = parts.journey;
  const nodeId = ((await call('/api/v1/nodes/pve1')).body.node as { id: string }).id;
  const armed = await store.runs.latestOf(nodeId);
  if (armed === undefined) throw new Error('not armed');
  t.equal(
    await store.runs.update(
      { ...armed, state: 'ready', endedAt: parts.clock.now(), revision: armed.revision + 1 },
      armed.revision,
    ),
    true,
  );
  t.match(await run('profile', 'diff', '--node', 'pve1'), { status: 0, out: 'no difference\n' });
  await write('pooled.yaml', POOLED.replace('en-us', 'de'));
  t.match(await run('profile', 'diff', '--node', 'pve1'), {
    status: 1,
    out: '- answer.global.keyboard: en-us\n+ answer.global.keyboard: de  # pooled.yaml:9:13\n',
  });
});

t.test('profile render', async (t) => {
  const { run, write, call } = await bench(t);
  const example = await run('profile', 'render', '--node', 'new', '--profile', 'pooled', '--fqdn', 'pve9.lab.example');
  t.match(example, { status: 0, out: /^# pve9\.lab\.example, pve 9\.2: an example/ });
  t.match(parseToml(example.out), {
    global: { fqdn: 'pve9.lab.example', mailto: 'root@lab.example', 'root-password-hashed': /masked/ },
    network: { cidr: '192.0.2.20/24' },
    'post-installation-webhook': { url: /TOKEN-OF-THE-RUN/ },
  });
  await write('tags/german.yaml', 'answer:\n  global:\n    keyboard: de\n');
  await write('node.txt', 'values: { rack: b }\nanswer: { global: { country: at } }\n');
  const built = await run(
    'profile',
    'render',
    '--node',
    'new',
    '--profile',
    'pooled.yaml',
    '--tag',
    'german',
    '--values',
    'node.txt',
    '--mac',
    '02-00-00-00-00-09',
    '--release',
    '8.4',
  );
  t.match(parseToml(built.out), {
    global: { keyboard: 'de', country: 'at' },
    network: { filter: { ID_NET_NAME_MAC: '*020000000009' } },
  });
  t.match(await run('profile', 'render', '--node', 'new', '--profile', 'nope'), {
    status: 1,
    err: /no profile 'nope'/,
  });
  t.match(await run('profile', 'render', '--node', 'new', '--profile', 'pooled', '--release', '8.1'), {
    status: 1,
    err: /8\.1/,
  });
  t.match(await run('profile', 'render'), { status: 2, err: /--node/ });
  await write('chosen.yaml', POOLED.replace('filter: { DEVNAME: /dev/vda }', 'disks: { count: 1, type: nvme }'));
  const chosen = await run('profile', 'render', '--node', 'new', '--profile', 'chosen');
  t.match(chosen, { status: 0, err: /disk-setup\.disks: chosen when the machine has told about itself/ });
  t.match(parseToml(chosen.out), { 'disk-setup': { 'disk-list': ['nvme0n1'] } });

  await call('/api/v1/nodes', node(1));
  const rendered = await run('profile', 'render', '--node', 'pve1');
  t.match(rendered, { status: 0, out: /^# pve1\.lab\.example, pve 9\.2 \(proxmox-ve_9\.2-1\)\n/ });
  t.match(parseToml(rendered.out), { network: { cidr: '192.0.2.20/24' } });
  t.match(JSON.parse((await run('profile', 'render', '--node', 'pve1', '--json')).out), {
    node: 'pve1.lab.example',
    release: '9.2',
  });
  const looking = await Promise.all([1, 2, 3].map(() => run('profile', 'render', '--node', 'pve1')));
  t.equal(new Set(looking.map(({ out }) => out)).size, 1);
});

t.test('node add --tag', async (t) => {
  const { run, write } = await bench(t);
  await write('tags/german.yaml', 'answer:\n  global:\n    keyboard: de\n');
  await write('rack.txt', 'values: { rack: a }\n');
  const added = await run(
    'node',
    'add',
    '--mac',
    '02:00:00:00:00:01',
    '--fqdn',
    'pve1.lab.example',
    '--profile',
    'pooled',
    '--tag',
    'german',
    '--tag',
    'rack-a',
    '--values',
    'rack.txt',
  );
  t.match(added, { status: 0, out: /registered pve1/ });
  t.match((await run('node', 'show', 'pve1')).out, /tags +german, rack-a/);
  t.match((await run('profile', 'show', '--node', 'pve1')).out, /keyboard: de/);
});
