import { test } from 'tap';
import { dialectFor, newestDialect } from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, answerKey } from '../../../src/answers/keys.ts';
import { compareReleases, type Product } from '../../../src/answers/release.ts';

const FOUND: ReadonlyArray<readonly [release: string, product: Product, dialect: string]> = [
  ['8.4', 'pve', '8.4'],
  ['8.9', 'pve', '8.4'],
  ['9.0', 'pve', '9.0'],
  ['9.1', 'pve', '9.1'],
  ['9.2', 'pve', '9.2'],
  ['9.3', 'pve', '9.2'],
  ['9.10', 'pve', '9.2'],
  ['10.0', 'pve', '9.2'],
  ['3.4', 'pbs', '8.4'],
  ['4.1', 'pbs', '9.1'],
  ['5.0', 'pbs', '9.2'],
  ['9.0', 'pmg', '9.0'],
  ['1.0', 'pdm', '9.1'],
];

test('a release finds its dialect, an unknown newer one the newest', (t) => {
  for (const [release, product, wanted] of FOUND) {
    t.equal(dialectFor(release, product).release, wanted, `${product} ${release}`);
  }
  t.end();
});

test('what is too old or not a release is refused', (t) => {
  for (const release of ['8.3', '8.2', '7.4'])
    t.throws(() => dialectFor(release), { code: 'release.unsupported' }, release);
  t.throws(() => dialectFor('8.2', 'pmg'), { code: 'release.unsupported' });
  t.throws(() => dialectFor('3.3', 'pbs'), { code: 'release.unsupported' });
  for (const release of ['', 'nine', '9.2-1', '9.2.', '../etc']) {
    t.throws(() => dialectFor(release), { code: 'release.malformed' }, release);
  }
  t.end();
});

test('the facts of the two dialects that the lab runs', (t) => {
  t.match(dialectFor('8.4'), {
    supportsRebootMode: true,
    supportsInterfacePinning: false,
    requestMacCase: 'lower',
    requiresNetworkSource: false,
  });
  t.match(newestDialect, {
    release: '9.2',
    supportsJsonAnswer: true,
    requestMacCase: 'upper',
    successStatuses: [200, 201],
  });
  t.end();
});

test('releases compare by number', (t) => {
  t.ok(compareReleases('9.10', '9.2') > 0);
  t.ok(compareReleases('8.4', '9.0') < 0);
  t.equal(compareReleases('9', '9.0'), 0);
  t.end();
});

test('the key table has each key once, and every nested key has its table', (t) => {
  const paths = ANSWER_KEYS.map((entry) => `${entry.section}.${entry.key}`);
  t.equal(new Set(paths).size, paths.length);
  for (const entry of ANSWER_KEYS) {
    t.match(entry.key, /^[a-z-]+(\.[a-z-]+)*$/);
    t.match(entry.text, /^[A-Z].*\.$/, entry.key);
    const parent = entry.key.lastIndexOf('.');
    if (parent > 0)
      t.match(answerKey(`${entry.section}.${entry.key.slice(0, parent)}`)?.type, /^(table|name-or-table)$/);
    if (entry.type === 'enum') t.ok((entry.values ?? []).length > 0, entry.key);
  }
  t.end();
});
