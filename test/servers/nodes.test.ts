/** What is changed of a node, and how its hardware comes and goes: over the API, with the store behind it. */
import t from 'tap';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { addNode, findNode } from '../../src/journey/registry.ts';
import { archiveNode, replaceHardware, unarchiveNode } from '../../src/journey/retire.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { addressToNumber } from '../../src/profiles/pools.ts';
import { aMachine } from '../core/store/fixtures.ts';
import { commandLine } from '../support/command-line.ts';
import { armed, FACTS } from '../support/machine.ts';
import { NODE_MAC, type Parts, PROFILE, startParts } from '../support/parts.ts';

const OTHER = 'bc:24:11:00:00:02' as Mac;
const NEW = 'bc:24:11:00:00:03' as Mac;
const BY = { by: 'admin' };
const POOLED = PROFILE.replace(
  '{ source: from-dhcp }',
  '{ source: from-answer, cidr: "{{pool.lan}}/24", gateway: 127.0.0.254, dns: 127.0.0.253 }',
).concat('pools:\n  lan: { range: 127.0.0.20-127.0.0.22 }\n');

async function rack(t: { teardown(work: () => Promise<void>): void }): Promise<Parts> {
  const parts = await startParts({ profiles: { pooled: POOLED } });
  t.teardown(() => parts.close());
  return parts;
}

t.test('every field comes back as it went in, and a change is one row and one line of the audit log', async (t) => {
  const { parts, admin } = await armed(t);
  const url = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  const call = (json: unknown, method = 'PATCH') => parts.call(url, { token: admin, method, json });
  const notes = 'a\u0000b \u001b[31m $(rm -rf /) `id` "\'\\ \n\t\u202e\u{1f984} ñ 日本';
  const change = {
    notes,
    tags: ['rack-b', 'rack-a'],
    values: { values: { x: '$HOME' } },
    installPolicy: 'never',
    protected: true,
  };
  const changed = await call(change);
  t.match(JSON.parse(changed.text), { ...change, revision: 2 });
  t.match(JSON.parse((await parts.call(url, { token: admin })).text).node, { ...change, revision: 2 });
  const [line] = await parts.journey.store.audit.list(1);
  t.match(line, {
    action: 'node.changed',
    target: 'pve1.lab.example',
    data: { after: { tags: change.tags, notes: '(changed)' } },
  });
  t.equal((await call(change)).status, 200);
  t.equal((await findNode(parts.journey, 'pve1')).revision, 2, 'the same again changes nothing');

  for (const [name, json, status, code] of [
    ['nothing', {}, 400, 'request.invalid'],
    ['an unknown field', { name: 'x' }, 400, 'request.invalid'],
    ['half a character', { notes: '\ud800' }, 400, 'node.notes'],
    ['a policy that there is not', { installPolicy: 'sometimes' }, 400, 'request.invalid'],
    ['a profile that there is not', { profile: 'none' }, 404, 'profile.unknown'],
    ['a tag that is none', { tags: ['../x'] }, 400, 'node.tag'],
    ['values that are none', { values: { nonsense: 1 } }, 400, 'node.values'],
    ['a name while it is being installed', { fqdn: 'other.lab.example' }, 409, 'node.busy'],
    ['ports while it is being installed', { macs: [OTHER] }, 409, 'node.busy'],
    ['no port', { macs: [] }, 400, 'request.invalid'],
  ] as const) {
    const refused = await call(json);
    t.match([refused.status, JSON.parse(refused.text).code], [status, code], `${name}: ${refused.text}`);
  }
  t.equal((await findNode(parts.journey, 'pve1')).revision, 2, 'nothing of what was refused was written');
});

t.test("secrets, root and scripts in the values of a node are an admin's", async (t) => {
  const parts = await rack(t);
  const url = `${parts.segment.httpsUrl}/api/v1`;
  const [admin, operator] = [await parts.token('admin'), await parts.token('operator')];
  const node = { mac: NODE_MAC, fqdn: 'pve1.lab.example', profile: 'default' };
  await decideDhcp(parts.journey, { ...FACTS, mac: OTHER }, parts.segment);
  const plain = { values: { rack: '7' }, postInstall: { ssh: { maxAuthTries: 3 } } };
  t.equal((await parts.call(`${url}/nodes`, { token: operator, json: { ...node, values: plain } })).status, 201);
  const rows = [
    [{ postInstall: { ssh: { x: [{ secret: 'backup-key' }] } } }, 'values.postInstall.ssh.x.0'],
    // A map with one key more becomes a reference when it is laid over the profile.
    [{ postInstall: { ssh: { y: { secret: 'backup-key', z: null } } } }, 'values.postInstall.ssh.y'],
    [{ postInstall: { 'custom-scripts': { scripts: [] } } }, 'values.postInstall.custom-scripts'],
    [{ postInstall: { 'admin-user': { 'keys+': ['ssh-ed25519 AAAA'] } } }, 'values.postInstall.admin-user'],
    [{ answer: { global: { 'root-ssh-keys+': ['ssh-ed25519 AAAA'] } } }, 'values.answer.global.root-ssh-keys+'],
  ] as const;
  for (const [values, field] of rows) {
    const row = { fqdn: 'pve2.lab.example', macs: [NEW], values };
    for (const [name, path, method, json] of [
      ['added', '/nodes', 'POST', { ...node, mac: NEW, fqdn: 'pve2.lab.example', values }],
      ['changed', '/nodes/pve1', 'PATCH', { values }],
      ['imported', '/nodes/import', 'POST', [row]],
      ['looked at by import', '/nodes/import?dry_run=true', 'POST', [row]],
      ['adopted', `/discovered/${OTHER}/adopt`, 'POST', { fqdn: 'pve2.lab.example', profile: 'default', values }],
    ] as const) {
      const refused = await parts.call(`${url}${path}`, { token: operator, method, json });
      const told = JSON.parse(refused.text);
      t.match(
        [refused.status, told.code, told.field],
        [403, 'node.values-of-admin', field],
        `${name}: ${refused.text}`,
      );
    }
  }
  t.match(await parts.journey.store.nodes.list(), [{ fqdn: 'pve1.lab.example', revision: 1, values: plain }]);
  const values = { postInstall: { 'admin-user': { comment: 'rack 7' } } };
  t.equal((await parts.call(`${url}/nodes/pve1`, { token: admin, method: 'PATCH', json: { values } })).status, 200);
  const notes = await parts.call(`${url}/nodes/pve1`, { token: operator, method: 'PATCH', json: { notes: 'x' } });
  t.equal(notes.status, 200, 'and an operator goes on to work with that node');
});

t.test('adopted by the command line, under both names of the option; what comes and goes is told whole', async (t) => {
  const parts = await rack(t);
  const cli = commandLine(parts, t.testdir(), await parts.token('operator'));
  const told = async (): Promise<unknown> => (await parts.journey.store.audit.list(1))[0];
  for (const [mac, flag, fqdn] of [
    [OTHER, '--fqdn', 'pve2.lab.example'],
    [NEW, '--name', 'pve3.lab.example'],
  ] as const) {
    await parts.journey.store.discovered.record(aMachine({ mac }), 10);
    const adopted = await cli(`node adopt ${mac} ${flag} ${fqdn} --notes shelf --install-policy never --protect`);
    t.match(adopted, { status: 0, out: new RegExp(`registered ${fqdn}`) }, adopted.err);
    const whole = {
      macs: [mac],
      profile: 'default',
      tags: [],
      installPolicy: 'never',
      protected: true,
    };
    t.match(await told(), { action: 'node.adopted', target: fqdn, data: { before: null, after: whole } });
    t.equal((await cli(`node ${flag === '--name' ? 'remove' : 'rm'} ${fqdn} --yes`)).status, 0);
    t.match(await told(), { action: 'node.removed', target: fqdn, data: { before: whole, after: null } });
    t.notMatch(
      JSON.stringify(await parts.journey.store.audit.list(10)),
      'shelf',
      'notes are left out, as where they are changed',
    );
  }
  t.match(await cli(`node adopt ${OTHER}`), { status: 2, err: /--fqdn/ });
});

t.test('of many who change the same revision one wins', async (t) => {
  const parts = await rack(t);
  const admin = await parts.token('admin');
  await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  const url = `${parts.segment.httpsUrl}/api/v1/nodes/pve1`;
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      parts.call(url, {
        token: admin,
        method: 'PATCH',
        json: { notes: `by ${i}` },
        headers: { 'If-Match': '"1"' },
      }),
    ),
  );
  t.equal(replies.filter(({ status }) => status === 200).length, 1);
  t.equal(replies.filter(({ status }) => status === 412).length, 11);
});

t.test('what must not be installed is not armed, with the remedy', async (t) => {
  const parts = await rack(t);
  const admin = await parts.token('admin');
  const api = `${parts.segment.httpsUrl}/api/v1/nodes`;
  await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  const patch = (json: unknown) => parts.call(`${api}/pve1`, { token: admin, method: 'PATCH', json });
  const install = () => parts.call(`${api}/pve1/install`, { token: admin, json: {} });
  for (const [lock, unlock, code, remedy] of [
    [{ protected: true }, { protected: false }, 'node.protected', /unprotect pve1/],
    [{ installPolicy: 'never' }, { installPolicy: 'once' }, 'node.never-installed', /--install-policy once/],
  ] as const) {
    await patch(lock);
    const refused = await install();
    t.match(JSON.parse(refused.text), { status: 409, code, remedy });
    await patch(unlock);
  }
  t.equal((await install()).status, 201);
});

t.test('ports: one more, one less, never of two nodes', async (t) => {
  const parts = await rack(t);
  const admin = await parts.token('admin');
  const api = `${parts.segment.httpsUrl}/api/v1/nodes`;
  const call = (path: string, method: string, json?: unknown) =>
    parts.call(`${api}/${path}`, { token: admin, method, ...(json !== undefined && { json }) });
  await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' });
  await addNode(parts.journey, { macs: [NEW], fqdn: 'pve2.lab.example', profile: 'default' });
  t.match(JSON.parse((await call('pve1/macs', 'POST', { mac: 'BC-24-11-00-00-02' })).text).macs, [NODE_MAC, OTHER]);
  t.equal((await findNode(parts.journey, OTHER)).fqdn, 'pve1.lab.example');
  t.match(JSON.parse((await call('pve1/macs', 'POST', { mac: NEW })).text).code, 'node.mac-taken');
  t.match(JSON.parse((await call(`pve1/macs/${NEW}`, 'DELETE')).text).code, 'node.no-such-mac');
  t.match(JSON.parse((await call(`pve1/macs/${NODE_MAC}`, 'DELETE')).text).macs, [OTHER]);
  t.match(JSON.parse((await call(`pve1/macs/${OTHER}`, 'DELETE')).text).code, 'node.last-mac');
  t.match(await parts.journey.store.hardware.retiredAs(NODE_MAC), { fqdn: 'pve1.lab.example' });
});

t.test('an archived node keeps its history, and gives back what is not', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  const node = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'pooled' });
  const address = addressToNumber('127.0.0.20' as Ipv4);
  t.equal(await journey.store.claims.holderOf('address', address), node.id);
  const archived = await archiveNode(journey, node, BY);
  t.match(archived, { formerMacs: [NODE_MAC], archivedAt: Number });
  t.same(archived.macs, []);
  t.same(await journey.store.nodes.list(), []);
  t.equal(await journey.store.claims.holderOf('address', address), undefined);
  t.equal(await journey.store.nodes.byMac(NODE_MAC), undefined);
  t.equal((await findNode(journey, 'pve1.lab.example')).id, node.id, 'found by its full name as long as nobody has it');
  t.same(
    (await journey.store.events.newestOf(node.id, 10)).map(({ code }) => code),
    ['node.registered', 'node.archived'],
  );
  await t.rejects(archiveNode(journey, archived, BY), { code: 'node.archived' });
  const admin = await parts.token('admin');
  const armedIt = await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/${node.id}/install`, {
    token: admin,
    json: {},
  });
  t.match(JSON.parse(armedIt.text), { status: 409, code: 'node.archived' });

  const heir = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'pooled' });
  t.equal((await findNode(journey, 'pve1')).id, heir.id);
  t.same(
    (await journey.store.nodes.page({ limit: 5, archived: true })).map(({ id }) => id),
    [node.id],
  );
  await t.rejects(unarchiveNode(journey, archived, BY), { code: 'node.fqdn-taken' });
  await archiveNode(journey, heir, BY);
  t.match(await unarchiveNode(journey, archived, BY), { macs: [NODE_MAC], archivedAt: undefined });
  t.equal(await journey.store.claims.holderOf('address', address), node.id);
});

t.test('replaced hardware: everything stays but the machine', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  const node = await addNode(journey, {
    macs: [NODE_MAC, OTHER],
    fqdn: 'pve1.lab.example',
    profile: 'pooled',
    notes: 'kept',
  });
  journey.discovered.noteNode(node.id, FACTS, parts.segment);
  await journey.discovered.flush();
  await journey.store.discovered.record(aMachine({ mac: NEW, uuid: '4c4c4544-0051-3010-8052-b4c04f4a3132' }), 10);
  await t.rejects(replaceHardware(journey, node, [NODE_MAC, OTHER], BY), { code: 'node.same-hardware' });
  const next = await replaceHardware(journey, node, [NEW], BY);
  t.match(next, { id: node.id, fqdn: node.fqdn, macs: [NEW], notes: 'kept', revision: 2 });
  t.equal(await journey.store.claims.holderOf('address', addressToNumber('127.0.0.20' as Ipv4)), node.id);
  t.equal(await journey.store.nodes.byMac(NODE_MAC), undefined);
  t.match(await journey.store.hardware.ofNode(node.id), [{ source: 'dhcp', uuid: /^4c4c/ }], 'of the new machine');
  t.equal(await journey.store.discovered.byMac(NEW), undefined);
  for (const mac of [NODE_MAC, OTHER]) t.match(await journey.store.hardware.retiredAs(mac), { because: 'replaced' });
});

t.test('an address of a pool that answers on the network is passed over', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  parts.neighbours.set('127.0.0.20', 'aa:bb:cc:00:00:20' as Mac);
  const node = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'pooled' });
  t.equal(await journey.store.claims.holderOf('address', addressToNumber('127.0.0.21' as Ipv4)), node.id);
  t.match(
    (await journey.store.events.newestOf(node.id, 10)).map(({ code, data }) => ({ code, data })),
    [
      { code: 'node.registered' },
      { code: 'pool.address-answers', data: { address: '127.0.0.20', mac: 'aa:bb:cc:00:00:20' } },
    ],
  );
  parts.neighbours.set('127.0.0.22', 'aa:bb:cc:00:00:22' as Mac);
  await t.rejects(addNode(journey, { macs: [OTHER], fqdn: 'pve2.lab.example', profile: 'pooled' }), {
    code: 'pool.exhausted',
    message: /2 that no node holds are in use/,
  });
  t.equal(await journey.store.nodes.byMac(OTHER), undefined, 'nothing is half registered');
  parts.neighbours.set('127.0.0.22', OTHER);
  t.ok(
    await addNode(journey, { macs: [OTHER], fqdn: 'pve2.lab.example', profile: 'pooled' }),
    'its own answer is none of a stranger',
  );
});

t.test('many at once: addresses are tried before they are taken, and none is given twice', async (t) => {
  const parts = await startParts({ profiles: { pooled: POOLED.replace('20-127.0.0.22', '20-127.0.0.60') } });
  t.teardown(() => parts.close());
  const { journey } = parts;
  const busy = ['127.0.0.20', '127.0.0.23', '127.0.0.31'];
  for (const address of busy) parts.neighbours.set(address, 'aa:bb:cc:00:00:20' as Mac);
  const nodes = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      addNode(journey, {
        macs: [`bc:24:11:00:01:${(16 + i).toString(16)}`],
        fqdn: `n${i}.lab.example`,
        profile: 'pooled',
      }),
    ),
  );
  const held = (await Promise.all(nodes.map(({ id }) => journey.store.claims.ofNode(id))))
    .flat()
    .map(({ number }) => number);
  t.equal(new Set(held).size, 20);
  t.notOk(held.some((number) => busy.map((address) => addressToNumber(address as Ipv4)).includes(number)));
});

t.test('an address within what the DHCP server gives out is given, with a warning', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  const server = '127.0.0.254' as Ipv4;
  for (const address of ['127.0.0.10', '127.0.0.90']) journey.leases.note({ server, address: address as Ipv4 });
  const node = await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'pooled' });
  t.match((await journey.store.events.newestOf(node.id, 10)).at(-1), {
    code: 'pool.address-in-dhcp-range',
    data: { address: '127.0.0.20', server, from: '127.0.0.10', to: '127.0.0.90' },
  });
});
