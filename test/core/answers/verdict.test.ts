/**
 * Whether the official installer of each release takes an answer. The verdicts are facts about its parser, taken from its sources release by
 * release and from runs of the real programs, not from our table: one row one rule, six letters for 8.2, 8.3, 8.4, 9.0, 9.1, 9.2
 * (y takes it, n refuses it).
 */
import { test } from 'tap';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../../src/answers/dialect.ts';
import { reviewAnswer } from '../../../src/answers/review.ts';
import { officiallyAccepted, validateAnswer } from '../../../src/answers/validate.ts';
import { HASH, type Json, type JsonMap, SSH_KEY, spelled, withValue } from '../../support/answers.ts';

type Changes = Readonly<Record<string, Json | undefined>>;
/** Name, what is changed (paths with hyphens, spelled for the release), who takes it. */
type Row = readonly [name: string, changes: Changes, verdicts: string];

const BASE: JsonMap = {
  global: {
    keyboard: 'de',
    country: 'at',
    fqdn: 'pve1.lab.example',
    mailto: 'root@localhost',
    timezone: 'Europe/Vienna',
    'root-password': 'correct horse',
  },
  network: { source: 'from-dhcp' },
  'disk-setup': { filesystem: 'ext4', 'disk-list': ['sda'] },
};

function changed(changes: Changes): JsonMap {
  let answer = BASE;
  for (const [path, value] of Object.entries(changes)) answer = withValue(answer, path.split('/'), value);
  return answer;
}

function verdictsOf(answer: JsonMap, spell = true): string {
  return ANSWER_RELEASES.map((release) => {
    const findings = validateAnswer(spell ? spelled(answer, release) : answer, answerDialect(release), 'pve');
    return officiallyAccepted(findings) ? 'y' : 'n';
  }).join('');
}

function table(title: string, rows: readonly Row[], spell = true): void {
  test(title, (t) => {
    for (const [name, changes, verdicts] of rows) t.equal(verdictsOf(changed(changes), spell), verdicts, name);
    t.end();
  });
}

const hashed = { 'global/root-password': undefined, 'global/root-password-hashed': HASH };
const STATIC = {
  source: 'from-answer',
  cidr: '192.0.2.10/24',
  dns: '192.0.2.53',
  gateway: '192.0.2.1',
  filter: { ID_PATH: 'pci*' },
};
const network = (more: JsonMap): Changes => ({ network: { ...STATIC, ...more } });
const without = (...keys: readonly string[]): Changes => ({
  network: Object.fromEntries(Object.entries(STATIC).filter(([key]) => !keys.includes(key))),
});
const zfs = (list: readonly string[], raid: string, more: JsonMap = {}): Changes => ({
  'disk-setup': { filesystem: 'zfs', 'disk-list': list, zfs: { raid, ...more } },
});
const btrfs = (list: readonly string[], options: JsonMap): Changes => ({
  'disk-setup': { filesystem: 'btrfs', 'disk-list': list, btrfs: options },
});
const pinning = (mapping: JsonMap, enabled = true): Changes => ({
  'network/interface-name-pinning': { enabled, mapping },
});
const MAC = 'bc:24:11:00:00:01';
const MAC2 = 'bc:24:11:00:00:02';

table('keys by release', [
  ['the base', {}, 'yyyyyy'],
  ['root-password-hashed', hashed, 'nyyyyy'],
  ['no password', { 'global/root-password': undefined }, 'nnnnnn'],
  ['both passwords', { 'global/root-password-hashed': HASH }, 'nnnnnn'],
  ['root-ssh-keys', { 'global/root-ssh-keys': [SSH_KEY] }, 'yyyyyy'],
  ['root-ssh-keys, not checked', { 'global/root-ssh-keys': ['junk'] }, 'yyyyyy'],
  ['reboot-on-error', { 'global/reboot-on-error': true }, 'yyyyyy'],
  ['reboot-mode', { 'global/reboot-mode': 'power-off' }, 'nnyyyy'],
  ['subscription-key', { 'global/subscription-key': 'pve2c-0123456789' }, 'nnnnny'],
  ['subscription-key, not checked', { 'global/subscription-key': 'junk' }, 'nnnnny'],
  ['fqdn as a table', { 'global/fqdn': { source: 'from-dhcp', domain: 'lab.example' } }, 'nnyyyy'],
  ['fqdn as an empty table', { 'global/fqdn': {} }, 'nnyyyy'],
  ['fqdn.source wrong', { 'global/fqdn': { source: 'from-answer' } }, 'nnnnnn'],
  ['fqdn.domain, not checked', { 'global/fqdn': { domain: 'not_a_domain' } }, 'nnyyyy'],
  ['fqdn.domain empty', { 'global/fqdn': { domain: '' } }, 'nnyyyy'],
  ['btrfs.compress', btrfs(['sda'], { raid: 'raid0', compress: 'zstd' }), 'nyyyyy'],
  ['webhook', { 'post-installation-webhook': { url: 'http://192.0.2.1/' } }, 'nyyyyy'],
  ['webhook url, not checked', { 'post-installation-webhook': { url: 'nowhere' } }, 'nyyyyy'],
  ['webhook without url', { 'post-installation-webhook': {} }, 'nnnnnn'],
  ['webhook fingerprint', { 'post-installation-webhook': { url: 'x', 'cert-fingerprint': 'zz' } }, 'nyyyyy'],
  ['webhook auth-token', { 'post-installation-webhook': { url: 'x', 'auth-token': 't' } }, 'nnnnny'],
  ['first-boot', { 'first-boot': { source: 'from-iso' } }, 'nyyyyy'],
  ['first-boot empty', { 'first-boot': {} }, 'nnnnnn'],
  [
    'first-boot url and fingerprint',
    { 'first-boot': { source: 'from-url', url: 'x', 'cert-fingerprint': 'y' } },
    'nyyyyy',
  ],
  // 8.3.3 stops on the machine, before its check; validate-answer looks since 8.3.5.
  ['first-boot without url', { 'first-boot': { source: 'from-url' } }, 'nynnnn'],
  ['first-boot ordering', { 'first-boot': { source: 'from-iso', ordering: 'before-network' } }, 'nyyyyy'],
  ['first-boot ordering wrong', { 'first-boot': { source: 'from-iso', ordering: 'multi-user' } }, 'nnnnnn'],
  ['pinning', pinning({ [MAC]: 'lan0' }), 'nnnnyy'],
  ['pinning without enabled', { 'network/interface-name-pinning': { mapping: {} } }, 'nnnnnn'],
  ['unknown section', { networking: {} }, 'nnnnnn'],
  ['unknown key', { 'global/locale': 'de_AT' }, 'nnnnnn'],
  ['unknown key two deep', { 'disk-setup/lvm': { size: 4 } }, 'nnnnnn'],
  ['a section missing', { network: undefined }, 'nnnnnn'],
  ['a section of the wrong type', { network: 'from-dhcp' }, 'nnnnnn'],
]);

table('global: values', [
  ['keyboard us', { 'global/keyboard': 'us' }, 'nnnnnn'],
  ['keyboard en-us', { 'global/keyboard': 'en-us' }, 'yyyyyy'],
  ['keyboard EN-US', { 'global/keyboard': 'EN-US' }, 'nnnnnn'],
  ['keyboard missing', { 'global/keyboard': undefined }, 'nnnnnn'],
  ['country gb', { 'global/country': 'gb' }, 'yyyyyy'],
  ['country uk', { 'global/country': 'uk' }, 'nnnnnn'],
  ['country US', { 'global/country': 'US' }, 'nnnnnn'],
  ['country missing', { 'global/country': undefined }, 'nnnnnn'],
  ['fqdn without domain', { 'global/fqdn': 'pve1' }, 'nnnnnn'],
  ['fqdn upper case', { 'global/fqdn': 'PVE1.Lab.Example' }, 'yyyyyy'],
  ['fqdn pve.123', { 'global/fqdn': 'pve.123' }, 'yyyyyy'],
  ['fqdn 123.pve', { 'global/fqdn': '123.pve' }, 'nnnnnn'],
  ['fqdn 1a.pve', { 'global/fqdn': '1a.pve' }, 'yyyyyy'],
  ['fqdn underscore', { 'global/fqdn': 'pve_1.lab' }, 'nnnnnn'],
  ['fqdn trailing dot', { 'global/fqdn': 'pve1.lab.' }, 'nnnnnn'],
  ['fqdn outer hyphen', { 'global/fqdn': 'pve1-.lab' }, 'nnnnnn'],
  ['fqdn blank around', { 'global/fqdn': ' pve1.lab' }, 'nnnnnn'],
  ['fqdn label of 63', { 'global/fqdn': `${'a'.repeat(63)}.lab` }, 'yyyyyy'],
  ['fqdn label of 64', { 'global/fqdn': `${'a'.repeat(64)}.lab` }, 'nnnnnn'],
  [
    'fqdn of 253',
    { 'global/fqdn': `${'a'.repeat(61)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}` },
    'yyyyyy',
  ],
  [
    'fqdn of 254',
    { 'global/fqdn': `${'a'.repeat(62)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}` },
    'nnnnnn',
  ],
  ['fqdn with a Kelvin sign, whose lower case is k', { 'global/fqdn': 'p\u212a.lab' }, 'nnnnnn'],
  ['fqdn as a number', { 'global/fqdn': 5 }, 'nnnnnn'],
  ['mailto localhost', { 'global/mailto': 'root@localhost' }, 'yyyyyy'],
  ['mailto malformed', { 'global/mailto': 'nobody' }, 'ynnnnn'],
  ['mailto default', { 'global/mailto': 'mail@example.invalid' }, 'ynnnnn'],
  ['mailto missing', { 'global/mailto': undefined }, 'nnnnnn'],
  ['timezone UTC', { 'global/timezone': 'UTC' }, 'yyyyyy'],
  ['timezone Etc/UTC', { 'global/timezone': 'Etc/UTC' }, 'nnnnnn'],
  ['timezone Europe/Kiev', { 'global/timezone': 'Europe/Kiev' }, 'nnnnnn'],
  ['timezone GMT', { 'global/timezone': 'GMT' }, 'nnnnnn'],
  ['password of 7', { 'global/root-password': '1234567' }, 'yynnnn'],
  ['password of 8', { 'global/root-password': '12345678' }, 'yyyyyy'],
  ['password of 8 bytes', { 'global/root-password': 'üüüü' }, 'yyyyyy'],
  ['password with a line break', { 'global/root-password': '12345678\nroot:x' }, 'yyyyyy'],
  ['password empty', { 'global/root-password': '' }, 'yynnnn'],
  ['hash that is none', { ...hashed, 'global/root-password-hashed': 'secret' }, 'nyyyyy'],
  ['keys as text', { 'global/root-ssh-keys': SSH_KEY }, 'nnnnnn'],
  ['reboot-on-error as text', { 'global/reboot-on-error': 'true' }, 'nnnnnn'],
  ['reboot-mode wrong', { 'global/reboot-mode': 'poweroff' }, 'nnnnnn'],
]);

table('network', [
  ['no source', { network: {} }, 'yyyyyn'],
  ['no source, but static keys', { network: without('source').network }, 'nnnnnn'],
  ['source wrong', { network: { source: 'dhcp' } }, 'nnnnnn'],
  ['from-dhcp and cidr', { 'network/cidr': '192.0.2.10/24' }, 'nnnnnn'],
  ['from-dhcp and filter', { 'network/filter': { ID_PATH: '*' } }, 'nnnnnn'],
  ['from-dhcp and an empty filter', { 'network/filter': {} }, 'nnnyyn'],
  ['from-dhcp, cidr and an empty filter', { 'network/cidr': '192.0.2.10/24', 'network/filter': {} }, 'nnnnnn'],
  ['static', network({}), 'yyyyyy'],
  ['without cidr', without('cidr'), 'nnnnnn'],
  ['without dns', without('dns'), 'nnnnnn'],
  ['without gateway', without('gateway'), 'nnnnnn'],
  ['without filter', without('filter'), 'nnnnny'],
  ['with an empty filter', network({ filter: {} }), 'yyynny'],
  ['filter with a number', network({ filter: { ID_PATH: 5 } }), 'nnnnnn'],
  ['filter with two keys', network({ filter: { ID_PATH: '*', ID_MODEL: '*' } }), 'yyyyyy'],
  ['filter with a broken glob', network({ filter: { ID_PATH: 'a**' } }), 'yyyyyy'],
  ['cidr without prefix', network({ cidr: '192.0.2.10' }), 'nnnnny'],
  ['cidr /33', network({ cidr: '192.0.2.10/33' }), 'nnnnnn'],
  ['cidr /024 and /+24', network({ cidr: '192.0.2.10/+024' }), 'yyyyyy'],
  ['cidr with a leading zero in the address', network({ cidr: '192.0.2.010/24' }), 'nnnnnn'],
  ['cidr of the network itself', network({ cidr: '192.0.2.0/24' }), 'yyyyyy'],
  ['cidr IPv6', network({ cidr: '2001:db8::1/64', gateway: 'fe80::1' }), 'yyyyyy'],
  ['cidr IPv6 /129', network({ cidr: '2001:db8::1/129' }), 'nnnnnn'],
  ['gateway of the other family', network({ gateway: '2001:db8::1' }), 'yyyyyy'],
  ['gateway outside', network({ gateway: '203.0.113.1' }), 'yyyyyy'],
  ['gateway with a zone', network({ gateway: 'fe80::1%eno1' }), 'nnnnnn'],
  ['dns as a list', network({ dns: ['192.0.2.53'] }), 'nnnnnn'],
  ['dns as a name', network({ dns: 'dns.example' }), 'nnnnnn'],
]);

table('pinned names', [
  ['with from-answer', { network: { ...STATIC, 'interface-name-pinning': { enabled: true } } }, 'nnnnyy'],
  ['disabled', pinning({}, false), 'nnnnyy'],
  ['disabled, with a name that no interface can have', pinning({ [MAC]: '!' }, false), 'nnnnyy'],
  ['one character', pinning({ [MAC]: 'a' }), 'nnnnnn'],
  ['15 characters', pinning({ [MAC]: 'a23456789012345' }), 'nnnnyy'],
  ['16 characters', pinning({ [MAC]: 'a234567890123456' }), 'nnnnnn'],
  ['a digit first', pinning({ [MAC]: '0lan' }), 'nnnnnn'],
  ['upper case', pinning({ [MAC]: 'LAN0' }), 'nnnnyy'],
  ['one character in upper case', pinning({ [MAC]: 'L' }), 'nnnnnn'],
  ['two in upper case', pinning({ [MAC]: 'LA' }), 'nnnnyy'],
  ['15 in upper case', pinning({ [MAC]: 'A23456789012345' }), 'nnnnyy'],
  ['16 in upper case', pinning({ [MAC]: 'A234567890123456' }), 'nnnnnn'],
  ['a dot and a number of two digits', pinning({ [MAC]: 'lan.55' }), 'nnnnny'],
  ['disabled, a name twice', pinning({ [MAC]: 'lan0', [MAC2]: 'lan0' }, false), 'nnnnyy'],
  ['a dot and a number', pinning({ [MAC]: 'lan.5' }), 'nnnnny'],
  ['one letter and a colon', pinning({ [MAC]: 'x1:1' }), 'nnnnny'],
  ['a hyphen', pinning({ [MAC]: 'lan-0' }), 'nnnnnn'],
  ['a name twice', pinning({ [MAC]: 'lan0', [MAC2]: 'lan0' }), 'nnnnnn'],
  ['a name twice for one MAC in two spellings', pinning({ [MAC]: 'lan0', [MAC.toUpperCase()]: 'lan0' }), 'nnnnny'],
  ['a MAC twice in two spellings', pinning({ [MAC]: 'lan0', [MAC.toUpperCase()]: 'lan1' }), 'nnnnyy'],
  ['a MAC that is none', pinning({ nonsense: 'lan0' }), 'nnnnyy'],
]);

table('disks', [
  ['xfs', { 'disk-setup/filesystem': 'xfs' }, 'yyyyyy'],
  ['ext3', { 'disk-setup/filesystem': 'ext3' }, 'nnnnnn'],
  ['EXT4', { 'disk-setup/filesystem': 'EXT4' }, 'nnnnnn'],
  ['no filesystem', { 'disk-setup/filesystem': undefined }, 'nnnnnn'],
  ['neither list nor filter', { 'disk-setup/disk-list': undefined }, 'nnnnnn'],
  ['an empty list', { 'disk-setup/disk-list': [] }, 'nnnnnn'],
  ['an empty filter', { 'disk-setup': { filesystem: 'ext4', filter: {} } }, 'yyynnn'],
  ['list and empty filter', { 'disk-setup/filter': {} }, 'nnnyyy'],
  ['list and filter', { 'disk-setup/filter': { DEVNAME: '*' } }, 'nnnnnn'],
  ['two disks for ext4', { 'disk-setup/disk-list': ['sda', 'sdb'] }, 'nnnnnn'],
  ['by-id', { 'disk-setup/disk-list': ['/dev/disk/by-id/x'] }, 'yyyyyy'],
  ['filter-match with ext4', { 'disk-setup/filter-match': 'all' }, 'yyyyyy'],
  ['filter-match wrong', { 'disk-setup/filter-match': 'some' }, 'nnnnnn'],
  ['options of zfs with ext4', { 'disk-setup/zfs': {} }, 'nnnnnn'],
  [
    'options of lvm with zfs',
    { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: { raid: 'raid0' }, lvm: {} } },
    'nnnnnn',
  ],
  ['options of btrfs with xfs', { 'disk-setup/filesystem': 'xfs', 'disk-setup/btrfs': {} }, 'nnnnnn'],
  ['zfs without level', { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: {} } }, 'nnnnnn'],
  ['zfs without options', { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'] } }, 'nnnnnn'],
  ['btrfs without level', btrfs(['sda'], {}), 'nnnnnn'],
  ['level in upper case', zfs(['sda', 'sdb'], 'RAID1'), 'nyyyyy'],
  ['level in upper case, raidz', zfs(['sda', 'sdb', 'sdc'], 'RAIDZ-1'), 'nyyyyy'],
  ['level in mixed case', zfs(['sda', 'sdb'], 'Raid1'), 'nnnnnn'],
  ['level raidz1', zfs(['sda', 'sdb', 'sdc'], 'raidz1'), 'nnnnnn'],
  ['btrfs level in upper case', btrfs(['sda', 'sdb'], { raid: 'RAID1' }), 'nyyyyy'],
  ['btrfs raidz-1', btrfs(['sda', 'sdb', 'sdc'], { raid: 'raidz-1' }), 'nnnnnn'],
  ['raid1 of one', zfs(['sda'], 'raid1'), 'yyynnn'],
  ['raid1 of two', zfs(['sda', 'sdb'], 'raid1'), 'yyyyyy'],
  ['raid10 of three', zfs(['sda', 'sdb', 'sdc'], 'raid10'), 'yyynnn'],
  ['raid10 of four', zfs(['sda', 'sdb', 'sdc', 'sdd'], 'raid10'), 'yyyyyy'],
  ['raid10 of five', zfs(['sda', 'sdb', 'sdc', 'sdd', 'sde'], 'raid10'), 'yyyyyy'],
  ['raidz-1 of two', zfs(['sda', 'sdb'], 'raidz-1'), 'yyynnn'],
  ['raidz-2 of three', zfs(['sda', 'sdb', 'sdc'], 'raidz-2'), 'yyynnn'],
  ['raidz-3 of four', zfs(['sda', 'sdb', 'sdc', 'sdd'], 'raidz-3'), 'yyynnn'],
  ['btrfs raid1 of one', btrfs(['sda'], { raid: 'raid1' }), 'yyynnn'],
  ['a disk twice', zfs(['sda', 'sda'], 'raid1'), 'yyynnn'],
  ['a disk twice under two names', zfs(['sda', '/dev/sda'], 'raid1'), 'yyyyyy'],
  ['ashift 99', zfs(['sda'], 'raid0', { ashift: 99 }), 'yyyyyy'],
  ['ashift negative', zfs(['sda'], 'raid0', { ashift: -1 }), 'nnnnnn'],
  ['ashift beyond 32 bits', zfs(['sda'], 'raid0', { ashift: 4294967296 }), 'yyyyyn'],
  ['ashift of 32 bits', zfs(['sda'], 'raid0', { ashift: 4294967295 }), 'yyyyyy'],
  ['ashift as text', zfs(['sda'], 'raid0', { ashift: '12' }), 'nnnnnn'],
  ['ashift 12.5', zfs(['sda'], 'raid0', { ashift: 12.5 }), 'nnnnnn'],
  ['arc-max 0', zfs(['sda'], 'raid0', { 'arc-max': 0 }), 'yyyyyy'],
  ['copies 7', zfs(['sda'], 'raid0', { copies: 7 }), 'yyyyyy'],
  ['checksum', zfs(['sda'], 'raid0', { checksum: 'fletcher4' }), 'yyyyyy'],
  ['checksum wrong', zfs(['sda'], 'raid0', { checksum: 'sha512' }), 'nnnnnn'],
  ['compress', zfs(['sda'], 'raid0', { compress: 'zstd' }), 'yyyyyy'],
  ['compress wrong', zfs(['sda'], 'raid0', { compress: 'zlib' }), 'nnnnnn'],
  ['hdsize as a whole number', { 'disk-setup/lvm': { hdsize: 100 } }, 'yyyyyy'],
  ['hdsize negative and whole', { 'disk-setup/lvm': { hdsize: -1 } }, 'yyyyyy'],
  ['hdsize negative', { 'disk-setup/lvm': { hdsize: -1.5 } }, 'yyyyyy'],
  ['hdsize as text', { 'disk-setup/lvm': { hdsize: '100' } }, 'nnnnnn'],
  ['swap of half', { 'disk-setup/lvm': { hdsize: 20, swapsize: 10 } }, 'yyyyyy'],
  ['swap of more than half', { 'disk-setup/lvm': { hdsize: 20, swapsize: 10.5 } }, 'yyynnn'],
  ['swap without hdsize', { 'disk-setup/lvm': { swapsize: 1000 } }, 'yyyyyy'],
  ['maxroot, maxvz, minfree', { 'disk-setup/lvm': { maxroot: 20, maxvz: 0, minfree: 2.5 } }, 'yyyyyy'],
]);

const OLD_SPELLING: Changes = {
  'global/root-password': undefined,
  'global/root_password': 'correct horse',
  'disk-setup/disk-list': undefined,
  'disk-setup/disk_list': ['sda'],
};
table(
  'spelling as written',
  [
    ['hyphens', {}, 'nnyyyy'],
    ['underscores', OLD_SPELLING, 'yyyyyy'],
    ['both spellings', { ...OLD_SPELLING, 'global/root-password': 'correct horse' }, 'nnnnnn'],
    ['reboot_mode', { ...OLD_SPELLING, 'global/reboot_mode': 'reboot' }, 'nnyyyy'],
    ['subscription_key', { ...OLD_SPELLING, 'global/subscription_key': 'x' }, 'nnnnny'],
    ['interface_name_pinning', { ...OLD_SPELLING, 'network/interface_name_pinning': { enabled: true } }, 'nnnnnn'],
    ['half of a name in hyphens', { ...OLD_SPELLING, 'global/root_ssh-keys': [] }, 'nnnnnn'],
    ['a path in quotes is one name', { ...OLD_SPELLING, 'disk-setup/lvm.hdsize': 100 }, 'nnnnnn'],
    ['a path in quotes with underscores', { ...OLD_SPELLING, 'disk-setup/zfs.arc_max': 100 }, 'nnnnnn'],
    ['disk_setup', { ...OLD_SPELLING, 'disk-setup': undefined, disk_setup: { filesystem: 'ext4' } }, 'nnnnnn'],
  ],
  false,
);

test('first-boot has had hyphens from its beginning, and the alias since 8.4', (t) => {
  const first = (spelling: string): JsonMap => ({
    'first-boot': { source: 'from-url', url: 'x', [spelling]: 'y' },
  });
  t.equal(verdictsOf(changed(first('cert-fingerprint'))), 'nyyyyy');
  const literal = ANSWER_RELEASES.map((release) => {
    const answer = { ...spelled(BASE, release), ...first('cert_fingerprint') };
    return officiallyAccepted(validateAnswer(answer, answerDialect(release), 'pve')) ? 'y' : 'n';
  });
  t.equal(literal.join(''), 'nnyyyy');
  t.end();
});

test('what only the text of a file can say', (t) => {
  const file = (disks: string, global = ''): string => `
[global]
keyboard = "de"
country = "at"
fqdn = "pve1.lab.example"
mailto = "root@localhost"
timezone = "UTC"
root_password = "correct horse"
${global}
[network]
source = "from-dhcp"
[disk-setup]
${disks}
`;
  const zfsWith = (option: string): string =>
    `filesystem = "zfs"\ndisk_list = ["sda"]\nzfs.raid = "raid0"\nzfs.${option}`;
  const ext4 = 'filesystem = "ext4"\ndisk_list = ["sda"]';
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ['a plain file', file(ext4), 'yyyyyy'],
    ['a float for a whole number', file(zfsWith('ashift = 12.0')), 'nnnnnn'],
    ['a whole number in hex', file(zfsWith('ashift = 0xC')), 'yyyyyy'],
    ['a whole number of 63 bits', file(zfsWith('arc_max = 9223372036854775807')), 'yyyyyn'],
    ['a whole number of 64 bits', file(zfsWith('arc_max = 9223372036854775808')), 'nnnnnn'],
    ['infinity', file(zfsWith('hdsize = inf')), 'yyyyyy'],
    ['no number, and swap', file(`${ext4}\nlvm = { hdsize = 20, swapsize = nan }`), 'yyynnn'],
    ['a date', file(ext4, 'root_ssh_keys = [1979-05-27]'), 'nnnnnn'],
    ['an inline table', file(`${ext4}\nlvm = { hdsize = 20.0 }`), 'yyyyyy'],
    ['an inline table with a comma at its end (TOML 1.1)', file(`${ext4}\nlvm = { hdsize = 20.0, }`), 'nnnnnn'],
    ['an inline table over two lines (TOML 1.1)', file(`${ext4}\nlvm = { hdsize = 20.0,\n swapsize = 1 }`), 'nnnnnn'],
    ['an escape of TOML 1.1', file(ext4, 'root_ssh_keys = ["\\e"]'), 'nnnnnn'],
    ['a table in a header', file(`${ext4}\n[disk-setup.lvm]\nhdsize = 20`), 'yyyyyy'],
    [
      'dotted keys and a header of the same table',
      file(`${ext4}\nlvm.hdsize = 20\n[disk-setup.lvm]\nswapsize = 1`),
      'nnnnnn',
    ],
    ['a key twice', file(ext4, 'country = "at"'), 'nnnnnn'],
    ['a section twice', file(`${ext4}\n[global]`), 'nnnnnn'],
    ['a list of tables', file(`${ext4}\n[[disk-setup.lvm]]`), 'nnnnnn'],
    ['a byte-order mark', `\ufeff${file(ext4)}`, 'yyyyyy'],
    ['line ends of Windows', file(ext4).replaceAll('\n', '\r\n'), 'yyyyyy'],
    ['a control character in a comment', file(ext4, '# \u0001'), 'nnnnnn'],
    ['JSON, which this is not', '{}', 'nnnnnn'],
    ['nothing', '', 'nnnnnn'],
  ];
  for (const [name, text, verdicts] of rows) {
    const seen = ANSWER_RELEASES.map((release) =>
      reviewAnswer(text, { dialect: answerDialect(release), product: 'pve' }).accepted ? 'y' : 'n',
    );
    t.equal(seen.join(''), verdicts, name);
  }
  t.end();
});

test('JSON, from 9.2 on', (t) => {
  const json = (value: unknown): string => JSON.stringify(value);
  const accepts = (text: string, release: AnswerRelease = '9.2'): boolean =>
    reviewAnswer(text, { dialect: answerDialect(release), product: 'pve' }).accepted;
  t.ok(accepts(json(BASE)));
  for (const release of ['8.4', '9.0', '9.1'] as const) t.notOk(accepts(json(BASE), release), release);
  const rows: ReadonlyArray<readonly [string, string, boolean]> = [
    ['null for an optional key', json(changed({ 'global/root-password-hashed': null })), true],
    ['null for an optional table', json(changed({ 'disk-setup/zfs': null })), true],
    ['null for an optional section', json({ ...BASE, 'first-boot': null }), true],
    ['null for a key with a default', json(changed({ 'global/reboot-on-error': null })), false],
    ['null for a list', json(changed({ 'global/root-ssh-keys': null })), false],
    ['null for a required key', json(changed({ 'global/country': null })), false],
    ['null for an unknown key', json(changed({ 'global/locale': null })), false],
    [
      'a float for a whole number',
      json(BASE).replace('"ext4"', '"zfs"').replace('"disk-list"', '"zfs":{"raid":"raid0","ashift":12.0},"disk-list"'),
      false,
    ],
    [
      'a whole number',
      json(BASE).replace('"ext4"', '"zfs"').replace('"disk-list"', '"zfs":{"raid":"raid0","ashift":12},"disk-list"'),
      true,
    ],
    ['a key twice', json(BASE).replace('"country":"at"', '"country":"at","country":"at"'), false],
    [
      'a key of a filter twice',
      json(changed(network({}))).replace('"ID_PATH":"pci*"', '"ID_PATH":"a","ID_PATH":"b"'),
      true,
    ],
    ['a comma too many', json(BASE).replace('"at"', '"at",'), false],
    ['a comment', `${json(BASE)} // x`, false],
    ['a list', '[]', false],
  ];
  for (const [name, text, accepted] of rows) t.equal(accepts(text), accepted, name);
  t.end();
});
