import fc from 'fast-check';
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { ProfileError, readProfile } from '../../../src/profiles/load.ts';
import { overrideProfile, readNodeValues } from '../../../src/profiles/node-values.ts';

test('a profile, and the places of its values', (t) => {
  const profile = readProfile(
    'web-node.yaml',
    'extends: [base, _disks]\nanswer:\n  global:\n    keyboard: no\n    root-ssh-keys:\n      - one\n      - two\n',
  );
  t.equal(profile.name, 'web-node');
  t.same(profile.parents, ['base', '_disks']);
  t.same(profile.body, { answer: { global: { keyboard: 'no', 'root-ssh-keys': ['one', 'two'] } } }, 'no is not false');
  t.same(profile.originOf(['answer', 'global', 'keyboard']), { file: 'web-node.yaml', line: 4, column: 5 });
  t.same(profile.originOf(['answer', 'global', 'root-ssh-keys', '1']), { file: 'web-node.yaml', line: 7, column: 9 });
  t.same(profile.originOf(['answer', 'network', 'source']), { file: 'web-node.yaml', line: 2, column: 1 }, 'nearest');
  t.end();
});

/** YAML, the code of the first problem, and the place that it names. */
const BROKEN: ReadonlyArray<readonly [yaml: string, code: string, place: string]> = [
  ['', 'profile.shape', '1:1'],
  ['- a\n', 'profile.shape', '1:1'],
  ['answer: {\n', 'profile.yaml', '2:1'],
  ['answer:\n\tglobal: x\n', 'profile.yaml', '2:1'],
  ['answer:\n  global:\n    a: 1\n    a: 2\n', 'profile.yaml', '4:5'],
  ['answer: *nowhere\n', 'profile.yaml', '1:9'],
  ['answer: !!js/function "x"\n', 'profile.yaml', '1:9'],
  ['answr:\n  global: {}\n', 'profile.unknown-key', '1:1'],
  ['description: x\ninstall:\n  expireMinutes: 5\n', 'profile.unknown-key', '3:3'],
  ['install:\n  expiresMinutes: soon\n', 'profile.shape', '2:3'],
  ['install:\n  expiresMinutes: 0\n', 'profile.shape', '2:3'],
  ['install:\n  release: maybe\n', 'profile.shape', '2:3'],
  ['install:\n  kernelArgs: quiet\n', 'profile.shape', '2:3'],
  ['install:\n  kernelArgs: [ok, "a b"]\n', 'profile.shape', '2:20'],
  ['release: 9.2\n', 'profile.shape', '1:1'],
  ['product: esxi\n', 'profile.shape', '1:1'],
  ['answer: 5\n', 'profile.shape', '1:1'],
  ['answer:\n  global: x\n', 'profile.shape', '2:3'],
  ['postInstall:\n  ssh: true\n', 'profile.shape', '2:3'],
  ['extends: 5\n', 'profile.shape', '1:1'],
  ['answer:\n  global:\n    root-password: hunter2hunter2\n', 'profile.clear-password', '3:5'],
  ['answer:\n  global:\n    root_password: hunter2hunter2\n', 'profile.clear-password', '3:5'],
  ['answer:\n  global:\n    root-password: {secret: a, hint: b}\n', 'profile.clear-password', '3:5'],
  ['answer:\n  global:\n    root-password: {secret: root}\n', 'profile.root-password', '3:5'],
  ['answer:\n  global:\n    root_password: {secret: root}\n', 'profile.root-password', '3:5'],
  ['answer:\n  global:\n    fqdn: pve1.lab.example\n', 'profile.fqdn', '3:5'],
  // Not YAML, and what stands there may be a password.
  ['answer:\n  global:\n    root-password: *hunter2\n', 'profile.yaml', '3:20'],
  ['answer:\n  global:\n    root_password:\n      *hunter2\n', 'profile.yaml', '4:7'],
  ['answer:\n  global:\n    root-pasword: !hunter2 x\n', 'profile.yaml', '3:19'],
  ['answer:\n  global: { subscription-key: !hunter2 x }\n', 'profile.yaml', '2:31'],
  ['answer:\n  global:\n    root-password-hashed: |hunter2\n      x\n', 'profile.yaml', '3:28'],
  ['answer:\n  global:\n    root-password: "a\n      \\xhunter2"\n', 'profile.yaml', '4:7'],
  ['postInstall:\n  admin-user:\n    password: @hunter2\n', 'profile.yaml', '3:15'],
  ['answer:\n  first-boot: {source: from-iso}\n', 'profile.own-section', '2:3'],
];

test('every complaint names file, line and column, and says what to do', (t) => {
  for (const [yaml, code, place] of BROKEN) {
    try {
      readProfile('x.yaml', yaml);
      t.fail(`accepted: ${yaml}`);
    } catch (error) {
      if (!(error instanceof ProfileError)) throw error;
      t.equal(error.code, code, JSON.stringify(yaml));
      t.equal(error.message.split(': ')[0], `x.yaml:${place}`, JSON.stringify(yaml));
      t.match(error.remedy, /\S/);
      t.notMatch(`${error.message}${error.remedy}`, 'hunter2');
      t.notMatch(error.message, '\n');
    }
  }
  t.end();
});

test('a reference to a secret stays one', (t) => {
  const yaml = 'postInstall:\n  admin-user:\n    rootPassword: { secret: root }\n';
  t.match(readProfile('x.yaml', yaml).body, { postInstall: { 'admin-user': { rootPassword: { secret: 'root' } } } });
  t.end();
});

test('hints', (t) => {
  const remedy = (yaml: string): string | undefined => {
    try {
      readProfile('x.yaml', yaml);
    } catch (error) {
      return error instanceof IronwakeError ? error.remedy : undefined;
    }
    return undefined;
  };
  t.match(remedy('postinstall: {}\n'), 'Did you mean postInstall?');
  t.match(remedy('release: 9.2\n'), '"9.2"');
  t.match(remedy('product: esxi\n'), 'pve, pbs, pmg, pdm');
  t.match(remedy('answer:\n  global:\n    root-password: x\n'), 'ironwake secret set');
  t.end();
});

test('names of files that cannot be names of profiles', (t) => {
  for (const file of ['My Profile.yaml', '-x.yaml', 'ü.yaml', `${'a'.repeat(65)}.yaml`]) {
    t.throws(() => readProfile(file, 'answer: {}\n'), { code: 'profile.name' }, file);
  }
  t.end();
});

test('aliases cannot explode', (t) => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[i]}`).join(',')}]`)
    .join('\n')}\n`;
  t.throws(() => readProfile('x.yaml', bomb), { code: 'profile.yaml' });
  t.end();
});

test('fuzz: any text is a profile or a ProfileError', (t) => {
  const pieces = fc.array(
    fc.constantFrom(
      'answer:',
      'global:',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '&a',
      '*a',
      '"',
      '|',
      'null',
      'extends',
      ': ',
      '#',
      '\t',
      '!!',
      '<<',
      '\u0000',
    ),
    { maxLength: 30 },
  );
  const survives = (text: string): void => {
    try {
      readProfile('x.yaml', text);
    } catch (error) {
      if (!(error instanceof ProfileError)) throw error;
      t.match(error.message, /^x\.yaml:\d+:\d+: /);
    }
  };
  fc.assert(
    fc.property(pieces, (parts) => survives(parts.join(''))),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), survives));
  t.end();
});

test('values of a node', (t) => {
  t.same(readNodeValues({}), { answer: {}, postInstall: {} });
  t.same(readNodeValues({ network: { cidr: '192.0.2.1/24' } }).answer, {
    network: { source: 'from-answer', cidr: '192.0.2.1/24' },
  });
  const profile = { answer: { network: { source: 'from-dhcp' } }, postInstall: { ssh: { port: 22 }, admin: {} } };
  const values = { network: { cidr: '192.0.2.1/24' }, postInstall: { ssh: { port: 2222 }, admin: null } };
  const once = overrideProfile(profile, values);
  t.same(once, {
    answer: { network: { source: 'from-answer', cidr: '192.0.2.1/24' } },
    postInstall: { ssh: { port: 2222 } },
  });
  const again = overrideProfile({ answer: once.answer, postInstall: { ssh: { port: 2222 } } }, values);
  t.same(again, once, 'twice is as good as once');
  t.throws(() => readNodeValues({ network: { cidr: 1 } }), { code: 'node.values', field: 'values.network.cidr' });
  t.throws(() => readNodeValues({ networks: {} }), { code: 'node.values', field: 'values.networks' });
  t.throws(() => readNodeValues([]), { code: 'node.values' });
  t.throws(() => readNodeValues({ answer: { global: { 'root-password': 'x' } } }), { code: 'node.values' });
  t.end();
});
