/** Rules: strangers that are registered, named, armed, and those that are not. */
import t from 'tap';
import { DOCTOR_HOST_NAME } from '../../src/boot/facts.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { addNode } from '../../src/journey/registry.ts';
import { archiveNode, removeNode } from '../../src/journey/retire.ts';
import {
  addRule,
  changeRule,
  importRules,
  type NewRule,
  removeRule,
  rulesAbout,
  tryRule,
} from '../../src/journey/rules.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { FACTS, SYSTEM } from '../support/machine.ts';
import { NODE_AT, NODE_MAC, type Parts, PROFILE, STRANGER_AT, STRANGER_MAC, startParts } from '../support/parts.ts';

const RACKED = PROFILE.concat('counters:\n  rack: { from: 1, to: 6, width: 2 }\n');
const GIVES = { fqdn: 'pve{{counter.rack}}.lab.example', profile: 'racked', tags: ['rack-a'] };
const RULE: NewRule = { name: 'racks', when: ['mac:bc:24:11:*', '/boot/arch=bios'], gives: GIVES };
const audit = () => ({ at: 1, actor: 'a', from: 'f', action: 'rule.added', target: 'racks', data: {} });
const macOf = (n: number) => `bc:24:11:00:01:${n.toString(16).padStart(2, '0')}` as Mac;

async function rack(t: { teardown(work: () => Promise<void>): void }, ...rules: readonly NewRule[]): Promise<Parts> {
  const parts = await startParts({ profiles: { racked: RACKED } });
  t.teardown(() => parts.close());
  for (const rule of rules) await addRule(parts.journey, rule, 'admin', audit);
  return parts;
}

const ask = ({ journey, segment }: Parts, mac: Mac, changes: Partial<typeof FACTS> = {}) =>
  decideDhcp(journey, { ...FACTS, mac, ...changes }, segment);

t.test('without rules a stranger gets no reply, and is a line in a list', async (t) => {
  const parts = await rack(t);
  t.equal((await ask(parts, macOf(1))).kind, 'silent');
  await parts.journey.discovered.flush();
  t.match(await parts.journey.store.discovered.byMac(macOf(1)), { vendorClass: 'PXEClient' });
});

t.test('a rule registers, names by its counter, and leaves the machine on its disk', async (t) => {
  const parts = await rack(t, RULE);
  const { store } = parts.journey;
  await addNode(parts.journey, { macs: [NODE_MAC], fqdn: 'pve02.lab.example', profile: 'default' });
  for (const [n, name] of [
    [1, 'pve01.lab.example'],
    [2, 'pve03.lab.example'],
  ] as const) {
    t.equal((await ask(parts, macOf(n))).kind, 'local-disk');
    const node = await store.nodes.byMac(macOf(n));
    t.match(node, { fqdn: name, tags: ['rack-a'], profile: 'racked', revision: 1 });
    t.equal(await store.runs.latestOf(node?.id ?? ''), undefined, 'not armed');
    t.same(
      (await store.events.newestOf(node?.id ?? '', 9)).map(({ code }) => code),
      ['node.registered', 'rule.registered', 'boot.local-disk'],
    );
    const [record, ...more] = await store.hardware.ofNode(node?.id ?? '');
    t.match(record, { source: 'dhcp', data: { vendorClass: 'PXEClient', mac: macOf(n) } });
    t.notOk(Object.hasOwn(record?.data ?? {}, 'lastSeenAt'), 'as any other sighting is kept');
    t.same(more, []);
    t.match(
      (await rulesAbout(parts.journey, macOf(n))).verdicts[0]?.conditions[1],
      { condition: '/boot/arch=bios', holds: true },
      'rules see of a node what they saw of the stranger',
    );
  }
  t.match(await store.audit.list(1), [{ actor: 'rule racks', action: 'node.added', target: 'pve03.lab.example' }]);
  t.match(await store.rules.byName('racks'), { registered: 2 });
});

t.test('who is not taken in', async (t) => {
  const parts = await rack(t, { ...RULE, machines: 1 });
  const { journey } = parts;
  for (const [name, mac, changes] of [
    ['another MAC', '02:00:00:00:00:01' as Mac, {}],
    ['another architecture', macOf(1), { arch: undefined }],
    ['what does not netboot', macOf(1), { kind: 'other' }],
    ['the live system of an installer', macOf(1), { kind: 'installer' }],
    ['a request for the DHCP server', macOf(1), { message: 'request' }],
    ['what came to the boot server', macOf(1), { port: 4011 }],
    ['what came through a relay', macOf(1), { relay: '10.9.9.9' as Ipv4 }],
    ['what says that it came through a relay of our own network', macOf(1), { relay: '127.0.0.9' as Ipv4 }],
  ] as const) {
    await ask(parts, mac, changes);
    t.equal(await journey.store.nodes.byMac(mac), undefined, name);
  }
  await ask(parts, macOf(1));
  t.ok(await journey.store.nodes.byMac(macOf(1)));
  t.equal((await ask(parts, macOf(2))).kind, 'silent', 'the rule is full');
  t.match((await rulesAbout(journey, macOf(2))).verdicts, [{ because: 'full' }]);
});

t.test('what doctor asks is nobody: no rule, no place, no line in any list', async (t) => {
  const parts = await rack(t, { ...RULE, when: ['mac:bc:24:11:*'], machines: 1, mayArm: true });
  const { store } = parts.journey;
  const before = await store.events.lastId();
  for (const kind of ['pxe', 'ipxe', 'http-boot'] as const)
    t.equal((await ask(parts, macOf(1), { kind, hostName: DOCTOR_HOST_NAME })).kind, 'silent', kind);
  await parts.journey.discovered.flush();
  t.equal(await store.nodes.byMac(macOf(1)), undefined);
  t.equal(await store.discovered.byMac(macOf(1)), undefined);
  t.match(await store.rules.byName('racks'), { registered: 0 });
  t.equal(await store.events.lastId(), before);
  await ask(parts, macOf(1), { hostName: 'pve1' });
  t.ok(await store.nodes.byMac(macOf(1)), 'the same machine without the name is taken in');
});

t.test('a machine that was let go is not taken in again by itself', async (t) => {
  const parts = await rack(t, { ...RULE, mayArm: true });
  const { journey } = parts;
  for (const [mac, go] of [
    [macOf(1), removeNode],
    [macOf(2), (j: typeof journey, node: Parameters<typeof archiveNode>[1]) => archiveNode(j, node, { by: 'admin' })],
  ] as const) {
    const node = await addNode(journey, { macs: [mac], fqdn: `old${mac.slice(-2)}.lab.example`, profile: 'default' });
    await go(journey, node);
    t.equal((await ask(parts, mac)).kind, 'silent');
    t.equal(await journey.store.nodes.byMac(mac), undefined);
    t.match((await rulesAbout(journey, mac)).verdicts, [{ because: 'retired' }]);
    await addNode(journey, { macs: [mac], fqdn: `new${mac.slice(-2)}.lab.example`, profile: 'default' });
    t.equal(await journey.store.hardware.retiredAs(mac), undefined, 'a person takes it in');
  }
});

t.test('a rule that may arm arms once, and never a machine that is registered', async (t) => {
  const parts = await rack(t, { ...RULE, mayArm: true });
  const { store } = parts.journey;
  t.equal((await ask(parts, macOf(1))).kind, 'loader');
  const node = await store.nodes.byMac(macOf(1));
  const run = await store.runs.activeOf(node?.id ?? '');
  t.match(run, { state: 'booting', data: { armedBy: 'rule' } });
  await addNode(parts.journey, { macs: [macOf(2)], fqdn: 'mine.lab.example', profile: 'default' });
  t.equal((await ask(parts, macOf(2))).kind, 'local-disk');
  parts.clock.advance(61 * 60_000);
  t.equal((await ask(parts, macOf(1))).kind, 'local-disk', 'expired, and not armed again');
});

t.test('who registers the machine, or changes the rule, while it is at work has the last word', async (t) => {
  const parts = await rack(t, { ...RULE, mayArm: true });
  const { journey } = parts;
  const { store } = journey;
  const meanwhile = (work: () => Promise<unknown>): Parts => {
    let done = false;
    const transaction: typeof store.transaction = async (change) => {
      if (!done) {
        done = true;
        await work();
      }
      return store.transaction(change);
    };
    return { ...parts, journey: { ...journey, store: { ...store, transaction } } };
  };
  const register = () => addNode(journey, { macs: [macOf(1)], fqdn: 'mine.lab.example', profile: 'default' });
  t.equal((await ask(meanwhile(register), macOf(1))).kind, 'local-disk');
  const node = await store.nodes.byMac(macOf(1));
  t.match(node, { fqdn: 'mine.lab.example' });
  t.equal(await store.runs.latestOf(node?.id ?? ''), undefined, 'not armed');
  t.match(await store.rules.byName('racks'), { registered: 0 });

  const disarm = () => changeRule(journey, 'racks', { ...RULE, mayArm: false }, 'admin', undefined, audit);
  t.equal((await ask(meanwhile(disarm), macOf(2))).kind, 'silent');
  t.equal(await store.nodes.byMac(macOf(2)), undefined, 'the rule that was matched is not the rule any more');
});

t.test('what keeps a rule from its work is told, and nothing is half done', async (t) => {
  const parts = await rack(t, { ...RULE, gives: { ...GIVES, fqdn: 's-{{serial}}.lab.example' } });
  const { store } = parts.journey;
  t.equal((await ask(parts, macOf(1))).kind, 'silent');
  t.match(await store.events.ofMac(macOf(1)), [{ code: 'rule.not-registered', data: { message: /serial/ } }]);
  t.match(await store.rules.byName('racks'), { registered: 0 }, 'its place is free again');
  await ask(parts, macOf(1));
  t.equal((await store.events.ofMac(macOf(1))).length, 1, 'told of once in a minute');
  await store.media.remove('ab'.repeat(32));
  await addRule(parts.journey, { ...RULE, name: 'arming', priority: 9, mayArm: true }, 'admin', audit);
  t.equal((await ask(parts, macOf(2))).kind, 'local-disk');
  const node = await store.nodes.byMac(macOf(2));
  t.match((await store.events.newestOf(node?.id ?? '', 9)).map(({ code }) => code).includes('rule.not-armed'), true);
});

t.test('a rack that is switched on at once: each its own name, no more than the rule allows', async (t) => {
  const parts = await rack(t, { ...RULE, machines: 5 });
  const { store } = parts.journey;
  const macs = Array.from({ length: 12 }, (_, i) => macOf(i + 16));
  // Every machine asks three times, as firmware does.
  await Promise.all([...macs, ...macs, ...macs].map((mac) => ask(parts, mac)));
  const nodes = await store.nodes.list();
  t.equal(nodes.length, 5);
  t.equal(new Set(nodes.map(({ fqdn }) => fqdn)).size, 5);
  t.match(await store.rules.byName('racks'), { registered: 5 });
});

t.test('a dry run shows who matches, and why not the others, and writes nothing', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve9.lab.example', profile: 'default' });
  for (const mac of [macOf(1), '02:00:00:00:00:01' as Mac]) await ask(parts, mac);
  const tried = await tryRule(journey, RULE);
  t.match(
    Object.fromEntries(tried.map(({ mac, node, verdict, first }) => [mac, { node, because: verdict.because, first }])),
    {
      [macOf(1)]: { node: undefined, because: 'matches', first: 'racks' },
      '02:00:00:00:00:01': { because: 'condition', first: undefined },
      [NODE_MAC]: { node: 'pve9.lab.example', because: 'condition' },
    },
  );
  t.same(await journey.store.rules.list(), []);
  t.equal((await journey.store.nodes.list()).length, 1);
});

t.test('rules that cannot be meant are refused, and an import writes all or nothing', async (t) => {
  const parts = await rack(t);
  const { journey } = parts;
  const day = journey.clock.now() + 86_400_000;
  const rows: ReadonlyArray<readonly [string, Partial<NewRule>, string, RegExp]> = [
    ['no condition, and not said so', { when: [] }, 'when', /every machine/],
    ['a default with conditions', { default: true }, 'default', /no conditions/],
    ['a default that arms for ever', { when: [], default: true, mayArm: true }, 'expiresAt', /erases every machine/],
    [
      'a default that arms for a month',
      { when: [], default: true, mayArm: true, expiresAt: day * 2 },
      'expiresAt',
      /7 days/,
    ],
    ...[['mac:*'], ['mac:??:*:*'], ['mac:[0-9a-f]*'], ['mac:*', '/boot/arch=*'], ['mac:bc:*,*']].map(
      (when) => [`${when} that arms for ever`, { when, mayArm: true }, 'expiresAt', /erases every machine/] as const,
    ),
    ['one name for many', { gives: { ...GIVES, fqdn: 'pve.lab.example' } }, 'gives.fqdn', /same name/],
    ['a counter that there is not', { gives: { ...GIVES, profile: 'default' } }, 'gives.fqdn', /counter/],
    ['a bad condition', { when: ['mac:*', 'x'] }, 'when.1', /neither/],
    ['over already', { expiresAt: 1 }, 'expiresAt', /over/],
    ['a bad name', { name: '../x' }, 'name', /name of a rule/],
    ['no machine', { machines: 0 }, 'machines', /1 to/],
  ];
  for (const [name, change, field, message] of rows) {
    const rule = { ...RULE, ...change };
    await t.rejects(addRule(journey, rule, 'admin', audit), { status: 400, field, message }, name);
    await t.rejects(
      importRules(journey, [RULE, rule], 'admin', audit),
      { message, field: `items.1.${field}` },
      `${name}: imported`,
    );
  }
  t.same(await journey.store.rules.list(), []);
  t.same(await journey.store.audit.list(5), []);
  await importRules(journey, [RULE, { ...RULE, name: 'b', when: [], default: true }], 'admin', audit);
  await tryRule(journey, { ...RULE, when: ['mac:*'], mayArm: true, expiresAt: day });
  await tryRule(journey, { ...RULE, when: ['mac:*'] });
  await tryRule(journey, { ...RULE, when: ['mac:*', '/boot/arch=b*'], mayArm: true });
  await importRules(journey, [{ ...RULE, priority: 7 }], 'admin', audit);
  t.match(await journey.store.rules.list(), [{ name: 'racks', priority: 7, revision: 2 }, { name: 'b' }]);
  await removeRule(journey, 'b', undefined, audit);
  t.equal((await ask(parts, '02:00:00:00:00:01' as Mac)).kind, 'silent', 'what is removed acts no more');
});

t.test('a node says which rule registered it, as long as there is that rule', async (t) => {
  const parts = await rack(t, RULE);
  const { journey } = parts;
  await ask(parts, macOf(1));
  await addNode(journey, { macs: [NODE_MAC], fqdn: 'pve9.lab.example', profile: 'default' });
  const token = await parts.token('operator');
  const call = (path: string, options = {}) =>
    parts.call(`${parts.segment.httpsUrl}/api/v1/nodes${path}`, { token, ...options });
  const known = async (tag: unknown) =>
    (await call('/pve01.lab.example', { headers: { 'if-none-match': String(tag) } })).status;
  const tagOf = async () => (await call('/pve01.lab.example')).headers.etag;
  const rulesOf = async () => {
    const changed = await call('/pve01.lab.example', { method: 'PATCH', json: { notes: `n${journey.clock.now()}` } });
    const shown = await call('/pve01.lab.example');
    const list = JSON.parse((await call('')).text).items as ReadonlyArray<{ node: { fqdn: string; rule?: string } }>;
    return [
      JSON.parse(changed.text).rule,
      JSON.parse(shown.text).node.rule,
      ...list.map(({ node }) => [node.fqdn, node.rule]),
    ];
  };
  const person = ['pve9.lab.example', undefined];
  t.same(await rulesOf(), ['racks', 'racks', ['pve01.lab.example', 'racks'], person]);
  const tag = await tagOf();
  t.equal(await known(tag), 304);
  await changeRule(journey, 'racks', { ...RULE, name: 'shelves' }, 'admin', undefined, audit);
  t.equal(await known(tag), 200, 'the name of the rule is part of the answer');
  t.same(await rulesOf(), ['shelves', 'shelves', ['pve01.lab.example', 'shelves'], person]);
  await removeRule(journey, 'shelves', undefined, audit);
  await addRule(journey, { ...RULE, name: 'shelves' }, 'admin', audit);
  t.same(
    await rulesOf(),
    [undefined, undefined, ['pve01.lab.example', undefined], person],
    'another rule by that name',
  );
});

t.test('two rules of one name, and a rule that is changed at the same moment', async (t) => {
  const parts = await rack(t, RULE, { ...RULE, name: 'b' });
  const { journey } = parts;
  const { store } = journey;
  const taken = { code: 'rule.name-taken', status: 409, field: 'name', remedy: /ironwake rule rm racks/ };
  await t.rejects(addRule(journey, RULE, 'admin', audit), taken);
  await t.rejects(changeRule(journey, 'b', RULE, 'admin', undefined, audit), taken);
  const transaction: typeof store.transaction = (work) =>
    store.transaction((repositories) =>
      work({ ...repositories, rules: { ...repositories.rules, update: async () => false } }),
    );
  const audited = (await store.audit.list(9)).length;
  await t.rejects(
    changeRule({ ...journey, store: { ...store, transaction } }, 'b', { ...RULE, name: 'b' }, 'admin', 1, audit),
    { code: 'rule.changed', status: 409 },
  );
  t.equal((await store.audit.list(9)).length, audited, 'what was not written is not told');
  t.match(await store.rules.byName('b'), { revision: 1 });
});

t.test('an installer that nobody armed tells what its machine is, for itself alone', async (t) => {
  const rule = { ...RULE, when: ['/dmi/system/serial=A*'], gives: { ...GIVES, fqdn: 's-{{serial}}.lab.example' } };
  const parts = await rack(t, rule);
  const { store } = parts.journey;
  const told = (serial: string, mac: string) =>
    JSON.stringify({ ...JSON.parse(SYSTEM), dmi: { system: { serial } }, network_interfaces: [{ link: 'eno1', mac }] });
  const tell = (body: string, from: string) => parts.call(`${parts.segment.httpsUrl}/installer/answer`, { from, body });
  await ask(parts, STRANGER_MAC);
  t.equal((await tell(told('B1', STRANGER_MAC), NODE_AT)).status, 403);
  t.equal((await tell(told('A1', STRANGER_MAC), STRANGER_AT)).status, 403, 'no answer for it');
  t.match(await store.discovered.systemInformationOf(STRANGER_MAC), { dmi: { system: { serial: 'A1' } } });
  parts.clock.advance(20_000);
  await tell(told('A2', NODE_MAC), STRANGER_AT);
  t.match(await store.discovered.systemInformationOf(STRANGER_MAC), { dmi: { system: { serial: 'A1' } } });
  t.equal((await ask(parts, STRANGER_MAC)).kind, 'local-disk');
  t.match(await store.nodes.byMac(STRANGER_MAC), { fqdn: 's-a1.lab.example' });
});
