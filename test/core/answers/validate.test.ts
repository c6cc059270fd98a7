import { test } from 'tap';
import { answerDialect, dialectFor, isAnswerRelease } from '../../../src/answers/dialect.ts';
import type { Finding, FindingCode, Judge } from '../../../src/answers/findings.ts';
import type { Product } from '../../../src/answers/release.ts';
import { officiallyAccepted, validateAnswer } from '../../../src/answers/validate.ts';
import { HASH, type Json, type JsonMap, SMALLEST, SSH_KEY, STATIC, withValue } from '../../support/answers.ts';

/** Path in the answer, the value there (`undefined` removes the key), the codes that must come; none means accepted. */
type Row = readonly [path: string | readonly string[], value: Json | undefined, ...codes: FindingCode[]];

function findingsOf(answer: unknown, release: string, product: Product): readonly Finding[] {
  return validateAnswer(answer, dialectFor(release, product), product);
}

function codesOf(answer: unknown, release = '9.2', product: Product = 'pve'): string[] {
  return findingsOf(answer, release, product).map((found) => found.code);
}

function rows(name: string, base: JsonMap, table: readonly Row[], release = '9.2', product: Product = 'pve'): void {
  test(`${name} (${product} ${release})`, (t) => {
    for (const [path, value, ...codes] of table) {
      const parts = typeof path === 'string' ? path.split('.') : path;
      const name = `${parts.join('.')} = ${JSON.stringify(value)}`;
      const found = findingsOf(withValue(base, parts, value), release, product);
      t.same(
        found.map(({ code }) => code),
        codes,
        name,
      );
      for (const { by, path, message, remedy } of found) {
        t.match(by, /^(?:installer|ironwake)$/, `${name}: says who refuses it`);
        t.match(path, /^\S/, name);
        t.match(message, /^\S.*[^.\s]$/, `${name}: says what is wrong`);
        t.match(remedy, /^[A-Z].*[.?]$/, `${name}: says what to write`);
      }
    }
    t.end();
  });
}

test('the smallest answer is accepted by every release', (t) => {
  for (const release of ['8.4', '9.0', '9.1', '9.2', '9.7', '10.0']) t.same(codesOf(SMALLEST, release), [], release);
  t.end();
});

test('what is not an answer at all', (t) => {
  for (const value of [null, undefined, 1, 'text', [], new Date(0)]) t.same(codesOf(value), ['answer.not-a-table']);
  t.match(codesOf({}), ['answer.missing', 'answer.missing', 'answer.missing', 'answer.password-missing']);
  t.same(codesOf({ ...SMALLEST, network: 'from-dhcp' }), ['answer.type']);
  t.same(codesOf({ ...SMALLEST, 'disk-setup': undefined }), ['answer.type', 'answer.disk-selection-missing']);
  t.end();
});

rows('sections and keys', SMALLEST, [
  ['disk_setup', {}, 'answer.unknown-section'],
  ['Global', {}, 'answer.unknown-section'],
  ['global.keyboad', 'de', 'answer.unknown-key'],
  ['global.__proto__', 'x', 'answer.unknown-key'],
  ['global.constructor', 'x', 'answer.unknown-key'],
  ['global.root_password', 'long enough', 'answer.old-spelling', 'answer.password-twice'],
  ['global.root_password_hashed', HASH, 'answer.duplicate-spelling'],
  ['disk-setup.disk_list', ['sda'], 'answer.duplicate-spelling'],
  ['global.reboot_mode', 'reboot', 'answer.old-spelling'],
  ['network.interface_name_pinning', { enabled: true }, 'answer.unknown-key'],
  ['disk-setup.zfs.level', 'raid1', 'answer.unknown-key', 'answer.foreign-options'],
  ['first-boot', { source: 'from-iso', script: 'x' }, 'answer.unknown-key'],
]);

rows('global', SMALLEST, [
  ['global.keyboard', 'us', 'answer.value'],
  ['global.keyboard', 'EN-US', 'answer.value'],
  ['global.keyboard', 'en-us'],
  ['global.keyboard', 'no'],
  ['global.keyboard', false, 'answer.type'],
  ['global.keyboard', undefined, 'answer.missing'],
  ['global.country', 'AT', 'answer.country'],
  ['global.country', 'uk', 'answer.country'],
  ['global.country', 'gb'],
  ['global.country', '', 'answer.country'],
  ['global.country', undefined, 'answer.missing'],
  ['global.fqdn', 'pve', 'answer.fqdn'],
  ['global.fqdn', '1.example', 'answer.fqdn'],
  ['global.fqdn', 'pve_1.example', 'answer.fqdn'],
  ['global.fqdn', 'pve1.example.', 'answer.fqdn'],
  ['global.fqdn', ' pve1.example', 'answer.fqdn'],
  ['global.fqdn', `${'a'.repeat(64)}.example`, 'answer.fqdn'],
  ['global.fqdn', 'pve.123'],
  ['global.fqdn', 'PVE1.Example.ORG'],
  ['global.fqdn', {}],
  ['global.fqdn', { source: 'from-dhcp', domain: 'lab.example' }],
  ['global.fqdn', { source: 'from-answer' }, 'answer.value'],
  ['global.fqdn', { domain: 'not_a_domain' }, 'answer.domain'],
  ['global.fqdn', 7, 'answer.type'],
  ['global.mailto', 'root@localhost'],
  ['global.mailto', 'nobody', 'answer.email'],
  ['global.mailto', 'a@b@c', 'answer.email'],
  ['global.mailto', 'mail@example.invalid', 'answer.email-default'],
  ['global.timezone', 'UTC'],
  ['global.timezone', 'Europe/Kyiv'],
  ['global.timezone', 'Europe/Kiev', 'answer.timezone'],
  ['global.timezone', 'Etc/UTC', 'answer.timezone'],
  ['global.timezone', 'GMT', 'answer.timezone'],
  ['global.root-password-hashed', undefined, 'answer.password-missing'],
  ['global.root-password', 'both of them', 'answer.password-twice'],
  ['global.root-password-hashed', 'secret', 'answer.password-hash'],
  ['global.root-password-hashed', '$1$abc$def', 'answer.password-hash'],
  ['global.root-password-hashed', `$2b$12$${'a'.repeat(53)}`],
  ['global.root-password-hashed', `$y$j9T$salt$${'a'.repeat(43)}`],
  ['global.root-password-hashed', `$5$rounds=5000$salt$${'a'.repeat(43)}`],
  ['global.root-ssh-keys', [SSH_KEY]],
  ['global.root-ssh-keys', []],
  ['global.root-ssh-keys', SSH_KEY, 'answer.type'],
  ['global.root-ssh-keys', ['ssh-ed25519 nonsense'], 'answer.ssh-key'],
  ['global.root-ssh-keys', [SSH_KEY.replace('ssh-ed25519', 'ssh-rsa')], 'answer.ssh-key'],
  ['global.root-ssh-keys', [`${SSH_KEY}\n${SSH_KEY}`], 'answer.control-character', 'answer.ssh-key'],
  ['global.reboot-on-error', true],
  ['global.reboot-on-error', 'yes', 'answer.type'],
  ['global.reboot-mode', 'power-off'],
  ['global.reboot-mode', 'poweroff', 'answer.value'],
  ['global.subscription-key', 'pve2c-0123456789'],
  ['global.subscription-key', 'pmgb-0123456789', 'answer.subscription-product'],
  ['global.subscription-key', 'junk', 'answer.subscription-key'],
  ['global.subscription-key', 'xpbsc-0123456789', 'answer.subscription-key'],
]);

test('a subscription key is for one product', (t) => {
  const rows: ReadonlyArray<
    readonly [product: Product, release: string, key: string, message: string, remedy: string]
  > = [
    ['pve', '9.2', 'pve2c-0123456789', '', ''],
    ['pve', '9.2', 'pbsc-0123456789', 'This key is not one for Proxmox VE', 'Write the key that begins with pve.'],
    ['pbs', '4.2', 'pbsc-0123456789', '', ''],
    [
      'pbs',
      '4.2',
      'pve2c-0123456789',
      'This key is not one for Proxmox Backup Server',
      'Write the key that begins with pbs.',
    ],
    ['pdm', '1.1', 'pve2c-0123456789', 'Datacenter Manager has no subscription keys', 'Remove it.'],
  ];
  for (const [product, release, key, message, remedy] of rows) {
    const [found] = findingsOf(withValue(SMALLEST, ['global', 'subscription-key'], key), release, product);
    t.equal(found?.message ?? '', message, `${product} ${key}`);
    t.equal(found?.remedy ?? '', remedy, `${product} ${key}`);
    if (found !== undefined) t.match(found, { code: 'answer.subscription-product', path: 'global.subscription-key' });
  }
  t.end();
});

test('a clear password has a length in bytes, and is one line', (t) => {
  const base = withValue(SMALLEST, ['global', 'root-password-hashed'], undefined);
  const codes = (password: string): string[] => codesOf(withValue(base, ['global', 'root-password'], password));
  t.same(codes('1234567'), ['answer.password-short']);
  t.same(codes('12345678'), []);
  t.same(codes('üüüü'), [], 'four characters of two bytes');
  t.same(codes('12345678\nroot:x'), ['answer.control-character']);
  t.end();
});

rows('network', SMALLEST, [
  ['network', { source: 'from-dhcp', cidr: '192.0.2.1/24' }, 'answer.address-unused'],
  ['network', { source: 'dhcp' }, 'answer.value'],
  ['network', {}, 'answer.missing'],
  ['network', { source: 'from-dhcp', filter: { DEVNAME: '*' } }, 'answer.address-unused'],
  ['network', { source: 'from-answer' }, ...Array<FindingCode>(4).fill('answer.address-missing')],
]);
rows(
  'network without source has a default before 9.2',
  SMALLEST,
  [
    ['network', {}],
    ['network', { dns: '192.0.2.53' }, 'answer.address-unused'],
  ],
  '9.1',
);

const STATIC_ANSWER: JsonMap = { ...SMALLEST, network: STATIC };
rows('static address', STATIC_ANSWER, [
  ['network.cidr', '192.0.2.10/24'],
  // The node would be alone in its network.
  ['network.cidr', '192.0.2.10', 'answer.prefix-missing', 'answer.gateway-outside'],
  ['network.cidr', '192.0.2.10/33', 'answer.cidr'],
  ['network.cidr', '192.0.2.300/24', 'answer.cidr'],
  ['network.cidr', '192.0.2.0/24', 'answer.cidr-not-a-host'],
  ['network.cidr', '192.0.2.255/24', 'answer.cidr-not-a-host'],
  ['network.cidr', '192.0.3.10/24', 'answer.gateway-outside'],
  ['network.cidr', '192.0.3.10/22'],
  ['network.cidr', 4, 'answer.type'],
  ['network.gateway', '192.0.2.10', 'answer.gateway-outside'],
  ['network.gateway', '198.51.100.1', 'answer.gateway-outside'],
  ['network.gateway', '169.254.0.1'],
  ['network.gateway', '2001:db8::1', 'answer.address-family'],
  ['network.gateway', 'router', 'answer.address'],
  ['network.gateway', undefined, 'answer.address-missing'],
  ['network.dns', '198.51.100.53'],
  ['network.dns', ['192.0.2.53'], 'answer.type'],
  ['network.dns', '192.0.2.53,192.0.2.54', 'answer.address'],
  ['network.dns', '2001:db8::53', 'answer.address-family'],
  ['network.filter', undefined, 'answer.address-missing'],
  ['network.filter', {}, 'answer.filter-empty'],
  ['network.filter', { ID_NET_NAME_MAC: '*bc2411000001', ID_PATH: '*' }, 'answer.nic-filter-keys'],
  ['network.filter', { ID_NET_NAME_MAC: '*BC2411000001' }, 'answer.nic-filter-mac'],
  ['network.filter', { ID_NET_NAME_MAC: 'bc2411000001' }, 'answer.nic-filter-mac'],
  ['network.filter', { ID_NET_NAME_MAC: 'enxbc2411000001' }],
  ['network.filter', { ID_PATH: 'pci-0000:[0' }, 'answer.glob'],
  ['network.filter', { ID_PATH: 'pci**' }, 'answer.glob'],
  ['network.filter', { ID_PATH: 'pci-0000:0[0-3]:??.[!1]' }],
  ['network.filter', { ID_PATH: 7 }, 'answer.type'],
]);

const IPV6_ANSWER: JsonMap = {
  ...SMALLEST,
  network: { ...STATIC, cidr: '2001:db8::10/64', gateway: 'fe80::1', dns: '2001:db8::53' },
};
rows('static IPv6 address', IPV6_ANSWER, [
  ['network.gateway', 'fe80::1'],
  ['network.gateway', '2001:db8::1'],
  ['network.gateway', '2001:db8:0:1::1', 'answer.gateway-outside'],
  ['network.gateway', '192.0.2.1', 'answer.address-family'],
  ['network.cidr', '2001:db8::/64', 'answer.cidr-not-a-host'],
  ['network.cidr', '2001:db8::10/129', 'answer.cidr'],
  ['network.cidr', '::ffff:192.0.2.1/96'],
]);

test('who refuses what depends on the release', (t) => {
  const judge = (answer: JsonMap, release: string): Judge | undefined =>
    validateAnswer(answer, dialectFor(release), 'pve')[0]?.by;
  const bare = withValue(STATIC_ANSWER, ['network', 'cidr'], '192.0.2.10');
  t.equal(judge(bare, '9.1'), 'installer', 'a bare address up to 9.1');
  t.equal(judge(bare, '9.2'), 'ironwake', 'a bare address from 9.2');
  const unfiltered = withValue(STATIC_ANSWER, ['network', 'filter'], undefined);
  t.equal(judge(unfiltered, '8.4'), 'installer');
  t.equal(judge(unfiltered, '9.2'), 'ironwake');
  const mirror = { ...SMALLEST, 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: { raid: 'raid1' } } };
  t.equal(judge(mirror, '8.4'), 'ironwake');
  t.equal(judge(mirror, '9.0'), 'installer');
  t.ok(officiallyAccepted(validateAnswer(bare, dialectFor('9.2'), 'pve')));
  t.notOk(officiallyAccepted(validateAnswer(bare, dialectFor('9.1'), 'pve')));
  t.end();
});

const PINNING = ['network', 'interface-name-pinning'];
const mapping = (map: JsonMap): Json => ({ enabled: true, mapping: map });
rows('pinned names', SMALLEST, [
  [PINNING, { enabled: true }],
  [PINNING, {}, 'answer.missing'],
  [PINNING, { enabled: false }, 'answer.pinning-disabled'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'lan0' })],
  [PINNING, mapping({ 'BC:24:11:00:00:01': 'lan0' }), 'answer.pinning-mac'],
  [PINNING, mapping({ 'bc-24-11-00-00-01': 'lan0' }), 'answer.pinning-mac'],
  [PINNING, mapping({ nonsense: 'lan0' }), 'answer.pinning-mac'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'Lan0' }), 'answer.pinning-name'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'a' }), 'answer.pinning-name'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'lan.5' }), 'answer.pinning-name'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'lan0', 'bc:24:11:00:00:02': 'lan0' }), 'answer.pinning-duplicate'],
  [PINNING, mapping({ 'bc:24:11:00:00:01': 'lan0', 'BC:24:11:00:00:01': 'lan1' }), 'answer.pinning-duplicate'],
]);
rows('disabled pinning, a name twice', SMALLEST, [
  [
    PINNING,
    { enabled: false, mapping: { 'bc:24:11:00:00:01': 'lan0', 'bc:24:11:00:00:02': 'lan0' } },
    'answer.pinning-disabled',
    'answer.pinning-duplicate',
  ],
]);
rows('an empty filter beside from-dhcp', SMALLEST, [['network.filter', {}, 'answer.address-unused']], '9.1');
rows('disabled pinning works in 9.1', SMALLEST, [[PINNING, { enabled: false }]], '9.1');

for (const release of ['8.4', '9.0', '9.1']) {
  rows('keys of 9.2', SMALLEST, [['global.subscription-key', 'pve2c-0123456789', 'answer.not-in-release']], release);
  const webhook = { url: 'http://192.0.2.1/', 'auth-token': 'x' };
  rows('webhook token', SMALLEST, [['post-installation-webhook', webhook, 'answer.not-in-release']], release);
}
for (const release of ['8.4', '9.0']) {
  rows('pinning is of 9.1', SMALLEST, [[PINNING, { enabled: true }, 'answer.not-in-release']], release);
}

rows('disks of ext4', SMALLEST, [
  ['disk-setup.filesystem', 'xfs'],
  ['disk-setup.filesystem', 'ext3', 'answer.value'],
  ['disk-setup.filesystem', undefined, 'answer.missing'],
  ['disk-setup.disk-list', undefined, 'answer.disk-selection-missing'],
  ['disk-setup.disk-list', [], 'answer.disk-selection-missing'],
  ['disk-setup.disk-list', ['sda', 'sdb'], 'answer.disk-count'],
  ['disk-setup.disk-list', 'sda', 'answer.type', 'answer.disk-selection-missing'],
  ['disk-setup.disk-list', ['/dev/sda']],
  ['disk-setup.disk-list', ['nvme0n1']],
  ['disk-setup.disk-list', ['/dev/disk/by-id/ata-X'], 'answer.disk-name'],
  ['disk-setup.disk-list', ['mmcblk0'], 'answer.disk-name'],
  ['disk-setup.disk-list', ['a'], 'answer.disk-name'],
  ['disk-setup.filter', { DEVNAME: '/dev/sda' }, 'answer.disk-selection-twice'],
  ['disk-setup.filter', {}, 'answer.filter-empty'],
  ['disk-setup.zfs', { raid: 'raid0' }, 'answer.foreign-options'],
  ['disk-setup.btrfs', {}, 'answer.foreign-options'],
  ['disk-setup.lvm', { hdsize: 100, swapsize: 8, maxroot: 20, maxvz: 0, minfree: 2.5 }],
  ['disk-setup.lvm', { hdsize: 4 }, 'answer.range'],
  ['disk-setup.lvm', { hdsize: '100' }, 'answer.type'],
  ['disk-setup.lvm', { hdsize: 20, swapsize: 11 }, 'answer.swap-size'],
  ['disk-setup.lvm', { hdsize: 20, swapsize: 10 }],
]);

rows('disks of xfs', withValue(SMALLEST, ['disk-setup', 'filesystem'], 'xfs'), [
  ['disk-setup.disk-list', ['sda', 'sdb'], 'answer.disk-count'],
  ['disk-setup.lvm', { hdsize: 100 }],
  ['disk-setup.zfs', {}, 'answer.foreign-options'],
]);

const FILTERED: JsonMap = { ...SMALLEST, 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/[sv]da' } } };
rows('disk filter of ext4', FILTERED, [
  ['disk-setup.filter', { ID_SERIAL: '*S3Z9*' }],
  ['disk-setup.filter', {}, 'answer.filter-empty'],
  ['disk-setup.filter', { ID_SERIAL: '' }, 'answer.glob'],
  ['disk-setup.filter', { ID_SERIAL: 'a**' }, 'answer.glob'],
  ['disk-setup.filter', { ID_SERIAL: '*1', ID_MODEL: 'X' }, 'answer.disk-filter-keys'],
  ...[
    '/dev/mmcblk0',
    '/dev/mmcblk*',
    '*mmcblk[0-9]',
    '/dev/sda1',
    '/dev/sda1*',
    '/dev/sd?[12]',
    '/dev/vda?',
    '/dev/loop*',
    '/dev/md?',
    'sd*',
  ].map((DEVNAME): Row => ['disk-setup.filter', { DEVNAME }, 'answer.disk-name']),
  ...[
    '*',
    '/dev/*',
    '/dev/sd*',
    '/dev/sd??',
    '/dev/sdi[t-z]',
    '/dev/nvme*',
    '/dev/nvme1?n1',
    '/dev/n*',
    '*n1',
    '/dev/cciss/c0d?',
    '/dev/[mmcblk]?*',
    '/dev/[!m]*',
    '/dev/hd[ab]',
  ].map((DEVNAME): Row => ['disk-setup.filter', { DEVNAME }]),
  ['disk-setup.filter', { DEVNAME: '' }, 'answer.glob'],
  ['disk-setup.filter', { DEVNAME: '/dev/mmc**' }, 'answer.glob'],
  ['disk-setup.filter', { DEVPATH: '*mmcblk0' }],
  ['disk-setup.filter', ['sda'], 'answer.type'],
  ['disk-setup.filter-match', 'all', 'answer.disk-filter-match'],
  ['disk-setup.filter-match', 'both', 'answer.value', 'answer.disk-filter-match'],
]);

const disks = (count: number): string[] => Array.from({ length: count }, (_, i) => `sd${String.fromCharCode(97 + i)}`);
const pool = (raid: string, count: number, more: JsonMap = {}): JsonMap => ({
  filesystem: 'zfs',
  'disk-list': disks(count),
  zfs: { raid, ...more },
});
const COUNTS: ReadonlyArray<readonly [string, number]> = [
  ['raid0', 1],
  ['raid1', 2],
  ['raid10', 4],
  ['raidz-1', 3],
  ['raidz-2', 4],
  ['raidz-3', 5],
];
for (const [raid, minimum] of COUNTS) {
  const fewer: Row =
    minimum > 1 ? ['disk-setup', pool(raid, minimum - 1), 'answer.disk-count'] : ['disk-setup', pool(raid, 1)];
  rows(`${raid} needs ${minimum}`, SMALLEST, [['disk-setup', pool(raid, minimum)], fewer]);
}

rows('zfs', SMALLEST, [
  ['disk-setup', pool('raid10', 5), 'answer.disk-count-odd'],
  ['disk-setup', pool('raid10', 6)],
  ['disk-setup', pool('RAID1', 2)],
  ['disk-setup', pool('RAIDZ-2', 4)],
  ['disk-setup', pool('Raid1', 2), 'answer.value'],
  ['disk-setup', pool('raidz1', 3), 'answer.value'],
  ['disk-setup', { filesystem: 'zfs', 'disk-list': ['sda'] }, 'answer.raid-missing'],
  ['disk-setup', { filesystem: 'zfs', 'disk-list': ['sda'], zfs: {} }, 'answer.raid-missing'],
  ['disk-setup', { ...pool('raid1', 2), 'disk-list': ['sda', '/dev/sda'] }, 'answer.disk-duplicate'],
  ['disk-setup', { ...pool('raid1', 2), 'disk-list': ['sda', 'sda'] }, 'answer.disk-duplicate'],
  ['disk-setup', { ...pool('raid1', 2), 'disk-list': ['ab', 'a/dev/b'] }, 'answer.disk-name', 'answer.disk-name'],
  ['disk-setup', { ...pool('raid1', 2), lvm: {} }, 'answer.foreign-options'],
  [
    'disk-setup',
    { filesystem: 'zfs', filter: { ID_MODEL: 'X*', DEVPATH: '*' }, 'filter-match': 'all', zfs: { raid: 'raid1' } },
  ],
  [
    'disk-setup',
    pool('raid1', 2, { ashift: 12, 'arc-max': 0, checksum: 'sha256', compress: 'zstd', copies: 1, hdsize: 32 }),
  ],
  ['disk-setup', pool('raid1', 2, { ashift: 99 }), 'answer.range'],
  ['disk-setup', pool('raid1', 2, { ashift: 12.5 }), 'answer.type'],
  ['disk-setup', pool('raid1', 2, { copies: 0 }), 'answer.range'],
  ['disk-setup', pool('raid1', 2, { copies: 4 }), 'answer.range'],
  ['disk-setup', pool('raid1', 2, { 'arc-max': -1 }), 'answer.range'],
  ['disk-setup', pool('raid1', 2, { 'arc-max': 1 }), 'answer.arc-max'],
  ['disk-setup', pool('raid1', 2, { 'arc-max': 63 }), 'answer.arc-max'],
  ['disk-setup', pool('raid1', 2, { 'arc-max': 64 })],
  ['disk-setup', pool('raid1', 2, { arc_max: 512 }), 'answer.old-spelling'],
  ['disk-setup', pool('raid1', 2, { compress: 'lzo' }), 'answer.value'],
  ['disk-setup', pool('raid1', 2, { checksum: 'off' }), 'answer.value'],
  [
    'disk-setup',
    { filesystem: 'zfs', filter: { ID_MODEL: 'X*' }, 'filter-match': 'all', zfs: { raid: 'raid1' } },
    'answer.disk-filter-all',
  ],
  [
    'disk-setup',
    {
      filesystem: 'zfs',
      filter: { ID_MODEL: 'X*', DEVNAME: '/dev/sd*' },
      'filter-match': 'all',
      zfs: { raid: 'raid1' },
    },
  ],
  [
    'disk-setup',
    { filesystem: 'zfs', filter: { ID_MODEL: 'X*', DEVNAME: '*' }, zfs: { raid: 'raid1' } },
    'answer.disk-filter-keys',
  ],
]);

const BTRFS: Json = { filesystem: 'btrfs', 'disk-list': ['sda', 'sdb'], btrfs: { raid: 'raid1', compress: 'zstd' } };
rows('btrfs', SMALLEST, [
  ['disk-setup', BTRFS],
  ['disk-setup', { filesystem: 'btrfs', 'disk-list': ['sda'], btrfs: { raid: 'raid1' } }, 'answer.disk-count'],
  ['disk-setup', { filesystem: 'btrfs', 'disk-list': ['sda'] }, 'answer.raid-missing'],
  [
    'disk-setup',
    { filesystem: 'btrfs', 'disk-list': ['sda', 'sdb', 'sdc'], btrfs: { raid: 'raidz-1' } },
    'answer.value',
  ],
]);
rows('btrfs is of Proxmox VE', SMALLEST, [['disk-setup', BTRFS, 'answer.filesystem-product']], '4.1', 'pbs');

const PIN = 'ab'.repeat(32);
rows('webhook and first boot', SMALLEST, [
  ['post-installation-webhook', { url: 'https://192.0.2.1:8443/x', 'cert-fingerprint': PIN }],
  ['post-installation-webhook', { url: 'https://192.0.2.1:8443/x', cert_fingerprint: PIN }, 'answer.old-spelling'],
  ['post-installation-webhook', { url: 'https://192.0.2.1:8443/x', 'cert-fingerprint': 'zz' }, 'answer.fingerprint'],
  ['post-installation-webhook', { url: 'https://192.0.2.1:8443/x' }, 'answer.fingerprint-missing'],
  ['post-installation-webhook', { url: 'http://192.0.2.1/x', 'auth-token': 'x' }],
  ['post-installation-webhook', { url: 'ftp://192.0.2.1/x' }, 'answer.url'],
  ['post-installation-webhook', { url: 'https://user:pw@host/', 'cert-fingerprint': PIN }, 'answer.url'],
  ['post-installation-webhook', {}, 'answer.missing'],
  [
    'first-boot',
    { source: 'from-url', url: 'https://192.0.2.1/', 'cert-fingerprint': PIN, ordering: 'network-online' },
  ],
  ['first-boot', { source: 'from-url' }, 'answer.first-boot-url'],
  ['first-boot', { source: 'from-url', url: 'https://192.0.2.1/' }, 'answer.fingerprint-missing'],
  ['first-boot', { source: 'from-url', url: 'http://192.0.2.1/' }],
  ['first-boot', { source: 'from-iso', url: 'https://192.0.2.1/' }],
  ['first-boot', { source: 'from-iso', ordering: 'before-network' }],
  ['first-boot', { source: 'from-iso', ordering: 'after-network' }, 'answer.value'],
  ['first-boot', { url: 'http://192.0.2.1/' }, 'answer.missing'],
  ['first-boot', { source: 'from-url', url: 'not a url' }, 'answer.url'],
]);

const OLD: JsonMap = {
  global: {
    keyboard: 'de',
    country: 'at',
    fqdn: 'pve1.lab.example',
    mailto: 'admin@example.org',
    timezone: 'UTC',
    root_password: 'correct horse',
  },
  network: { source: 'from-dhcp' },
  'disk-setup': { filesystem: 'ext4', disk_list: ['sda'] },
};
const POOL: JsonMap = withValue(SMALLEST, ['disk-setup'], pool('raid1', 2));

test('the words: where, what is wrong, what to write', (t) => {
  const rows: ReadonlyArray<
    readonly [base: JsonMap, path: string, value: Json | undefined, release: string, line: string]
  > = [
    [SMALLEST, 'network', undefined, '9.2', 'network: The section [network] is missing. Add [network].'],
    [SMALLEST, 'network', 5, '9.2', 'network: This must be a table. Write a table.'],
    [SMALLEST, 'first-boot', [], '9.2', 'first-boot: This must be a table. Write a table.'],
    [SMALLEST, 'netwrok', {}, '9.2', "netwrok: There is no section 'netwrok'. Did you mean network?"],
    [
      SMALLEST,
      'xyz',
      {},
      '9.2',
      "xyz: There is no section 'xyz'. Known here: global, network, disk-setup, post-installation-webhook, first-boot.",
    ],
    [
      OLD,
      'first-boot',
      { source: 'from-iso' },
      '8.2',
      'first-boot: The installer of 8.2 does not know [first-boot] (from 8.3 on). Remove it, or install a release that has it.',
    ],
    [SMALLEST, 'global.keybord', 'de', '9.2', "global.keybord: There is no key 'keybord'. Did you mean keyboard?"],
    [
      SMALLEST,
      'network.xyz',
      1,
      '9.2',
      "network.xyz: There is no key 'xyz'. Known here: source, cidr, dns, gateway, filter, interface-name-pinning.",
    ],
    [
      SMALLEST,
      'disk-setup',
      { filesystem: 'ext4', 'disk-list': ['sda'], 'lvm.hdsize': 100 },
      '9.2',
      "disk-setup.lvm.hdsize: There is no key 'lvm.hdsize'. In quotes it is one name with a dot; write a table.",
    ],
    [
      SMALLEST,
      'network.interface-nam-pinning',
      1,
      '9.0',
      "network.interface-nam-pinning: There is no key 'interface-nam-pinning'. Known here: source, cidr, dns, gateway, filter.",
    ],
    [
      SMALLEST,
      'global.subscription-key',
      'x',
      '9.1',
      'global.subscription-key: The installer of 9.1 does not know subscription-key (from 9.2 on). Remove it, or install a release that has it.',
    ],
    [
      OLD,
      'global.root-password',
      'x',
      '8.3',
      'global.root-password: root-password stands here in both spellings. Keep root_password only.',
    ],
    [
      SMALLEST,
      'global.root_password_hashed',
      'x',
      '9.2',
      'global.root_password_hashed: root-password-hashed stands here in both spellings. Keep root-password-hashed only.',
    ],
    [
      SMALLEST,
      'global.reboot_mode',
      'reboot',
      '9.2',
      'global.reboot_mode: The spelling with underscores ends with release 10. Write reboot-mode.',
    ],
    [
      OLD,
      'global.root-ssh-keys',
      [],
      '8.3',
      'global.root-ssh-keys: The installer of 8.3 spells it with underscores; hyphens came with 8.4. Write root_ssh_keys.',
    ],
    [
      OLD,
      'global.root_password',
      undefined,
      '8.3',
      'global: root has no password. Set root-password-hashed to a crypt(3) hash.',
    ],
    [
      OLD,
      'global.root_password',
      undefined,
      '8.2',
      'global: root has no password. Set root-password; hashes came with 8.3.',
    ],
    [
      SMALLEST,
      'global.root-password',
      'correct horse',
      '9.2',
      'global.root-password: root-password and root-password-hashed cannot stand together. Keep root-password-hashed.',
    ],
    [
      SMALLEST,
      'disk-setup.filesystem',
      undefined,
      '9.2',
      'disk-setup.filesystem: filesystem is missing. File system of the root disk. One of: ext4, xfs, zfs, btrfs.',
    ],
    [
      SMALLEST,
      'global.country',
      undefined,
      '9.2',
      'global.country: country is missing. ISO 3166-1 code of the country, two lower-case letters.',
    ],
    [
      SMALLEST,
      'global.root-ssh-keys',
      [SSH_KEY, 5],
      '9.2',
      'global.root-ssh-keys[1]: This must be a string. Write a string.',
    ],
    [
      SMALLEST,
      'global.root-ssh-keys',
      'x',
      '9.2',
      'global.root-ssh-keys: This must be a list of strings. Write a list of strings.',
    ],
    [SMALLEST, 'global.country', 5, '9.2', 'global.country: This must be a string. Write a string.'],
    [SMALLEST, 'global.keyboard', 5, '9.2', 'global.keyboard: This must be a string. Write a string.'],
    [
      SMALLEST,
      'global.reboot-on-error',
      1,
      '9.2',
      'global.reboot-on-error: This must be true or false. Write true or false.',
    ],
    [
      SMALLEST,
      'global.fqdn',
      5,
      '9.2',
      'global.fqdn: This must be a host name or a table. Write a host name or a table.',
    ],
    [
      OLD,
      'global.fqdn',
      {},
      '8.3',
      'global.fqdn: This must be a host name; the table comes with 8.4. Write a host name; the table comes with 8.4.',
    ],
    [SMALLEST, 'disk-setup.lvm', 5, '9.2', 'disk-setup.lvm: This must be a table. Write a table.'],
    [
      SMALLEST,
      'disk-setup.lvm',
      { hdsize: 'x' },
      '9.2',
      'disk-setup.lvm.hdsize: This must be a number. Write a number.',
    ],
    [
      POOL,
      'disk-setup.zfs.ashift',
      'x',
      '9.2',
      'disk-setup.zfs.ashift: This must be a whole number, without a decimal point. Write a whole number, without a decimal point.',
    ],
    [
      SMALLEST,
      'network.filter',
      5,
      '9.2',
      'network.filter: This must be a table of strings. Write a table of strings.',
    ],
    [
      { ...SMALLEST, network: STATIC },
      'network.filter',
      { ID_PATH: 5 },
      '9.2',
      'network.filter.ID_PATH: This must be a string. Write a string.',
    ],
    [
      SMALLEST,
      'disk-setup.filesystem',
      'xyz4',
      '9.2',
      "disk-setup.filesystem: 'xyz4' is not one of the values of filesystem. Write one of: ext4, xfs, zfs, btrfs.",
    ],
    [
      SMALLEST,
      'global.reboot-mode',
      'poweroff',
      '9.2',
      "global.reboot-mode: 'poweroff' is not one of the values of reboot-mode. Did you mean power-off? Values: reboot, power-off.",
    ],
    [
      POOL,
      'disk-setup.zfs.ashift',
      17,
      '9.2',
      'disk-setup.zfs.ashift: 17 is out of range, and the installer finds out too late or not at all. Write from 9 to 16.',
    ],
    [
      POOL,
      'disk-setup.zfs.hdsize',
      7.5,
      '9.2',
      'disk-setup.zfs.hdsize: 7.5 is out of range, and the installer finds out too late or not at all. Write at least 8 (GiB).',
    ],
    [
      POOL,
      'disk-setup.zfs.arc-max',
      2 ** 32,
      '9.2',
      "disk-setup.zfs.arc-max: 4294967296 does not fit into the installer's whole numbers. Write at least 0 (MiB).",
    ],
    [
      SMALLEST,
      'first-boot',
      { source: 'from-url' },
      '9.2',
      'first-boot.url: source is from-url and there is no url. Set first-boot.url.',
    ],
    [
      SMALLEST,
      'first-boot',
      { source: 'from-url', url: 'https://192.0.2.1/' },
      '9.2',
      'first-boot.cert-fingerprint: Without a fingerprint only a certificate of a public authority is trusted; fingerprints are not inherited. Set cert-fingerprint in this section as well.',
    ],
  ];
  for (const [base, path, value, release, line] of rows) {
    // The three first answers of all are for releases before those that a journey supports.
    const answer = withValue(base, path.split('.'), value);
    const [found] = validateAnswer(
      answer,
      isAnswerRelease(release) ? answerDialect(release) : dialectFor(release),
      'pve',
    );
    t.equal(
      found && `${found.path}: ${found.message}. ${found.remedy}`,
      line,
      `${path} = ${JSON.stringify(value)} (${release})`,
    );
  }
  t.match(findingsOf(7, '9.2', 'pve'), [
    {
      path: '',
      message: 'The answer is not a table',
      remedy: 'Write the sections [global], [network] and [disk-setup].',
    },
  ]);
  t.end();
});

test('first-boot without url: 8.3 takes it and stops on the machine, which is an error of ours', (t) => {
  t.same(validateAnswer({ ...OLD, 'first-boot': { source: 'from-url' } }, answerDialect('8.3'), 'pve'), [
    {
      code: 'answer.first-boot-url',
      severity: 'error',
      by: 'ironwake',
      path: 'first-boot.url',
      message: 'source is from-url and there is no url; the installer stops on the machine, where it wants to download',
      remedy: 'Set first-boot.url.',
    },
  ]);
  t.match(validateAnswer({ ...SMALLEST, 'first-boot': { source: 'from-url' } }, answerDialect('8.4'), 'pve'), [
    { code: 'answer.first-boot-url', by: 'installer' },
  ]);
  t.end();
});

test('what is found once is not found again', (t) => {
  const codes = (answer: JsonMap, release: '8.2' | '8.3'): string[] =>
    validateAnswer(answer, answerDialect(release), 'pve').map(({ code, path }) => `${code} ${path}`);
  t.same(codes(withValue(OLD, ['global', 'root_password'], undefined), '8.2'), ['answer.password-missing global']);
  t.same(codes({ ...OLD, 'post-installation-webhook': {} }, '8.2'), [
    'answer.not-in-release post-installation-webhook',
  ]);
  t.same(codes(withValue(OLD, ['global', 'root-password-hashed'], HASH), '8.2'), [
    'answer.not-in-release global.root-password-hashed',
  ]);
  t.same(codes(withValue(OLD, ['global', 'root-password-hashed'], HASH), '8.3'), [
    'answer.unknown-key global.root-password-hashed',
    'answer.password-twice global.root-password',
  ]);
  t.same(codes(withValue(OLD, ['global', 'root_ssh-keys'], []), '8.3'), ['answer.unknown-key global.root_ssh-keys']);
  t.same(codes(withValue(OLD, ['disk-setup', 'filter'], { 'a-b': 'x' }), '8.3'), [
    'answer.disk-selection-twice disk-setup.filter',
  ]);
  t.end();
});

rows('numbers at their bounds', POOL, [
  ['disk-setup.zfs.ashift', 9],
  ['disk-setup.zfs.ashift', 8, 'answer.range'],
  ['disk-setup.zfs.ashift', 16],
  ['disk-setup.zfs.ashift', 17, 'answer.range'],
  ['disk-setup.zfs.copies', 3],
  ['disk-setup.zfs.hdsize', 8],
  ['disk-setup.zfs.arc-max', 2 ** 32 - 1],
  ['disk-setup.zfs.arc-max', 2 ** 32, 'answer.range'],
]);

test('a control character is found wherever it stands', (t) => {
  const paths = (path: readonly string[], value: Json): string[] =>
    findingsOf(withValue(POOL, path, value), '9.2', 'pve')
      .filter(({ code }) => code === 'answer.control-character')
      .map((found) => found.path);
  t.same(paths(['global', 'country'], 'a\u0001t'), ['global.country']);
  t.same(paths(['global', 'root-ssh-keys'], [SSH_KEY, 'x\u0085']), ['global.root-ssh-keys[1]']);
  t.same(paths(['disk-setup', 'zfs', 'compress'], '\u2028'), ['disk-setup.zfs.compress']);
  t.same(paths(['na\u0001me'], {}), ['na\\u0001me']);
  t.same(paths(['disk-setup', 'zfs', 'na\u0001me'], 1), ['disk-setup.zfs.na\\u0001me']);
  t.same(paths(['disk-setup', 'zfs', 'a\u0001', 'b'], '\u0002'), [
    'disk-setup.zfs.a\\u0001',
    'disk-setup.zfs.a\\u0001.b',
  ]);
  t.same(paths(['global', 'fqdn'], 'gr\u00fcn.example'), [], 'a letter is none');
  t.end();
});

test('every finding has a path, a message of one line and a remedy, and shows no password', (t) => {
  const answer = withValue(
    withValue(SMALLEST, ['global', 'root-password-hashed'], 'hunter2hunter2'),
    ['global', 'count\u001bry'],
    '\u0007',
  );
  for (const found of validateAnswer(answer, dialectFor('9.2'), 'pve')) {
    const line = `${found.path} ${found.message} ${found.remedy}`;
    t.notMatch(line, /[\u0000-\u001f\u007f]/, found.code);
    t.notMatch(line, 'hunter2', found.code);
    t.match(found.remedy, /^[A-Z].*[.?]$/, found.code);
  }
  t.end();
});

test('a wrong spelling is answered with the right one', (t) => {
  const remedy = (path: string[], value: Json): string | undefined =>
    validateAnswer(withValue(SMALLEST, path, value), dialectFor('9.2'), 'pve')[0]?.remedy;
  t.match(remedy(['global', 'time-zone'], 'UTC'), 'Did you mean timezone?');
  t.match(remedy(['netwrok'], {}), 'Did you mean network?');
  t.match(remedy(['disk-setup', 'zfs', 'raidd'], 'x'), 'Did you mean raid?');
  t.match(remedy(['global', 'country'], 'DE'), 'lower case: de');
  t.match(remedy(['global', 'timezone'], 'Europe/Wien'), 'Europe/');
  t.end();
});
