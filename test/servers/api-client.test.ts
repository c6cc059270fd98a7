/** The client that the command line uses, against the server it is meant for: every method, over TLS, with the certificate's pin. */
import { Readable } from 'node:stream';
import t from 'tap';
import { type Client, createClient } from '../../src/api/client.ts';
import type { FileQuery } from '../../src/api/schemas.ts';
import { runCli } from '../../src/cli/program.ts';
import type { Io } from '../../src/cli/terminal.ts';
import { IronwakeError } from '../../src/errors.ts';
import { observe } from '../../src/journey/observe.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { aMachine } from '../core/store/fixtures.ts';
import { armed, loadImage, SYSTEM } from '../support/machine.ts';
import { MEDIA, NODE_MAC, type Parts } from '../support/parts.ts';

function serverOf(parts: Parts, token: string) {
  return { url: parts.segment.httpsUrl, fingerprint: parts.journey.identity.fingerprint, token };
}

/** The code of what a call throws; anything else that it does is told as it is. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof IronwakeError ? `${error.status} ${error.code}` : error;
  }
}

type Checks = {
  readonly [M in keyof Client]: (
    client: Client,
    parts: Parts,
  ) => Promise<readonly [got: unknown, wanted: object | string]>;
};

const RUN = { id: /^[0-9a-f-]{36}$/, state: String };

/** How long each list is that is wanted; `t.match` is content when one begins as it should. */
function lengths(got: unknown, wanted: unknown, path = 'it'): Record<string, unknown> {
  if (typeof wanted !== 'object' || wanted === null || wanted instanceof RegExp) return {};
  const inside = Object.entries(wanted).map(([key, value]) =>
    lengths((got as Record<string, unknown> | undefined)?.[key], value, `${path}.${key}`),
  );
  return Object.assign(Array.isArray(wanted) ? { [path]: Array.isArray(got) ? got.length : got } : {}, ...inside);
}

/** In this order: the node is armed when it begins and gone when it ends. */
const CHECKS: Checks = {
  status: async (client) => [await client.status(), { site: 'test', counts: { nodes: 1, activeRuns: 1, media: 1 } }],
  profiles: async (client) => [await client.profiles(), { items: [{ name: 'default' }], problems: [] }],
  profile: async (client) => [await client.profile('default'), { name: 'default' }],
  nodeProfile: async (client) => [
    await client.nodeProfile('pve1'),
    { node: 'pve1.lab.example', profile: { name: 'default' } },
  ],
  answerPreview: async (client) => [
    await client.answerPreview('pve1'),
    { node: 'pve1.lab.example', toml: /\[global\]/ },
  ],
  plan: async (client) => [
    await client.plan('pve1'),
    { node: 'pve1.lab.example', product: 'pve', release: '9.2', profile: 'default', modules: Array },
  ],
  planDiff: async (client) => [
    await client.planDiff('pve1'),
    { last: null, changes: Array(3).fill({ change: 'added' }) },
  ],
  planImpact: async (client) => [await client.planImpact(), []],
  drift: async (client) => [await client.drift(), []],
  driftOf: async (client) => [
    await client.driftOf('pve1').catch((error: { code: string }) => error.code),
    'drift.not-watched',
  ],
  applyPlan: async (client) => [
    await client.applyPlan('pve1').catch((error: { code: string }) => error.code),
    'plan.not-kept',
  ],
  exportPlan: async (client) => [await client.exportPlan('pve1', true), { script: /# end of plan\n$/, left: [] }],
  nodes: async (client) => [await client.nodes(), [{ node: { fqdn: 'pve1.lab.example' }, run: { state: 'armed' } }]],
  addNode: async (client) => [
    await client.addNode({ mac: '02-00-00-00-00-77', fqdn: 'pve7.lab.example', profile: 'default', tags: ['rack-a'] }),
    { macs: ['02:00:00:00:00:77'], tags: ['rack-a'] },
  ],
  node: async (client) => [await client.node(NODE_MAC), { node: { fqdn: 'pve1.lab.example' }, run: RUN }],
  runs: async (client) => [await client.runs('pve1'), [RUN]],
  reports: async (client) => [await client.reports('pve1'), []],
  rootPassword: async (client) => [
    await client.rootPassword('pve1'),
    { password: /^.{12,}$/, run: String, armedAt: String, replaced: false },
  ],
  bornSecrets: async (client) => [await client.bornSecrets('pve1'), []],
  readBornSecret: async (client) => [await codeOf(client.readBornSecret('pve1', 'none')), '404 born.unknown'],
  servedAnswer: async (client, parts) => {
    await parts.call(await loadImage(parts), { body: SYSTEM });
    return [await client.servedAnswer('pve1'), { node: 'pve1.lab.example', text: /fqdn = / }];
  },
  events: async (client) => {
    const first = await client.events(0, 2);
    const rest = await client.events(first.next, 10);
    const codes = [...first.items, ...rest.items].slice(0, 3).map((event) => event.code);
    return [
      { codes, gap: first.items.length },
      { codes: ['node.registered', 'run.armed', 'node.registered'], gap: 2 },
    ];
  },
  live: async (client) => {
    for await (const message of client.live({ node: 'pve1', after: 0 })) return [message, { kind: /^(event|run)$/ }];
    return [undefined, { kind: String }];
  },
  trust: async (client, parts) => {
    const [run] = await parts.journey.store.runs.active();
    await observe(parts.journey, run?.id ?? '', {
      kind: 'contest',
      reason: 'another-source',
      address: '127.0.0.9' as Ipv4,
    });
    return [await client.trust('pve1'), { run: { contested: false } }];
  },
  confirm: async (client) => [await codeOf(client.confirm('pve1', '000-000')), /^40\d (run|node|confirm)\./],
  credential: async (client) => [await codeOf(client.credential('pve1')), '404 node.no-credential'],
  credentials: async (client) => [await client.credentials(), []],
  revokeCredential: async (client) => [await codeOf(client.revokeCredential('pve1')), /^40\d node\./],
  cancel: async (client) => [await client.cancel('pve1'), { run: { state: 'cancelled' } }],
  retry: async (client) => [await client.retry('pve1'), { run: { state: 'armed' } }],
  install: async (client) => [await client.install('pve7', { expiresMinutes: 5 }), { run: { state: 'armed' } }],
  importNodes: async (client) => [
    await client.importNodes('fqdn,macs\npve8.lab.example,020000000088\n', 'csv', true),
    { dryRun: true, created: 1, rows: [{ line: 2 }] },
  ],
  exportNodes: async (client) => [
    // What is undefined is not asked for.
    { text: await client.exportNodes('csv', { tag: undefined, q: 'PVE1' } as object as FileQuery) },
    { text: /^fqdn,macs,.*\npve1/ },
  ],
  exportAs: async (client) => [
    { text: await client.exportAs('hosts', { tag: 'none-such' }) },
    { text: /^# Made by Ironwake/ },
  ],
  media: async (client) => [await client.media(), [{ id: MEDIA.id }]],
  uploadMedia: async (client) => [
    await client.uploadMedia({ source: Readable.from([Buffer.alloc(4096)]), sizeBytes: 4096, sha256: MEDIA.id }),
    { name: MEDIA.name },
  ],
  importMedia: async (client) => [await client.importMedia({ path: '/srv/image.iso' }), { name: MEDIA.name }],
  removeMedia: async (client) => [await codeOf(client.removeMedia(MEDIA.name)), '409 media.in-use'],
  setSecret: async (client) => {
    await client.setSecret('key', 'value');
    return [await client.secrets(), [{ name: 'key' }]];
  },
  secrets: async (client) => [await client.secrets(), [{ name: 'key' }]],
  removeSecret: async (client) => {
    await client.removeSecret('key');
    return [await client.secrets(), []];
  },
  addToken: async (client) => [await client.addToken({ name: 'ci', role: 'viewer' }), { name: 'ci', token: /^iw_/ }],
  tokens: async (client) => [(await client.tokens()).map((token) => token.name).toSorted(), ['admin', 'ci']],
  rotateToken: async (client) => [await client.rotateToken('ci', 5), { name: 'ci', token: /^iw_/ }],
  removeToken: async (client) => {
    await client.removeToken('ci');
    return [(await client.tokens()).map((token) => token.name), ['admin']];
  },
  audit: async (client) => {
    const [newest] = await client.audit(1);
    const older = await client.audit(2, newest?.id);
    return [
      { newest, older: older.length },
      { newest: { action: 'token.revoked', actor: 'admin' }, older: 2 },
    ];
  },
  certificate: async (client, parts) => [
    await client.certificate(),
    { fingerprint: parts.journey.identity.fingerprint },
  ],
  explain: async (client) => [await client.explain(NODE_MAC), { mac: NODE_MAC, node: { fqdn: 'pve1.lab.example' } }],
  discovered: async (client) => [await client.discovered(), []],
  adopt: async (client, parts) => {
    await parts.journey.store.discovered.record(aMachine({ mac: '02:00:00:00:00:88' as Mac }), 10);
    const input = { fqdn: 'pve8.lab.example', profile: 'default', notes: 'found' };
    return [await client.adopt('02-00-00-00-00-88', input), { fqdn: 'pve8.lab.example', notes: 'found' }];
  },
  forgetDiscovered: async (client) => [
    await codeOf(client.forgetDiscovered('02:00:00:00:00:88')),
    '404 discovered.unknown',
  ],
  changeNode: async (client) => [
    await client.changeNode('pve8', { notes: 'kept', protected: true, installPolicy: 'never' }),
    { notes: 'kept', protected: true, installPolicy: 'never', revision: 2 },
  ],
  addMac: async (client) => [
    await client.addMac('pve8', '0200.0000.0089'),
    { macs: ['02:00:00:00:00:88', '02:00:00:00:00:89'] },
  ],
  removeMac: async (client) => [await client.removeMac('pve8', '02-00-00-00-00-88'), { macs: ['02:00:00:00:00:89'] }],
  replaceHardware: async (client) => [
    await client.replaceHardware('pve8', ['02:00:00:00:00:90']),
    { fqdn: 'pve8.lab.example', macs: ['02:00:00:00:00:90'] },
  ],
  addRule: async (client) => [
    await client.addRule({
      name: 'racks',
      when: ['mac:02:aa:*'],
      gives: { fqdn: 'r{{mac}}.lab.example', profile: 'default' },
    }),
    { name: 'racks', state: 'active', machines: 32, mayArm: false, revision: 1 },
  ],
  changeRule: async (client) => [
    await client.changeRule('racks', {
      name: 'rack-a',
      when: ['mac:02:aa:*'],
      gives: { fqdn: 'r{{mac}}.lab.example', profile: 'default' },
      expiresAt: '2999-01-01T00:00:00Z',
    }),
    { name: 'rack-a', revision: 2, expiresAt: '2999-01-01T00:00:00.000Z' },
  ],
  importRules: async (client) => [
    await client.importRules([
      { name: 'rest', default: true, priority: 900, gives: { fqdn: 'x{{mac}}.lab.example', profile: 'default' } },
    ]),
    [{ name: 'rest', default: true }],
  ],
  rules: async (client) => [(await client.rules()).map(({ name }) => name), ['rack-a', 'rest']],
  rule: async (client) => [await client.rule('rest'), { name: 'rest', when: [] }],
  testRule: async (client) => [
    await client.testRule({ name: 'rack-a' }),
    [{ node: 'pve1.lab.example', because: 'condition' }, { because: 'condition' }, { because: 'condition' }],
  ],
  explainRules: async (client) => [
    await client.explainRules('02-aa-00-00-00-01'),
    { known: false, node: null, items: [{ rule: 'rack-a', because: 'matches' }, { rule: 'rest' }] },
  ],
  removeRule: async (client) => {
    await client.removeRule('rest');
    return [await codeOf(client.rule('rest')), '404 rule.unknown'];
  },
  hardware: async (client) => [await client.hardware('pve8'), { disks: [], heard: [] }],
  archive: async (client) => [
    await client.archive('pve8'),
    { macs: [], formerMacs: ['02:00:00:00:00:90'], archivedAt: String },
  ],
  unarchive: async (client) => [await client.unarchive('pve8.lab.example'), { macs: ['02:00:00:00:00:90'] }],
  addWebhook: async (client) => [
    await client.addWebhook({ name: 'chat-ops', url: 'https://hooks.example.net/x', events: ['run.*'] }),
    { name: 'chat-ops', secret: /^whsec_/, enabled: true, health: 'unused', revision: 1 },
  ],
  changeWebhook: async (client) => [
    await client.changeWebhook('chat-ops', { severities: ['alarm'] }),
    { severities: ['alarm'], events: ['run.*'], revision: 2 },
  ],
  rotateWebhook: async (client) => [
    await client.rotateWebhook('chat-ops', { overlapHours: 2 }),
    { secret: /^whsec_/, oldSecretUntil: String, revision: 3 },
  ],
  webhooks: async (client) => [(await client.webhooks()).map(({ name }) => name), ['chat-ops']],
  webhook: async (client) => [await client.webhook('chat-ops'), { url: 'https://hooks.example.net/x', waiting: 0 }],
  tryWebhook: async (client) => [
    await client.tryWebhook('chat-ops'),
    { code: 'webhook.test', state: 'waiting', payload: { type: 'webhook.test', data: { site: 'test' } } },
  ],
  deliveries: async (client) => [
    await client.deliveries('chat-ops', { state: 'waiting', limit: 9 }),
    [{ code: 'webhook.test', tries: 0, event: null }],
  ],
  delivery: async (client) => {
    const [{ id } = { id: '' }] = await client.deliveries('chat-ops', { limit: 1 });
    return [await client.delivery('chat-ops', id), { id, payload: { version: 1 } }];
  },
  retryDelivery: async (client) => {
    const [{ id } = { id: '' }] = await client.deliveries('chat-ops', { limit: 1 });
    return [await client.retryDelivery('chat-ops', id), { id, state: 'waiting' }];
  },
  retryDeliveries: async (client) => [await client.retryDeliveries('chat-ops'), { deliveries: 0 }],
  discardDelivery: async (client) => {
    const [{ id } = { id: '' }] = await client.deliveries('chat-ops', { limit: 1 });
    await client.discardDelivery('chat-ops', id);
    return [await codeOf(client.delivery('chat-ops', id)), '404 webhook.delivery-unknown'];
  },
  discardDeliveries: async (client) => [await client.discardDeliveries('chat-ops'), { deliveries: 0 }],
  removeWebhook: async (client) => {
    await client.removeWebhook('chat-ops');
    return [await codeOf(client.webhook('chat-ops')), '404 webhook.unknown'];
  },
  // A database in memory has no file to copy: what the real one gives is shown in the tests of backups.
  backup: async (client) => [await codeOf(client.backup(false)), /^50\d store\./],
  removeNode: async (client) => {
    await client.cancel('pve1');
    await client.removeNode('pve1');
    return [await codeOf(client.node('pve1')), '404 node.unknown'];
  },
  // The last one: the pin changes with it.
  rotateCertificate: async (client) => [await client.rotateCertificate({}), { fingerprint: String }],
};

t.test('every method of the client against the server', async (t) => {
  const { parts, admin } = await armed(t);
  const client = createClient(serverOf(parts, admin));
  t.same(Object.keys(client).toSorted(), Object.keys(CHECKS).toSorted(), 'none is forgotten');
  for (const [method, check] of Object.entries(CHECKS)) {
    const [got, wanted] = await check(client, parts).catch((error: unknown) => [error, {}] as const);
    if (got instanceof Error) t.fail(`${method}: ${got.message}`);
    else {
      t.match(got ?? {}, wanted, method);
      t.same(lengths(got, wanted), lengths(wanted, wanted), `${method}: every list is as long as it should be`);
    }
  }
});

t.test(
  'an empty name asks the server for nothing: least of all for the list that the name is missing from',
  async (t) => {
    const { parts, admin } = await armed(t);
    const client = createClient(serverOf(parts, admin));
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      discardDelivery: () => client.discardDelivery('hook', ''),
      retryDelivery: () => client.retryDelivery('hook', ' '),
      node: () => client.node(''),
      removeNode: () => client.removeNode(''),
      cancel: () => client.cancel(''),
      removeMac: () => client.removeMac('pve1', ''),
      removeSecret: () => client.removeSecret(''),
    };
    for (const [name, call] of Object.entries(calls))
      t.equal(await codeOf((async () => call())()), '400 client.empty-name', name);
    const hook = { name: 'hook', url: 'https://hooks.example.net/', events: ['*'] };
    await client.addWebhook(hook);
    const { headers, url } = { headers: { token: admin }, url: `${parts.segment.httpsUrl}/api/v1` };
    for (const path of ['/webhooks/hook/deliveries/', '/webhooks/hook//deliveries', '/nodes/pve1/', '/nodes//pve1'])
      t.match(
        await parts.call(`${url}${path}`, { ...headers, method: 'DELETE' }),
        { status: /^40[04]$/ },
        `DELETE ${path}: a name is missing, so nothing is meant`,
      );
    t.equal((await client.node('pve1')).node.fqdn, 'pve1.lab.example');
  },
);

t.test('ironwake node watch follows a run to its end', async (t) => {
  const { parts, admin } = await armed(t);
  const { url, fingerprint, token } = serverOf(parts, admin);
  const client = createClient({ url, fingerprint, token });
  let out = '';
  let looked = 0;
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => t.fail(text),
    input: Readable.from([]),
    inputIsTerminal: false,
    errIsTerminal: false,
    env: { IRONWAKE_URL: url, IRONWAKE_FINGERPRINT: fingerprint, IRONWAKE_TOKEN: token },
    cwd: t.testdir(),
    now: Date.now,
    sleep: async () => {
      looked += 1;
      if (looked === 1) await loadImage(parts);
      if (looked === 2) await client.cancel('pve1');
    },
  };
  t.equal(await runCli(['node', 'watch', 'pve1'], io), 1, 'it ended, and not ready');
  const order = ['armed', 'script', 'image', 'cancelled'].map((word) => out.indexOf(word));
  t.same(
    order,
    order.toSorted((a, b) => a - b),
    out,
  );
  t.notOk(order.includes(-1), out);
});

t.test('the alarm at the end of a timeline of a thousand rows is shown', async (t) => {
  const { parts, admin } = await armed(t);
  const { journey } = parts;
  const [run] = await journey.store.runs.active();
  const row = { at: 1, mac: NODE_MAC, nodeId: run?.nodeId, runId: run?.id, code: 'boot.local-disk' as const };
  await journey.store.events.append(Array.from({ length: 1000 }, () => ({ ...row, data: { because: 'x' } })));
  await observe(journey, run?.id ?? '', { kind: 'contest', reason: 'another-source', address: '127.0.0.9' as Ipv4 });
  const { timeline } = await createClient(serverOf(parts, admin)).node('pve1');
  t.equal(timeline.length, 502, 'the newest, and before them what no flood pushes out of sight');
  t.equal(timeline.at(-1)?.code, 'run.contested');
});
