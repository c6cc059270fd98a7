/**
 * Everything that the newest release knows, written for the installers of each release: spelling, order and what had to go are held by files in
 * test/fixtures/answers, one a release and file system. Run this file with IRONWAKE_WRITE=1 to write them anew, then read the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { test } from 'tap';
import { convertAnswer } from '../../../src/answers/convert.ts';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, isInRelease, nameIn, sectionSince } from '../../../src/answers/keys.ts';
import { compareReleases } from '../../../src/answers/release.ts';
import { reviewAnswer } from '../../../src/answers/review.ts';
import { foldSpelling } from '../../../src/answers/spelling.ts';
import { FINGERPRINT, HASH, type JsonMap, SMALLEST, SSH_KEY, STATIC } from '../../support/answers.ts';

const FOLDER = new URL('../../fixtures/answers/', import.meta.url);

const NETWORK: JsonMap = {
  ...STATIC,
  'interface-name-pinning': { enabled: true, mapping: { 'bc:24:11:00:00:01': 'lan0' } },
};

function globalWith(more: JsonMap): JsonMap {
  const { 'root-password-hashed': _hash, ...rest } = SMALLEST.global as JsonMap;
  return { ...rest, mailto: 'admin@example.org', 'root-ssh-keys': [SSH_KEY], 'reboot-on-error': true, ...more };
}

/** What stands in one file cannot stand in another: a level of ZFS and one of btrfs, a password and its hash, a list and a filter. */
const VARIANTS: Readonly<Record<string, JsonMap>> = {
  zfs: {
    global: globalWith({
      fqdn: { source: 'from-dhcp', domain: 'lab.example' },
      'root-password-hashed': HASH,
      'reboot-mode': 'power-off',
      'subscription-key': 'pve2c-0123456789',
    }),
    network: NETWORK,
    'disk-setup': {
      filesystem: 'zfs',
      filter: { ID_MODEL: 'Samsung*', DEVNAME: '/dev/nvme*' },
      'filter-match': 'all',
      zfs: {
        raid: 'RAID10',
        ashift: 12,
        'arc-max': 4096,
        checksum: 'sha256',
        compress: 'zstd',
        copies: 1,
        hdsize: 100.5,
      },
    },
    'post-installation-webhook': {
      url: 'https://192.0.2.2/w',
      'cert-fingerprint': 'ab'.repeat(32),
      'auth-token': 'token',
    },
    'first-boot': {
      source: 'from-url',
      ordering: 'network-online',
      url: 'https://192.0.2.2/h',
      'cert-fingerprint': 'ab'.repeat(32),
    },
  },
  lvm: {
    global: globalWith({ 'root-password': 'correct horse battery' }),
    network: { source: 'from-dhcp' },
    'disk-setup': {
      filesystem: 'ext4',
      'disk-list': ['sda'],
      lvm: { hdsize: 128, swapsize: 8, maxroot: 32.5, maxvz: 0, minfree: 16 },
    },
    'post-installation-webhook': { url: 'https://192.0.2.2/w', 'cert-fingerprint': FINGERPRINT },
    'first-boot': { source: 'from-iso', ordering: 'before-network' },
  },
  btrfs: {
    global: globalWith({ 'root-password': 'correct horse battery', 'reboot-mode': 'reboot' }),
    network: STATIC,
    'disk-setup': {
      filesystem: 'btrfs',
      'disk-list': ['nvme0n1', 'nvme1n1'],
      btrfs: { raid: 'RAID1', hdsize: 64, compress: 'zstd' },
    },
  },
};

const fileOf = (release: string, variant: string): URL => new URL(`every-key-${release}-${variant}.toml`, FOLDER);

function written(release: AnswerRelease, answer: JsonMap): string {
  const { toml, changes } = convertAnswer(foldSpelling(answer).answer, answerDialect(release));
  return `${changes.map((change) => `# ${change}\n`).join('')}${toml}`;
}

test('snapshots: every key, written for each release', (t) => {
  const files = new Set<string>();
  for (const release of ANSWER_RELEASES) {
    for (const [variant, answer] of Object.entries(VARIANTS)) {
      const file = fileOf(release, variant);
      files.add(file.href);
      const text = written(release, answer);
      if (process.env.IRONWAKE_WRITE === '1') writeFileSync(file, text);
      t.equal(text, readFileSync(file, 'utf8'), `${release} ${variant}`);
    }
  }
  const found = readdirSync(FOLDER).filter((name) => name.startsWith('every-key-'));
  t.same(
    found.filter((name) => !files.has(new URL(name, FOLDER).href)),
    [],
    'no file that nothing is compared with',
  );
  t.end();
});

/** The paths of all tables and values of a file, as they are spelled there. */
function pathsIn(table: object, prefix = ''): string[] {
  return Object.entries(table).flatMap(([key, value]: [string, unknown]) => {
    const path = `${prefix}${key}`;
    const below = typeof value === 'object' && value !== null && !Array.isArray(value);
    return below ? [path, ...pathsIn(value, `${path}.`)] : [path];
  });
}

/** A key as a file of this release spells it, its tables included. */
function spelledIn(release: AnswerRelease, section: string, key: string): string {
  const parts = key.split('.').map((_, i, all) => {
    const entry = ANSWER_KEYS.find((each) => each.section === section && each.key === all.slice(0, i + 1).join('.'));
    if (entry === undefined) throw new Error(`${section}.${key}: the table has no row for a part of it`);
    return nameIn(entry, release);
  });
  return [section, ...parts].join('.');
}

test('every key of every section that a release knows stands in a snapshot of that release, and no other', (t) => {
  for (const release of ANSWER_RELEASES) {
    const stands = new Set(
      Object.keys(VARIANTS).flatMap((variant) => pathsIn(parse(readFileSync(fileOf(release, variant), 'utf8')))),
    );
    const missing = ANSWER_KEYS.filter((entry) => isInRelease(entry, release))
      .map(({ section, key }) => spelledIn(release, section, key))
      .filter((path) => !stands.has(path));
    t.same(missing, [], `${release}: keys of the table that stand in none of its snapshots`);
    const unknown = ANSWER_KEYS.filter((entry) => !isInRelease(entry, release))
      .map(({ section, key }) => `${section}.${key}`)
      .filter((path) => stands.has(path) || stands.has(path.replaceAll('-', '_')));
    t.same(unknown, [], `${release}: keys that it does not know`);
    const sections = new Set([...stands].map((path) => path.split('.')[0] ?? ''));
    t.same(
      [...new Set(ANSWER_KEYS.map(({ section }) => section))].filter(
        (section) => sections.has(section) !== compareReleases(release, sectionSince(section)) >= 0,
      ),
      [],
      `${release}: sections`,
    );
  }
  t.end();
});

/** What had to go was needed: the older releases have no host name from DHCP, and the oldest no hashed password. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  '8.2 zfs': ['answer.password-missing global', 'answer.missing global.fqdn'],
  '8.3 zfs': ['answer.missing global.fqdn'],
};

test('what the snapshots are worth: the verdict of the release on each', (t) => {
  for (const release of ANSWER_RELEASES) {
    for (const variant of Object.keys(VARIANTS)) {
      const content = readFileSync(fileOf(release, variant));
      const { findings } = reviewAnswer(content, { dialect: answerDialect(release), product: 'pve', format: 'toml' });
      t.same(
        findings.filter(({ severity }) => severity === 'error').map(({ code, path }) => `${code} ${path}`),
        REFUSED[`${release} ${variant}`] ?? [],
        `${release} ${variant}`,
      );
    }
  }
  t.end();
});
