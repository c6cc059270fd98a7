import { Type } from '@sinclair/typebox';
import t from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { defineModule, type PostInstallModule, validateParameters } from '../../../src/postinstall/module.ts';
import { MODULES } from '../../../src/postinstall/modules/index.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFj1aGf0Yy1Jb3VyLXRlc3Qta2V5LW5vdC1hLXJlYWwtb25l ops@example';

function moduleOf(name: string, requires: readonly string[] = [], after: readonly string[] = []): PostInstallModule {
  return defineModule({
    name,
    title: name,
    parameters: Type.Object({ colour: Type.Optional(Type.String()) }, { additionalProperties: false }),
    supports: { pve: ['9'] },
    why: 'A test wants it.',
    requires,
    after,
    scope: 'node',
    proof: [],
    timeLimitSeconds: 1,
    folder: new URL('file:///nowhere/'),
    prepare: (params) => ({ parameters: { colour: params.colour ?? '' }, files: [] }),
  });
}

const namesOf = (postInstall: unknown, modules: readonly PostInstallModule[]) =>
  buildPlan({ postInstall, product: 'pve', release: '9.2', modules }).modules.map(({ module }) => module.name);

t.test('order', async (t) => {
  const c = moduleOf('c', ['b']);
  const b = moduleOf('b', ['a']);
  const a = moduleOf('a');
  const d = moduleOf('d');
  const rows: ReadonlyArray<[string, unknown, readonly PostInstallModule[], readonly string[]]> = [
    ['what comes after waits, whatever the list says', { c: {}, b: {}, a: {} }, [c, b, a], ['a', 'b', 'c']],
    ['the order of the profile does not count', { a: {}, b: {}, c: {} }, [c, b, a], ['a', 'b', 'c']],
    ['what is not in the plan is not waited for', { c: {}, d: {} }, [c, b, a, d], ['c', 'd']],
    ['no plan', undefined, [a], []],
    ['an empty plan', {}, [a], []],
  ];
  for (const [name, postInstall, modules, expected] of rows)
    t.strictSame(namesOf(postInstall, modules), expected, name);
  t.strictSame(
    buildPlan({ postInstall: { c: {}, b: {} }, product: 'pve', release: '9.2', modules: [c, b, a] }).modules.map(
      ({ module, needs }) => [module.name, needs],
    ),
    [
      ['b', []],
      ['c', ['b']],
    ],
  );
  const e = moduleOf('e', [], ['a', 'c']);
  t.strictSame(
    buildPlan({ postInstall: { e: {}, a: {} }, product: 'pve', release: '9.2', modules: [e, c, a] }).modules.map(
      ({ module, needs, follows }) => [module.name, needs, follows],
    ),
    [
      ['a', [], []],
      ['e', [], ['a']],
    ],
    'after is order only',
  );
});

t.test('what cannot be a plan', async (t) => {
  const x = moduleOf('x', ['y']);
  const y = moduleOf('y', ['x']);
  const shipped = { product: 'pve', release: '9.2' } as const;
  type Refused = [string, Parameters<typeof buildPlan>[0], Record<string, string | RegExp>];
  const rows: readonly Refused[] = [
    [
      'a misspelt module',
      { ...shipped, postInstall: { repositorys: {} } },
      { code: 'plan.module-unknown', field: 'postInstall.repositorys', remedy: "Did you mean 'repositories'?" },
    ],
    [
      'a module that is nothing like one',
      { ...shipped, postInstall: { 'quantum-foam': {} } },
      { code: 'plan.module-unknown', remedy: /^Modules are: .*admin-user, / },
    ],
    ['a list', { ...shipped, postInstall: ['ssh'] }, { code: 'plan.malformed', field: 'postInstall' }],
    ...[true, false, null, [], 'on'].map(
      (value): Refused => [
        `${JSON.stringify(value)} in place of parameters`,
        { ...shipped, postInstall: { ssh: value } },
        {
          code: 'plan.malformed',
          field: 'postInstall.ssh',
          remedy: 'Write ssh: {} for its defaults, or leave it out.',
        },
      ],
    ),
    [
      'modules that wait for each other',
      { ...shipped, modules: [x, y], postInstall: { x: {}, y: {} } },
      { code: 'plan.cycle', message: 'modules wait for each other: x, y' },
    ],
    [
      'a release that the module does not know',
      { product: 'pve', release: '7.4', postInstall: { ssh: {} } },
      { code: 'plan.not-supported', field: 'postInstall.ssh', message: 'module ssh does not know pve 7.4' },
    ],
    [
      'a product that the module does not know',
      { product: 'pbs', release: '9.2', modules: [moduleOf('x')], postInstall: { x: {} } },
      { code: 'plan.not-supported' },
    ],
    [
      'a parameter of the wrong type',
      { ...shipped, postInstall: { ssh: { maxAuthTries: 'many' } } },
      { code: 'plan.parameter', field: 'postInstall.ssh.maxAuthTries' },
    ],
    [
      'a misspelt parameter',
      { ...shipped, postInstall: { ssh: { maxAuthTry: 3 } } },
      { code: 'plan.parameter', field: 'postInstall.ssh.maxAuthTry', remedy: "Did you mean 'maxAuthTries'?" },
    ],
    [
      'no key for the administrator',
      { ...shipped, postInstall: { 'admin-user': { name: 'ops', keys: [] } } },
      { code: 'plan.parameter', field: 'postInstall.admin-user.keys' },
    ],
  ];
  for (const [name, request, expected] of rows) {
    try {
      buildPlan(request);
      t.fail(name);
    } catch (error) {
      t.ok(error instanceof IronwakeError, name);
      t.match(error, expected, name);
    }
  }
});

t.test('what a parameter must not be', async (t) => {
  const [repositories, adminUser] = ['repositories', 'admin-user'].map((wanted) =>
    MODULES.find(({ name }) => name === wanted),
  );
  if (repositories === undefined || adminUser === undefined) throw new Error('the shipped modules are not there');
  const user = { name: 'ops', keys: [KEY] };
  t.strictSame(validateParameters(adminUser, user), []);
  t.strictSame(validateParameters(repositories, undefined), []);
  const rows: ReadonlyArray<[string, PostInstallModule, unknown, string]> = [
    ['root as administrator', adminUser, { ...user, name: 'root' }, 'name'],
    ['a name with a space', adminUser, { ...user, name: 'o ps' }, 'name'],
    ['a name that ends a line', adminUser, { ...user, name: 'ops\nroot' }, 'name'],
    ['a name that a line break ends', adminUser, { ...user, name: 'ops\n' }, 'name'],
    ['a colon in the full name', adminUser, { ...user, comment: 'a:b' }, 'comment'],
    ['a key with options', adminUser, { ...user, keys: [`command="x" ${KEY}`] }, 'keys.0'],
    ['two keys in one', adminUser, { ...user, keys: [`${KEY}\n${KEY}`] }, 'keys.0'],
    ['a private key', adminUser, { ...user, keys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }, 'keys.0'],
    ['no name', adminUser, { keys: [KEY] }, 'name'],
    ['a mirror with a second line', repositories, { mirror: 'http://a\nURIs: http://b' }, 'mirror'],
    ['a mirror of another scheme', repositories, { mirror: 'file:///etc' }, 'mirror'],
    ['a private key as keyring', repositories, { keyring: '-----BEGIN PGP PRIVATE KEY BLOCK-----\n' }, 'keyring'],
    ['a channel nobody has', repositories, { channel: 'beta' }, 'channel'],
    ['no table', repositories, 'yes', ''],
  ];
  for (const [name, module, value, path] of rows) t.equal(validateParameters(module, value)[0]?.path, path, name);
});

t.test('the digest follows the content, not the way it is written', async (t) => {
  const digest = (postInstall: unknown, release = '9.2') => buildPlan({ postInstall, product: 'pve', release }).digest;
  t.equal(digest({ ssh: {}, repositories: {} }), digest({ repositories: { channel: 'no-subscription' }, ssh: {} }));
  t.not(digest({ ssh: {} }), digest({ ssh: { maxAuthTries: 3 } }));
  t.not(digest({ ssh: {} }), digest({ ssh: {} }, '8.4'));
});

t.test('repositories: one file for each Debian that has what is asked for', async (t) => {
  const filesOf = (params: unknown) =>
    Object.fromEntries(
      (
        buildPlan({ postInstall: { repositories: params }, product: 'pve', release: '9.2' }).modules[0]?.prepared
          .files ?? []
      ).map(({ name, content }) => [
        name,
        content.split('\n').filter((line) => /^(URIs|Suites|Comp|Signed)/.test(line)),
      ]),
    );
  t.strictSame(filesOf({ channel: 'test' }), {
    'bookworm.sources': [
      'URIs: http://download.proxmox.com/debian/pve',
      'Suites: bookworm',
      'Components: pvetest',
      'Signed-By: /etc/apt/trusted.gpg.d/proxmox-release-bookworm.gpg',
    ],
    'trixie.sources': [
      'URIs: http://download.proxmox.com/debian/pve',
      'Suites: trixie',
      'Components: pve-test',
      'Signed-By: /usr/share/keyrings/proxmox-archive-keyring.gpg',
    ],
  });
  t.strictSame(Object.keys(filesOf({ ceph: 'tentacle' })), ['trixie.sources']);
});
