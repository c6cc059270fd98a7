/** Tags by name, then the node, over the profile; and what the templates of the result give. */
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { emptyLibrary, type Library, nextLibrary } from '../../../src/profiles/library.ts';
import { ProfileError } from '../../../src/profiles/load.ts';
import {
  neededPools,
  type ProfileSubject,
  profileForNode,
  renderForCheck,
  renderProfile,
} from '../../../src/profiles/node-profile.ts';
import type { ResolvedProfile } from '../../../src/profiles/resolve.ts';

function library(files: Readonly<Record<string, string>>): Library {
  const list = Object.entries(files).map(([file, text]) => ({ file, text, failure: undefined }));
  return nextLibrary(emptyLibrary, list, [], 1000);
}

function subject(changes: Partial<ProfileSubject> = {}): ProfileSubject {
  return {
    fqdn: 'pve1.lab.example' as Fqdn,
    macs: ['bc:24:11:00:00:01' as Mac],
    site: 'default',
    tags: [],
    values: {},
    ...changes,
  };
}

function merged(files: Readonly<Record<string, string>>, node: Partial<ProfileSubject>): ResolvedProfile {
  const { resolved, tags, problems } = library(files);
  const profile = resolved.get('a');
  if (profile === undefined) throw new Error(JSON.stringify(problems));
  return profileForNode(profile, (name) => tags.get(name), subject(node));
}

const PLAN = 'postInstall: {ssh: {}}\n';

/** Name, files beside, text of the profile, the node, what `answer.global` is then. */
const ROWS: ReadonlyArray<
  readonly [rule: string, files: Readonly<Record<string, string>>, node: Partial<ProfileSubject>, global: unknown]
> = [
  ['the profile alone', { 'a.yaml': `${PLAN}answer: {global: {k: profile}}` }, {}, { k: 'profile' }],
  [
    'parents in listed order',
    {
      '_p.yaml': 'answer: {global: {k: p, x: p}}',
      '_q.yaml': 'answer: {global: {k: q}}',
      'a.yaml': `${PLAN}extends: [_p, _q]`,
    },
    {},
    { k: 'q', x: 'p' },
  ],
  [
    'mix-ins over parents, in listed order, below the profile',
    {
      '_p.yaml': 'answer: {global: {k: p, m: p, n: p, o: p}}',
      '_m.yaml': 'answer: {global: {k: m, m: m, n: m}}',
      '_n.yaml': 'answer: {global: {k: n, n: n}}',
      'a.yaml': `${PLAN}mixins: [_m, _n]\nextends: _p\nanswer: {global: {k: a}}`,
    },
    {},
    { k: 'a', m: 'm', n: 'n', o: 'p' },
  ],
  [
    'a file that is reached twice is laid once, at its first place',
    {
      '_base.yaml': 'answer: {global: {k: base, "l+": [base]}}',
      '_p.yaml': 'extends: _base\nanswer: {global: {k: p}}',
      '_q.yaml': 'extends: _base\nanswer: {global: {"l+": [q]}}',
      'a.yaml': `${PLAN}extends: [_p, _q]`,
    },
    {},
    { k: 'p', l: ['base', 'q'] },
  ],
  [
    'a tag over the profile',
    { 'tags/rack.yaml': 'answer: {global: {k: tag}}', 'a.yaml': `${PLAN}answer: {global: {k: profile, x: 1}}` },
    { tags: ['rack'] },
    { k: 'tag', x: 1 },
  ],
  [
    'tags by name, not in the order of the node',
    { 'tags/b.yaml': 'answer: {global: {k: b}}', 'tags/a.yaml': 'answer: {global: {k: a, x: a}}', 'a.yaml': PLAN },
    { tags: ['b', 'a'] },
    { k: 'b', x: 'a' },
  ],
  [
    'a tag of another node does nothing',
    { 'tags/b.yaml': 'answer: {global: {k: b}}', 'a.yaml': `${PLAN}answer: {global: {k: profile}}` },
    { tags: ['c'] },
    { k: 'profile' },
  ],
  [
    'the node over its tags',
    { 'tags/b.yaml': 'answer: {global: {k: b, x: b}}', 'a.yaml': PLAN },
    { tags: ['b'], values: { answer: { global: { k: 'node' } } } },
    { k: 'node', x: 'b' },
  ],
  [
    'null in a tag removes',
    { 'tags/b.yaml': 'answer: {global: {k: null}}', 'a.yaml': `${PLAN}answer: {global: {k: 1, x: 2}}` },
    { tags: ['b'] },
    { x: 2 },
  ],
  [
    'null of the node removes',
    { 'a.yaml': `${PLAN}answer: {global: {k: 1, x: 2}}` },
    { values: { answer: { global: { k: null } } } },
    { x: 2 },
  ],
  [
    'key+ of profile, tag and node append one after the other',
    {
      '_p.yaml': 'answer: {global: {k: [1]}}',
      'tags/b.yaml': 'answer: {global: {"k+": [3]}}',
      'a.yaml': `${PLAN}extends: _p\nanswer: {global: {"k+": [2]}}`,
    },
    { tags: ['b'], values: { answer: { global: { 'k+': [4] } } } },
    { k: [1, 2, 3, 4] },
  ],
];

test('one row for each rule', (t) => {
  for (const [rule, files, node, global] of ROWS) t.strictSame(merged(files, node).answer.global, global, rule);
  t.end();
});

test('one node after the other, of the same profile', (t) => {
  const files = {
    'a.yaml': `${PLAN}answer: {global: {k: profile}}`,
    'tags/rack.yaml': 'answer: {global: {k: rack}}',
    'tags/ssd.yaml': 'answer: {global: {x: ssd}}',
  };
  const { resolved, tags } = library(files);
  const changed = library({ ...files, 'tags/rack.yaml': 'answer: {global: {k: other}}' });
  const profile = resolved.get('a');
  if (profile === undefined) throw new Error('no profile');
  // Tags, values, files of which library; what each gets, whoever came before.
  const rows: ReadonlyArray<readonly [Partial<ProfileSubject>, Library['tags'], unknown]> = [
    [{}, tags, { k: 'profile' }],
    [{ tags: ['rack'] }, tags, { k: 'rack' }],
    [{ tags: ['rack', 'label'] }, tags, { k: 'rack' }],
    [{ tags: ['rack'] }, changed.tags, { k: 'other' }],
    [{ tags: ['ssd', 'rack'] }, tags, { k: 'rack', x: 'ssd' }],
    [{ values: { answer: { global: { k: 'node' } } } }, tags, { k: 'node' }],
    [{ values: { answer: {} } }, tags, { k: 'profile' }],
    [{ tags: ['label'] }, tags, { k: 'profile' }],
  ];
  for (const [before] of rows) {
    for (const [node, of, global] of rows) {
      profileForNode(profile, (name) => tags.get(name), subject({ ...before, fqdn: 'pve0.lab.example' as Fqdn }));
      const got = profileForNode(profile, (name) => of.get(name), subject(node));
      t.strictSame(got.answer.global, global, JSON.stringify([before, node]));
      t.notOk(JSON.stringify(got).includes('pve0'), 'nothing of another node');
    }
  }
  t.end();
});

test('install and plan are merged by the same rules', (t) => {
  const files = {
    'tags/b.yaml': 'install: {expiresMinutes: 5, "kernelArgs+": [b]}\npostInstall: {ssh: null, admin-user: {name: b}}',
    'a.yaml': 'install: {kernelArgs: [a], release: confirm}\npostInstall: {ssh: {}, admin-user: {name: a, keys: [k]}}',
  };
  const profile = merged(files, { tags: ['b'] });
  t.same(profile.install, {
    expiresMinutes: 5,
    kernelArgs: ['a', 'b'],
    release: 'confirm',
    allowSecretsInAnswer: false,
    rootPassword: 'once',
  });
  t.same(profile.postInstall, { 'admin-user': { name: 'b', keys: ['k'] } });
  t.end();
});

test('every value says where it is from', (t) => {
  const files = {
    '_p.yaml': 'answer:\n  global:\n    country: at\n    root-ssh-keys: [one]\n',
    'tags/rack-a.yaml': 'description: x\nanswer:\n  global:\n    keyboard: de\n',
    'a.yaml': `extends: _p\n${PLAN}answer:\n  global:\n    root-ssh-keys+:\n      - two\n`,
  };
  const { origins } = merged(files, { tags: ['rack-a'], values: { network: { cidr: '192.0.2.9/24' } } });
  const place = (path: string): string => `${origins[path]?.file}:${origins[path]?.line}:${origins[path]?.column}`;
  t.equal(place('/answer/global/country'), '_p.yaml:3:5');
  t.equal(place('/answer/global/keyboard'), 'tags/rack-a.yaml:4:5');
  t.equal(place('/answer/global/root-ssh-keys'), '_p.yaml:4:5');
  t.equal(place('/answer/global/root-ssh-keys/0'), '_p.yaml:4:21');
  t.equal(place('/answer/global/root-ssh-keys/1'), 'a.yaml:6:9');
  t.equal(place('/answer/network/cidr'), 'values of pve1.lab.example:0:0');
  t.end();
});

const TEMPLATED = `types:
  rack: { type: text, choices: [a1, a2] }
  vlan: { type: integer, minimum: 1, maximum: 4094, example: 20 }
values: { site: vienna }
pools:
  lan: { range: 192.0.2.20-192.0.2.29 }
  unused: { range: 198.51.100.0/24 }
counters: { pve: { width: 2 } }
answer:
  global:
    mailto: 'root@{{domain}}'
    note: ['{{host}}', '{{values.rack}}-{{values.vlan}}']
  network: { source: from-answer, cidr: '{{pool.lan}}/24' }
postInstall:
  ssh: { banner: '{{values.site}} {{counter.pve}}', password: { secret: 'root-{{host}}' } }
`;

test('templates in answer and plan, from facts, values and numbers', (t) => {
  const values = { values: { rack: 'a2', vlan: 30 } };
  const profile = merged({ 'a.yaml': TEMPLATED }, { values });
  t.same(
    neededPools(profile).map(({ kind, name }) => `${kind} ${name}`),
    ['pool lan', 'counter pve'],
    'only what a template names',
  );
  const rendered = renderProfile(profile, subject({ values }), { pool: { lan: '192.0.2.20' }, counter: { pve: '01' } });
  t.same(rendered.answer, {
    global: { mailto: 'root@lab.example', note: ['pve1', 'a2-30'] },
    network: { source: 'from-answer', cidr: '192.0.2.20/24' },
  });
  t.same(rendered.postInstall, { ssh: { banner: 'vienna 01', password: { secret: 'root-pve1' } } });
  t.end();
});

test('without a node: examples, first choices, first numbers', (t) => {
  const profile = library({ 'a.yaml': TEMPLATED }).resolved.get('a');
  if (profile === undefined) throw new Error('broken');
  t.match(renderForCheck(profile).answer, {
    global: { mailto: 'root@example.test', note: ['node', 'a1-20'] },
    network: { cidr: '192.0.2.20/24' },
  });
  const skipping = library({ 'a.yaml': TEMPLATED.replace('0.2.29 }', '0.2.29, except: [192.0.2.20, 192.0.2.21] }') });
  t.match(renderForCheck(skipping.resolved.get('a') ?? profile).answer.network, { cidr: '192.0.2.22/24' });
  t.end();
});

/** What the profile's file says, code and place of the finding. */
const BROKEN: ReadonlyArray<readonly [text: string, code: string, place: string]> = [
  [`${PLAN}answer:\n  global:\n    mailto: 'root@{{domian}}'\n`, 'profile.template', 'a.yaml:4:5'],
  [
    `${PLAN}answer:\n  global:\n    root-ssh-keys:\n      - ok\n      - '{{nobody}}'\n`,
    'profile.template',
    'a.yaml:6:9',
  ],
  ["postInstall:\n  ssh:\n    banner: '{{values.rack}}'\n", 'profile.template', 'a.yaml:3:5'],
  [`${PLAN}answer: {global: {mailto: '{{#if x}}'}}\n`, 'profile.template', 'a.yaml:2:19'],
  [`${PLAN}types: {vlan: {type: integer}}\nvalues:\n  vlan: twenty\n`, 'profile.value-type', 'a.yaml:4:3'],
  [`${PLAN}pools:\n  lan:\n    range: nonsense\n`, 'profile.pool', 'a.yaml:4:5'],
  [`${PLAN}counters:\n  pve: { from: 9, to: 1 }\n`, 'profile.pool', 'a.yaml:3:19'],
  [`${PLAN}types: {vlan: {type: number}}\n`, 'profile.shape', 'a.yaml:2:16'],
  [`${PLAN}values: {a: {b: 1}}\n`, 'profile.shape', 'a.yaml:2:10'],
  [`${PLAN}pools: {lan: {}}\n`, 'profile.shape', 'a.yaml:2:9'],
  [`${PLAN}answer:\n  global:\n    k+: text\n`, 'profile.shape', 'a.yaml:4:5'],
  [`${PLAN}answer:\n  global:\n    k: [1]\n    k+: [2]\n`, 'profile.shape', 'a.yaml:5:5'],
  [`${PLAN}extends: _p\nanswer: {global: {"k+": [2]}}\n`, 'profile.append', 'a.yaml:3:19'],
  [`${PLAN}mixins: [_p, nowhere]\n`, 'profile.unknown-parent', 'a.yaml:2:1'],
  [`${PLAN}mixins: a\n`, 'profile.inheritance-loop', 'a.yaml:2:1'],
  [`${PLAN}answer: {global: {"root-password+": [x]}}\n`, 'profile.clear-password', 'a.yaml:2:19'],
];

test('what a file alone can have wrong', (t) => {
  for (const [text, code, place] of BROKEN) {
    const { problems, resolved } = library({ '_p.yaml': 'answer: {global: {k: 1}}\n', 'a.yaml': text });
    const errors = problems.filter(({ severity }) => severity === 'error');
    t.equal(errors[0]?.code, code, JSON.stringify(text));
    t.equal(errors[0]?.message.split(': ')[0], place, JSON.stringify(text));
    t.notOk(resolved.has('a'));
  }
  t.end();
});

test('what only a node can have wrong', (t) => {
  const codeOf = (files: Readonly<Record<string, string>>, node: Partial<ProfileSubject>): string | undefined => {
    try {
      merged(files, node);
    } catch (error) {
      if (error instanceof ProfileError) return `${error.code} ${error.message.split(': ')[0]}`;
      if (error instanceof IronwakeError) return `${error.code} ${error.field}`;
      throw error;
    }
    return undefined;
  };
  const profile = { 'a.yaml': TEMPLATED };
  const good = { values: { rack: 'a1', vlan: 1 } };
  t.equal(codeOf(profile, { values: good }), undefined);
  t.equal(codeOf(profile, { values: { values: { rack: 'a1' } } }), 'profile.value-missing a.yaml:3:11');
  t.equal(
    codeOf(profile, { values: { values: { rack: 'b9', vlan: 1 } } }),
    'profile.value-type values of pve1.lab.example',
  );
  t.equal(
    codeOf(profile, { values: { ...good, answer: { global: { mailto: '{{x}}' } } } }),
    'profile.template values of pve1.lab.example',
  );
  t.equal(codeOf(profile, { values: { values: 5 } }), 'node.values values.values');
  t.equal(
    codeOf(
      { ...profile, 'tags/b.yaml': "answer:\n  global:\n    mailto: '{{values.nope}}'\n" },
      { values: good, tags: ['b'] },
    ),
    'profile.template tags/b.yaml:3:5',
  );
  t.end();
});

test('tags have files of their own, last good versions too', (t) => {
  const files = { 'a.yaml': PLAN, 'tags/b.yaml': 'answer: {global: {k: 1}}' };
  const good = library(files);
  t.same([...good.tags.keys()], ['b']);
  const list = (text: string) => [
    { file: 'a.yaml', text: PLAN, failure: undefined },
    { file: 'tags/b.yaml', text, failure: undefined },
  ];
  const broken = nextLibrary(good, list('answer: {'), [], 2000);
  t.same(broken.tags.get('b')?.body, good.tags.get('b')?.body);
  t.match(broken.problems, [{ file: 'tags/b.yaml', code: 'profile.yaml', at: 2000 }]);
  for (const [text, code] of [
    ['extends: a\n', 'profile.unknown-key'],
    ['product: pve\n', 'profile.unknown-key'],
    ['- x\n', 'profile.shape'],
    ['answer: {global: {fqdn: a.b}}\n', 'profile.fqdn'],
  ] as const) {
    t.match(nextLibrary(emptyLibrary, list(text), [], 1).problems, [{ file: 'tags/b.yaml', code }], text);
  }
  const named = [{ file: 'tags/Rack A.yaml', text: '{}', failure: undefined }];
  t.match(nextLibrary(emptyLibrary, named, [], 1).problems, [{ code: 'profile.name' }]);
  t.end();
});
