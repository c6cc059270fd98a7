import { test } from 'tap';
import { emptyLibrary, type Library, nextLibrary, type ProfileChecks } from '../../../src/profiles/library.ts';

type Files = Readonly<Record<string, string | undefined>>;

/** The next state of a directory with these files. */
function next(before: Library, files: Files, checks: ProfileChecks = [], now = 1000): Library {
  const list = Object.entries(files).map(([file, text]) => ({
    file,
    text,
    failure: text === undefined ? 'EACCES' : undefined,
  }));
  return nextLibrary(before, list, checks, now);
}

const errors = (library: Library): string[] =>
  library.problems.filter((found) => found.severity === 'error').map((found) => `${found.code} ${found.message}`);
const warnings = (library: Library): string[] =>
  library.problems.filter((found) => found.severity === 'warning').map((found) => found.code);

const PLAN = 'postInstall: {ssh: {}}\n';

test('inheritance: parents in order, then the profile, defaults of install', (t) => {
  const library = next(emptyLibrary, {
    '_base.yaml': `answer: {global: {country: at, keyboard: de}, network: {source: from-dhcp}}\n${PLAN}`,
    '_disks.yaml': 'answer: {global: {keyboard: fr}, disk-setup: {disk-list: [sda, sdb]}}\n',
    'node.yaml': 'extends: [_base, _disks]\nanswer: {disk-setup: {disk-list: [vda]}}\ninstall: {release: confirm}\n',
  });
  t.same(errors(library), []);
  t.same([...library.resolved.keys()], ['node'], 'those with an underscore are only for extending');
  const node = library.resolved.get('node');
  t.same(node?.answer, {
    global: { country: 'at', keyboard: 'fr' },
    network: { source: 'from-dhcp' },
    'disk-setup': { 'disk-list': ['vda'] },
  });
  t.same(node?.install, {
    ...{ expiresMinutes: 60, kernelArgs: [], release: 'confirm', allowSecretsInAnswer: false, rootPassword: 'once' },
  });
  t.match(node?.version, /^[0-9a-f]{64}$/);
  t.same(node?.origins['/answer/global/keyboard'], { file: '_disks.yaml', line: 1, column: 19 });
  t.end();
});

test('the version follows the content, not the writing', (t) => {
  const version = (text: string): string | undefined =>
    next(emptyLibrary, { 'a.yaml': text }).resolved.get('a')?.version;
  const one = version(`# comment\nanswer:\n  network:\n    source: from-dhcp\n  global: {a: 1, b: 2}\n${PLAN}`);
  t.equal(version(`${PLAN}answer: {global: {b: 2, a: 1}, network: {source: from-dhcp}}\n`), one);
  t.not(version(`${PLAN}answer: {global: {b: 2, a: 2}, network: {source: from-dhcp}}\n`), one);
  t.end();
});

test('a circle and an unknown parent are named, with line and remedy', (t) => {
  const loop = next(emptyLibrary, {
    'a.yaml': `${PLAN}extends: b\n`,
    'b.yaml': 'extends: [c]\n',
    'c.yaml': 'extends: a\n',
  });
  t.match(errors(loop)[0], 'profile.inheritance-loop');
  t.match(errors(loop)[0], 'a -> b -> c -> a');
  t.match(errors(loop)[0], 'c.yaml:1:1');
  t.same([...loop.resolved.keys()], []);

  const self = next(emptyLibrary, { 'a.yaml': 'extends: a\n' });
  t.match(errors(self)[0], 'a -> a');

  const unknown = next(emptyLibrary, { 'default.yaml': PLAN, 'a.yaml': 'description: x\nextends: defualt\n' });
  t.match(
    unknown.problems.find((found) => found.file === 'a.yaml'),
    {
      code: 'profile.unknown-parent',
      line: 2,
      column: 1,
      remedy: 'Did you mean default?',
      message: "a.yaml:2:1: There is no profile 'defualt' to extend",
    },
  );
  t.same([...unknown.resolved.keys()], ['default'], 'the others are not harmed');
  t.end();
});

test('a parent that is reached twice is no circle', (t) => {
  const library = next(emptyLibrary, {
    '_base.yaml': `${PLAN}answer: {global: {country: at}}\n`,
    '_a.yaml': 'extends: _base\n',
    '_b.yaml': 'extends: _base\n',
    'c.yaml': 'extends: [_a, _b]\n',
  });
  t.same(errors(library), []);
  t.match(library.resolved.get('c')?.answer, { global: { country: 'at' } });
  t.end();
});

test('a broken file keeps the last good version until it is mended or removed', (t) => {
  const good = next(emptyLibrary, { 'a.yaml': `${PLAN}answer: {global: {country: at}}\n` });
  for (const broken of ['answer: {', '', 'nonsense: 1\n', undefined, 'extends: nowhere\n']) {
    const kept = next(good, { 'a.yaml': broken }, [], 2000);
    t.equal(kept.resolved.get('a')?.version, good.resolved.get('a')?.version, JSON.stringify(broken));
    t.equal(errors(kept).length > 0, true);
    const mended = next(kept, { 'a.yaml': `${PLAN}answer: {global: {country: de}}\n` });
    t.match(mended.resolved.get('a')?.answer, { global: { country: 'de' } });
    t.same(errors(mended), []);
    t.notOk(next(kept, {}).resolved.has('a'));
  }
  t.end();
});

test('a broken parent keeps its last good version for its children', (t) => {
  const good = next(emptyLibrary, {
    '_base.yaml': `${PLAN}answer: {global: {country: at}}\n`,
    'a.yaml': 'extends: _base\n',
  });
  const kept = next(good, {
    '_base.yaml': 'answer: [\n',
    'a.yaml': 'extends: _base\nanswer: {global: {keyboard: de}}\n',
  });
  t.same(kept.resolved.get('a')?.answer, { global: { country: 'at', keyboard: 'de' } });
  t.match(errors(kept), [/_base\.yaml:2:1/]);
  const orphan = next(good, { 'a.yaml': 'extends: _base\n' });
  t.equal(orphan.resolved.get('a')?.version, good.resolved.get('a')?.version, 'also when it was removed');
  t.end();
});

test('a file that was never good has no profile', (t) => {
  const library = next(emptyLibrary, { 'a.yaml': 'answer: {' });
  t.notOk(library.resolved.has('a'));
  t.equal(library.problems.length, 1);
  t.end();
});

test('two files of one name', (t) => {
  const library = next(emptyLibrary, { 'a.yaml': PLAN, 'a.yml': 'answer: {global: {country: at}}\n' });
  t.match(errors(library), [/^profile\.twice a\.yml:1:1: a\.yaml/]);
  t.same(library.resolved.get('a')?.answer, {});
  t.end();
});

test('a problem keeps the time when it was first seen', (t) => {
  const first = next(emptyLibrary, { 'a.yaml': 'answer: {' }, [], 1000);
  const second = next(first, { 'a.yaml': 'answer: {', 'b.yaml': '- x\n' }, [], 2000);
  t.same(
    second.problems.map((found) => [found.file, found.at]),
    [
      ['a.yaml', 1000],
      ['b.yaml', 2000],
    ],
  );
  t.end();
});

test('checks of other rooms: an error counts as broken, at the line where the value was set', (t) => {
  const checks: ProfileChecks = [
    (profile) =>
      (profile.answer.global as { country?: string } | undefined)?.country === 'uk'
        ? [
            {
              code: 'answer.country',
              severity: 'error',
              path: ['answer', 'global', 'country'],
              message: 'no',
              remedy: 'Write gb.',
            },
          ]
        : [],
  ];
  const good = next(
    emptyLibrary,
    { '_base.yaml': `${PLAN}answer:\n  global:\n    country: gb\n`, 'a.yaml': 'extends: _base\n' },
    checks,
  );
  t.same(errors(good), []);
  const bad = next(
    good,
    { '_base.yaml': `${PLAN}answer:\n  global:\n    country: uk\n`, 'a.yaml': 'extends: _base\n' },
    checks,
  );
  t.match(errors(bad), ['answer.country _base.yaml:4:5: no']);
  t.equal(bad.resolved.get('a')?.version, good.resolved.get('a')?.version);
  t.end();
});

test('advice', (t) => {
  const advice = (text: string): string[] => warnings(next(emptyLibrary, { 'a.yaml': text }));
  t.same(advice('answer: {}\n'), ['profile.no-plan']);
  t.same(advice(PLAN), []);
  t.same(advice('postInstall: {admin-user: {name: admin, keys: []}}\n'), ['profile.admin-without-key']);
  t.same(advice('postInstall: {admin-user: {name: admin}}\n'), ['profile.admin-without-key']);
  t.same(advice('postInstall: {admin-user: {name: admin, keys: [k]}}\n'), []);
  t.same(advice('postInstall: {admin-user: {name: admin, keys: {secret: k}}}\n'), []);
  t.end();
});

test('a module with nothing behind it: null removes what a layer has, and is an error where none has it', (t) => {
  const base = 'postInstall: {repositories: {}, ssh: {}}\n';
  const rows: ReadonlyArray<readonly [name: string, files: Readonly<Record<string, string>>, ...errors: string[]]> = [
    ['in the only file', { 'a.yaml': 'postInstall:\n  repositories: {}\n  ssh:\n' }, 'a.yaml:3:3'],
    ['written out', { 'a.yaml': 'postInstall: {ssh: null}\n' }, 'a.yaml:1:15'],
    ['two of them', { 'a.yaml': 'postInstall: {ssh: , repositories: }\n' }, 'a.yaml:1:15', 'a.yaml:1:22'],
    ['in a parent', { '_p.yaml': 'postInstall:\n  ssh:\n', 'a.yaml': 'extends: _p\n' }, '_p.yaml:2:3'],
    ['over a parent', { '_p.yaml': base, 'a.yaml': 'extends: _p\npostInstall: {ssh: null}\n' }],
    [
      'twice over a parent',
      {
        '_p.yaml': base,
        '_q.yaml': 'extends: _p\npostInstall: {ssh: null}\n',
        'a.yaml': 'extends: _q\npostInstall: {ssh: }\n',
      },
    ],
    ['under one that has it', { '_p.yaml': 'postInstall: {ssh: }\n', 'a.yaml': `extends: _p\n${base}` }],
    ['by a mix-in', { '_m.yaml': 'postInstall: {ssh: }\n', 'a.yaml': `mixins: _m\n${base}` }],
    ['a parameter, not a module', { 'a.yaml': 'postInstall: {ssh: {banner: }}\n' }],
    ['the whole plan', { 'a.yaml': 'postInstall:\n' }],
  ];
  for (const [name, files, ...places] of rows) {
    const { problems } = next(emptyLibrary, files);
    const found = problems.filter(({ severity }) => severity === 'error');
    t.same(
      found.map(({ message }) => message.split(': ')[0]),
      places,
      name,
    );
    for (const { code, remedy } of found) {
      t.equal(code, 'profile.empty-module', name);
      t.match(remedy, /^Write (?:ssh|repositories): \{\} for its defaults/, name);
    }
  }
  const removed = next(emptyLibrary, { '_p.yaml': base, 'a.yaml': 'extends: _p\npostInstall: {ssh: null}\n' });
  t.same(Object.keys(removed.resolved.get('a')?.postInstall ?? {}), ['repositories']);
  t.end();
});

test('advice about a place goes before a verdict on it: the node may bring what is missing', (t) => {
  const check: ProfileChecks[number] = () => [
    {
      code: 'plan.parameter',
      severity: 'error',
      path: ['postInstall', 'admin-user', 'keys'],
      message: 'too few',
      remedy: 'Add.',
    },
  ];
  const empty = next(emptyLibrary, { 'a.yaml': 'postInstall: {admin-user: {keys: []}}\n' }, [check]);
  t.same(errors(empty), []);
  t.same(warnings(empty), ['profile.admin-without-key']);
  const wrong = next(emptyLibrary, { 'a.yaml': 'postInstall: {admin-user: {keys: [x]}}\n' }, [check]);
  t.match(errors(wrong), ['plan.parameter a.yaml:1:28: too few']);
  t.end();
});
