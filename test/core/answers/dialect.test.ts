import { test } from 'tap';
import {
  ANSWER_RELEASES,
  answerDialect,
  type Dialect,
  dialectFor,
  isAnswerRelease,
  newestDialect,
} from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, answerKey, isInRelease } from '../../../src/answers/keys.ts';
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
  ['9', 'pve', '9.0'],
  ['9.2.1', 'pve', '9.2'],
  ['3.4', 'pbs', '8.4'],
  ['3.9', 'pbs', '8.4'],
  ['4.0', 'pbs', '9.0'],
  ['4.1', 'pbs', '9.1'],
  ['4.2', 'pbs', '9.2'],
  ['5.0', 'pbs', '9.2'],
  ['9.0', 'pmg', '9.0'],
  ['9.1', 'pmg', '9.2'],
  ['1.0', 'pdm', '9.1'],
  ['1.1', 'pdm', '9.2'],
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
  t.throws(() => dialectFor('0.9', 'pdm'), { code: 'release.unsupported' });
  t.throws(() => dialectFor('3.3', 'pbs'), {
    kind: 'refused',
    code: 'release.unsupported',
    field: 'release',
    message: /^The installer of Proxmox Backup Server 3\.3 is older than that of Proxmox VE 8\.4/,
    remedy: /^Use an image of Proxmox VE 8\.4 or newer \(Backup Server 3\.4/,
  });
  for (const release of ['', 'nine', '9.2-1', '9.2.', '../etc', '9.2.1.1', '1234.1', 'x9.2', '9x2']) {
    t.throws(() => dialectFor(release), { code: 'release.malformed' }, release);
  }
  t.throws(() => dialectFor('x'.repeat(50)), {
    kind: 'invalid',
    field: 'release',
    message: /^'x{20}' is not a release$/,
    remedy: /^Write major and minor version/,
  });
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

test('what came with which release', (t) => {
  const rows: ReadonlyArray<readonly [keyof Dialect, string]> = [
    ['takesHyphens', 'nnyyyy'],
    ['supportsRebootMode', 'nnyyyy'],
    ['supportsInterfacePinning', 'nnnnyy'],
    ['supportsSubscriptionKey', 'nnnnny'],
    ['supportsWebhookToken', 'nnnnny'],
    ['supportsJsonAnswer', 'nnnnny'],
    ['sendsBearerToken', 'nnnnny'],
    ['requiresNetworkSource', 'nnnnny'],
    ['takesBareAddress', 'nnnnny'],
  ];
  for (const [fact, wanted] of rows) {
    t.equal(ANSWER_RELEASES.map((release) => (answerDialect(release)[fact] ? 'y' : 'n')).join(''), wanted, fact);
  }
  for (const release of ANSWER_RELEASES) {
    const { largestWholeNumber, requestMacCase } = answerDialect(release);
    t.equal(largestWholeNumber, release === '9.2' ? 4_294_967_295n : 9_223_372_036_854_775_807n, release);
    t.equal(requestMacCase, release === '9.2' ? 'upper' : 'lower', release);
    t.ok(isAnswerRelease(release), release);
  }
  for (const text of ['', '8', '8.1', '9.3', '9.2.0']) t.notOk(isAnswerRelease(text), text);
  t.end();
});

test('a key that goes is in the releases between', (t) => {
  const mailto = answerKey('global.mailto');
  const gone = mailto && { ...mailto, since: '8.4', removed: '9.1' };
  t.equal(ANSWER_RELEASES.map((release) => (gone && isInRelease(gone, release) ? 'y' : 'n')).join(''), 'nnyynn');
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
    if (entry.type === 'integer' || entry.type === 'number') t.type(entry.range?.min, 'number', entry.key);
    if (entry.type === 'name-or-table') t.match(entry.tableSince, /^\d+\.\d+$/, entry.key);
  }
  t.end();
});
