/**
 * The table of verdicts: which answer the official installer of each release takes. Facts about its parser and its checks, taken from its sources
 * release by release and from runs of the real programs, not from our table. Two tests read it: test/core/answers/verdict.test.ts asks our validator,
 * test/servers/answers-verdict.test.ts the stand-in installer's own checker and ours again,
 * test/core/answers/verdict-rules.test.ts whether a rule lacks rows.
 *
 * A row names the rules that it is about (verdict-rules.ts) and has a letter for each of 8.2, 8.3, 8.4, 9.0, 9.1, 9.2:
 *
 * - `y` taken, and we have no error of our own against it (there may be warnings);
 * - `n` refused while parsing or checking: the official verdict, phases P and C;
 * - `o` taken, and an error of our own: the installer does not notice, and the node or the administrator suffers;
 * - `m` taken, an error of our own, and the installer stops on the machine: phase M, as far as the stand-in has it.
 */
import { stringify } from 'smol-toml';
import { ANSWER_RELEASES, type AnswerRelease } from '../../src/answers/dialect.ts';
import { ANSWER_KEYS, answerKey } from '../../src/answers/keys.ts';
import { HASH, type Json, type JsonMap, SSH_KEY, spelled, withValue } from './answers.ts';

export interface VerdictRow {
  readonly rules: readonly string[];
  readonly name: string;
  /** One for each of ANSWER_RELEASES. */
  readonly letters: string;
  readonly format: 'toml' | 'json';
  /** What the installer of the release is handed. */
  readonly text: (release: AnswerRelease) => string;
  /** The same as a value, unless only a text can say it. */
  readonly value?: (release: AnswerRelease) => JsonMap;
}

type Changes = Readonly<Record<string, Json | undefined>>;
/** Changes to the base: paths with hyphens, spelled for the release. */
type Row = readonly [rules: string, name: string, changes: Changes, letters: string];

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

function changed(changes: Changes, base = BASE): JsonMap {
  let answer = base;
  for (const [path, value] of Object.entries(changes)) answer = withValue(answer, path.split('/'), value);
  return answer;
}

const words = (rules: string): readonly string[] => rules.split(' ').filter((word) => word !== '');

function valueRow([rules, name, changes, letters]: Row): VerdictRow {
  const value = (release: AnswerRelease): JsonMap => spelled(changed(changes), release);
  return { rules: words(rules), name, letters, format: 'toml', value, text: (release) => stringify(value(release)) };
}

/** As written, whatever the release spells. */
function literalRow([rules, name, changes, letters]: Row): VerdictRow {
  const value = (): JsonMap => changed(changes);
  return { rules: words(rules), name, letters, format: 'toml', value, text: () => stringify(value()) };
}

const hashed: Changes = { 'global/root-password': undefined, 'global/root-password-hashed': HASH };
const STATIC: JsonMap = {
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
const URL_AND_PIN = { url: 'http://192.0.2.1/x', 'cert-fingerprint': 'ab'.repeat(32) };

/**
 * Of each key a value that it takes and one that it does not, by type or by the list of its values. `around`: what must stand beside it.
 * Which release knows the key at all is told by the letters of the first.
 */
const EACH_KEY: ReadonlyArray<
  readonly [path: string, good: Json, letters: string, bad: readonly Json[], around?: Changes]
> = [
  ['global.keyboard', 'en-us', 'yyyyyy', ['us', 7]],
  ['global.country', 'gb', 'yyyyyy', [7]],
  ['global.fqdn', 'pve1.lab', 'yyyyyy', [5, ['pve1.lab']]],
  ['global.mailto', 'admin@example.org', 'yyyyyy', [true]],
  ['global.timezone', 'Europe/Berlin', 'yyyyyy', [2]],
  ['global.root-password', 'long enough', 'yyyyyy', [12345678]],
  ['global.root-password-hashed', HASH, 'nyyyyy', [7, [HASH]], { 'global/root-password': undefined }],
  ['global.root-ssh-keys', [SSH_KEY], 'yyyyyy', [SSH_KEY, [7]]],
  ['global.reboot-on-error', true, 'yyyyyy', ['true', 1]],
  ['global.reboot-mode', 'power-off', 'nnyyyy', ['poweroff', 'Reboot', false]],
  ['global.subscription-key', 'pve2c-0123456789', 'nnnnny', [2]],
  ['network.source', 'from-dhcp', 'yyyyyy', ['dhcp', 'from_dhcp', true]],
  ['network.cidr', '192.0.2.10/25', 'yyyyyy', [24, ['192.0.2.10/24']], { network: STATIC }],
  ['network.dns', '192.0.2.54', 'yyyyyy', ['dns.example', 1], { network: STATIC }],
  ['network.gateway', '192.0.2.2', 'yyyyyy', ['', 1], { network: STATIC }],
  ['network.filter', { ID_NET_NAME_MAC: '*bc2411000001' }, 'yyyyyy', ['*', { ID_PATH: 5 }], { network: STATIC }],
  ['network.interface-name-pinning', { enabled: true }, 'nnnnyy', [true, []]],
  ['network.interface-name-pinning.enabled', true, 'nnnnyy', ['yes', 1]],
  [
    'network.interface-name-pinning.mapping',
    { [MAC]: 'lan0' },
    'nnnnyy',
    [['lan0'], { [MAC]: 0 }],
    { 'network/interface-name-pinning': { enabled: true } },
  ],
  ['disk-setup.filesystem', 'xfs', 'yyyyyy', ['ext3', 4]],
  ['disk-setup.disk-list', ['/dev/sda'], 'yyyyyy', ['sda', [1]]],
  [
    'disk-setup.filter',
    { DEVNAME: '/dev/sd*' },
    'yyyyyy',
    ['sda', { DEVNAME: ['/dev/sda'] }],
    { 'disk-setup/disk-list': undefined },
  ],
  ['disk-setup.filter-match', 'all', 'yyyyyy', ['some', 'ALL', true]],
  ['disk-setup.zfs', { raid: 'raid0' }, 'yyyyyy', ['raid0', []], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.raid', 'raid0', 'yyyyyy', ['raidz1', 'stripe', 0], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.ashift', 12, 'yyyyyy', ['12', 12.5, -1], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.arc-max', 0, 'yyyyyy', ['512', 0.5, -1], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.checksum', 'fletcher4', 'yyyyyy', ['sha512', 'off', true], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.compress', 'zstd', 'yyyyyy', ['zlib', 'ZSTD', true], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.copies', 2, 'yyyyyy', ['2', 1.5, -1], zfs(['sda'], 'raid0')],
  ['disk-setup.zfs.hdsize', 20, 'yyyyyy', ['20', true], zfs(['sda'], 'raid0')],
  ['disk-setup.lvm', { hdsize: 20 }, 'yyyyyy', [20, []]],
  ['disk-setup.lvm.hdsize', 20.5, 'yyyyyy', ['100', false]],
  ['disk-setup.lvm.swapsize', 0, 'yyyyyy', ['0', [4]]],
  ['disk-setup.lvm.maxroot', 20, 'yyyyyy', ['20', true]],
  ['disk-setup.lvm.maxvz', 0, 'yyyyyy', ['none', false]],
  ['disk-setup.lvm.minfree', 2.5, 'yyyyyy', ['2.5', {}]],
  ['disk-setup.btrfs', { raid: 'raid0' }, 'yyyyyy', ['raid0', []], btrfs(['sda'], {})],
  ['disk-setup.btrfs.raid', 'raid0', 'yyyyyy', ['raidz-1', 'single', 0], btrfs(['sda'], {})],
  ['disk-setup.btrfs.hdsize', 20, 'yyyyyy', ['20', true], btrfs(['sda'], { raid: 'raid0' })],
  ['disk-setup.btrfs.compress', 'zstd', 'nyyyyy', ['gzip', 'lz4', true], btrfs(['sda'], { raid: 'raid0' })],
  ['post-installation-webhook.url', 'http://192.0.2.1/', 'nyyyyy', [7, ['http://192.0.2.1/']]],
  [
    'post-installation-webhook.cert-fingerprint',
    'ab'.repeat(32),
    'nyyyyy',
    [7, ['ab']],
    { 'post-installation-webhook': { url: 'http://192.0.2.1/' } },
  ],
  [
    'post-installation-webhook.auth-token',
    'token',
    'nnnnny',
    [7, ['token']],
    { 'post-installation-webhook': { url: 'http://192.0.2.1/' } },
  ],
  ['first-boot.source', 'from-iso', 'nyyyyy', ['from-file', 'FROM-ISO', 7]],
  ['first-boot.ordering', 'before-network', 'nyyyyy', ['multi-user', 7], { 'first-boot': { source: 'from-iso' } }],
  ['first-boot.url', 'http://192.0.2.1/', 'nyyyyy', [7, ['x']], { 'first-boot': { source: 'from-url' } }],
  [
    'first-boot.cert-fingerprint',
    'ab'.repeat(32),
    'nyyyyy',
    [7, ['x']],
    { 'first-boot': { source: 'from-url', url: 'http://192.0.2.1/' } },
  ],
];

function rowsOfKey([path, good, letters, bad, around = {}]: (typeof EACH_KEY)[number]): Row[] {
  const [section = '', ...rest] = path.split('.');
  const at = [section, ...rest].join('/');
  // A key that came later is known by its rows: refused before, taken since.
  const rules = answerKey(path)?.since === '8.2' ? path : `${path} ${path}/since`;
  return [
    [rules, `${path} = ${JSON.stringify(good)}`, { ...around, [at]: good }, letters],
    ...bad.map((value): Row => [path, `${path} = ${JSON.stringify(value)}`, { ...around, [at]: value }, 'nnnnnn']),
  ];
}

const RELEASES: readonly Row[] = [
  [
    ANSWER_KEYS.filter(({ section, since, required, requiredBefore }) => {
      // The base has all that is required of it in some release.
      const inBase = ['global', 'network', 'disk-setup'].includes(section) && since === '8.2';
      return inBase && (required !== undefined || requiredBefore !== undefined);
    })
      .map(({ section, key }) => `${section}.${key}/required`)
      .join(' '),
    'the base',
    {},
    'yyyyyy',
  ],
  ['global.keyboard/required', 'keyboard missing', { 'global/keyboard': undefined }, 'nnnnnn'],
  ['global.country/required', 'country missing', { 'global/country': undefined }, 'nnnnnn'],
  ['global.fqdn/required', 'fqdn missing', { 'global/fqdn': undefined }, 'nnnnnn'],
  ['global.mailto/required', 'mailto missing', { 'global/mailto': undefined }, 'nnnnnn'],
  ['global.timezone/required', 'timezone missing', { 'global/timezone': undefined }, 'nnnnnn'],
  ['disk-setup.filesystem/required', 'no filesystem', { 'disk-setup/filesystem': undefined }, 'nnnnnn'],
  ['network.source/required', 'no source', { network: {} }, 'yyyyyn'],
  [
    'network.source/required rule/address-source',
    'no source, but static keys',
    { network: without('source').network },
    'nnnnnn',
  ],
  [
    'network.interface-name-pinning.enabled/required network.interface-name-pinning.enabled/since',
    'pinning with enabled and an empty mapping',
    pinning({}),
    'nnnnyy',
  ],
  [
    'network.interface-name-pinning.enabled/required',
    'pinning without enabled',
    { 'network/interface-name-pinning': { mapping: {} } },
    'nnnnnn',
  ],
  [
    'post-installation-webhook.url/required post-installation-webhook.url/since post-installation-webhook.cert-fingerprint/since rule/pinned-url',
    'webhook with url and fingerprint',
    { 'post-installation-webhook': URL_AND_PIN },
    'nyyyyy',
  ],
  [
    'rule/pinned-url',
    'webhook over TLS without fingerprint',
    { 'post-installation-webhook': { url: 'https://192.0.2.1/x' } },
    'nyyyyy',
  ],
  [
    'post-installation-webhook.url/required',
    'webhook without url',
    { 'post-installation-webhook': { 'cert-fingerprint': URL_AND_PIN['cert-fingerprint'] } },
    'nnnnnn',
  ],
  [
    'first-boot.source/required first-boot.source/since first-boot.ordering/since',
    'first-boot from the image, fully-up',
    { 'first-boot': { source: 'from-iso', ordering: 'fully-up' } },
    'nyyyyy',
  ],
  ['first-boot.source/required', 'first-boot empty', { 'first-boot': {} }, 'nnnnnn'],
  [
    'first-boot.url/since first-boot.cert-fingerprint/since rule/first-boot-source rule/pinned-url',
    'first-boot with url and fingerprint',
    { 'first-boot': { source: 'from-url', ...URL_AND_PIN } },
    'nyyyyy',
  ],
  // 8.3.3 stops on the machine, before its check; validate-answer looks since 8.3.5.
  ['rule/first-boot-source', 'first-boot without url', { 'first-boot': { source: 'from-url' } }, 'nmnnnn'],
  ['rule/first-boot-source', 'first-boot from the image', { 'first-boot': { source: 'from-iso' } }, 'nyyyyy'],
  ['global.root-password-hashed/since rule/one-password', 'a hash', hashed, 'nyyyyy'],
  ['rule/one-password global.root-password/required', 'no password', { 'global/root-password': undefined }, 'nnnnnn'],
  ['rule/one-password', 'both passwords', { 'global/root-password-hashed': HASH }, 'nnnnnn'],
  ['global.reboot-mode/since', 'reboot-mode reboot', { 'global/reboot-mode': 'reboot' }, 'nnyyyy'],
  [
    'global.subscription-key/since rule/subscription-product',
    'subscription-key',
    { 'global/subscription-key': 'pve4p-0123456789' },
    'nnnnny',
  ],
  [
    'rule/subscription-product',
    'subscription-key of another product',
    { 'global/subscription-key': 'pbsc-0123456789' },
    'nnnnno',
  ],
  ['global.subscription-key#content', 'subscription-key junk', { 'global/subscription-key': 'junk' }, 'nnnnno'],
  ['global.subscription-key#content', 'subscription-key empty', { 'global/subscription-key': '' }, 'nnnnno'],
  [
    'global.fqdn#table global.fqdn.source global.fqdn.source/since global.fqdn.domain global.fqdn.domain/since',
    'fqdn as a table',
    { 'global/fqdn': { source: 'from-dhcp', domain: 'lab.example' } },
    'nnyyyy',
  ],
  ['global.fqdn#table', 'fqdn as an empty table', { 'global/fqdn': {} }, 'nnyyyy'],
  ['global.fqdn#table', 'fqdn as a table with a foreign key', { 'global/fqdn': { name: 'pve1' } }, 'nnnnnn'],
  [
    'global.fqdn.source global.fqdn.source/since',
    'fqdn.source alone',
    { 'global/fqdn': { source: 'from-dhcp' } },
    'nnyyyy',
  ],
  ['global.fqdn.source', 'fqdn.source wrong', { 'global/fqdn': { source: 'from-answer' } }, 'nnnnnn'],
  ['global.fqdn.domain', 'fqdn.domain as a list', { 'global/fqdn': { domain: ['lab.example'] } }, 'nnnnnn'],
  [
    'global.fqdn.domain/since global.fqdn.domain#content',
    'fqdn.domain, not checked',
    { 'global/fqdn': { domain: 'not_a_domain' } },
    'nnoooo',
  ],
  ['global.fqdn.domain#content', 'fqdn.domain empty', { 'global/fqdn': { domain: '' } }, 'nnyyyy'],
  [
    'disk-setup.btrfs.compress/since',
    'btrfs.compress off',
    btrfs(['sda'], { raid: 'raid0', compress: 'off' }),
    'nyyyyy',
  ],
  [
    'post-installation-webhook.auth-token/since',
    'webhook auth-token empty',
    { 'post-installation-webhook': { url: 'http://192.0.2.1/', 'auth-token': '' } },
    'nnnnny',
  ],
  [
    'post-installation-webhook.url#content',
    'webhook url, not checked',
    { 'post-installation-webhook': { url: 'nowhere' } },
    'nooooo',
  ],
  [
    'post-installation-webhook.url#content',
    'webhook url empty',
    { 'post-installation-webhook': { url: '' } },
    'nooooo',
  ],
  [
    'post-installation-webhook.cert-fingerprint#content',
    'webhook fingerprint, not checked',
    { 'post-installation-webhook': { url: 'http://192.0.2.1/', 'cert-fingerprint': 'zz' } },
    'nooooo',
  ],
  [
    'post-installation-webhook.cert-fingerprint#content',
    'webhook fingerprint of SHA-1',
    { 'post-installation-webhook': { url: 'http://192.0.2.1/', 'cert-fingerprint': 'ab'.repeat(20) } },
    'nooooo',
  ],
  [
    'first-boot.url#content',
    'first-boot url, not checked',
    { 'first-boot': { source: 'from-url', url: 'x' } },
    'nooooo',
  ],
  ['first-boot.url#content', 'first-boot url empty', { 'first-boot': { source: 'from-url', url: '' } }, 'nooooo'],
  [
    'first-boot.cert-fingerprint#content',
    'first-boot fingerprint, not checked',
    { 'first-boot': { source: 'from-iso', 'cert-fingerprint': 'y' } },
    'nooooo',
  ],
  [
    'first-boot.cert-fingerprint#content',
    'first-boot fingerprint empty',
    { 'first-boot': { source: 'from-iso', 'cert-fingerprint': '' } },
    'nooooo',
  ],
  ['network.interface-name-pinning/since', 'pinning off', pinning({}, false), 'nnnnyo'],
  ['document/unknown-section', 'an unknown section', { networking: {} }, 'nnnnnn'],
  ['document/unknown-section', 'an unknown value beside the sections', { keyboard: 'de' }, 'nnnnnn'],
  ['document/unknown-section', 'all sections of 8.2 and none more', { 'global/country': 'de' }, 'yyyyyy'],
  ['document/unknown-key', 'an unknown key', { 'global/locale': 'de_AT' }, 'nnnnnn'],
  ['document/unknown-key', 'an unknown key two deep', { 'disk-setup/lvm': { size: 4 } }, 'nnnnnn'],
  ['document/unknown-key', 'any key in a free map', network({ filter: { ID_PATH: '*', LOCALE: 'x' } }), 'oooooo'],
  ['document/missing-section', 'a section missing', { network: undefined }, 'nnnnnn'],
  ['document/missing-section', 'another section missing', { 'disk-setup': undefined }, 'nnnnnn'],
  ['document/missing-section', 'a section of the wrong type', { network: 'from-dhcp' }, 'nnnnnn'],
  ['document/missing-section', 'webhook and first-boot may be missing', { 'global/country': 'ch' }, 'yyyyyy'],
];

const GLOBAL: readonly Row[] = [
  ['global.keyboard#case', 'keyboard EN-US', { 'global/keyboard': 'EN-US' }, 'nnnnnn'],
  ['global.keyboard#case', 'keyboard de-ch', { 'global/keyboard': 'de-ch' }, 'yyyyyy'],
  ['global.country#case', 'country US', { 'global/country': 'US' }, 'nnnnnn'],
  ['global.country#case', 'country us', { 'global/country': 'us' }, 'yyyyyy'],
  ['global.country#listed', 'country uk', { 'global/country': 'uk' }, 'nnnnnn'],
  ['global.country#listed', 'country zz', { 'global/country': 'zz' }, 'nnnnnn'],
  ['global.country#listed', 'country fr', { 'global/country': 'fr' }, 'yyyyyy'],
  ['global.fqdn#labels', 'fqdn without domain', { 'global/fqdn': 'pve1' }, 'nnnnnn'],
  ['global.fqdn#labels', 'fqdn of four labels', { 'global/fqdn': 'pve1.rack2.lab.example' }, 'yyyyyy'],
  ['global.fqdn#labels', 'fqdn trailing dot', { 'global/fqdn': 'pve1.lab.' }, 'nnnnnn'],
  ['global.fqdn#characters', 'fqdn upper case', { 'global/fqdn': 'PVE1.Lab.Example' }, 'yyyyyy'],
  ['global.fqdn#digits', 'fqdn pve.123', { 'global/fqdn': 'pve.123' }, 'yyyyyy'],
  ['global.fqdn#digits', 'fqdn 123.pve', { 'global/fqdn': '123.pve' }, 'nnnnnn'],
  ['global.fqdn#digits', 'fqdn 1a.pve', { 'global/fqdn': '1a.pve' }, 'yyyyyy'],
  ['global.fqdn#characters', 'fqdn underscore', { 'global/fqdn': 'pve_1.lab' }, 'nnnnnn'],
  ['global.fqdn#hyphens', 'fqdn outer hyphen', { 'global/fqdn': 'pve1-.lab' }, 'nnnnnn'],
  ['global.fqdn#hyphens', 'fqdn hyphen first', { 'global/fqdn': 'pve1.-lab' }, 'nnnnnn'],
  ['global.fqdn#hyphens', 'fqdn inner hyphens', { 'global/fqdn': 'pve--1.my-lab' }, 'yyyyyy'],
  ['global.fqdn#characters', 'fqdn blank around', { 'global/fqdn': ' pve1.lab' }, 'nnnnnn'],
  ['global.fqdn#characters', 'fqdn with a line break at its end', { 'global/fqdn': 'pve1.lab\n' }, 'nnnnnn'],
  ['global.fqdn#label-length', 'fqdn label of 63', { 'global/fqdn': `${'a'.repeat(63)}.lab` }, 'yyyyyy'],
  ['global.fqdn#label-length', 'fqdn label of 64', { 'global/fqdn': `${'a'.repeat(64)}.lab` }, 'nnnnnn'],
  [
    'global.fqdn#length',
    'fqdn of 253',
    { 'global/fqdn': `${'a'.repeat(61)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}` },
    'yyyyyy',
  ],
  [
    'global.fqdn#length',
    'fqdn of 254',
    { 'global/fqdn': `${'a'.repeat(62)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}` },
    'nnnnnn',
  ],
  [
    'global.fqdn#characters',
    'fqdn with a Kelvin sign, whose lower case is k',
    { 'global/fqdn': 'p\u212a.lab' },
    'nnnnnn',
  ],
  ['global.mailto#pattern', 'mailto localhost', { 'global/mailto': 'root@localhost' }, 'yyyyyy'],
  ['global.mailto#pattern', 'mailto malformed', { 'global/mailto': 'nobody' }, 'onnnnn'],
  ['global.mailto#pattern', 'mailto empty', { 'global/mailto': '' }, 'onnnnn'],
  ['global.mailto#pattern', 'mailto with a line break at its end', { 'global/mailto': 'a@b.example\n' }, 'onnnnn'],
  ['global.mailto#default', 'mailto default', { 'global/mailto': 'mail@example.invalid' }, 'onnnnn'],
  ['global.mailto#default', 'mailto like the default', { 'global/mailto': 'mail@example.org' }, 'yyyyyy'],
  ['global.timezone#utc', 'timezone UTC', { 'global/timezone': 'UTC' }, 'yyyyyy'],
  ['global.timezone#utc', 'timezone Etc/UTC', { 'global/timezone': 'Etc/UTC' }, 'nnnnnn'],
  ['global.timezone#utc', 'timezone utc', { 'global/timezone': 'utc' }, 'nnnnnn'],
  ['global.timezone#listed', 'timezone Europe/Kiev', { 'global/timezone': 'Europe/Kiev' }, 'nnnnnn'],
  ['global.timezone#listed', 'timezone Europe/Kyiv', { 'global/timezone': 'Europe/Kyiv' }, 'yyyyyy'],
  ['global.timezone#listed', 'timezone GMT', { 'global/timezone': 'GMT' }, 'nnnnnn'],
  ['global.root-password#length', 'password of 7', { 'global/root-password': '1234567' }, 'oonnnn'],
  ['global.root-password#length', 'password of 8', { 'global/root-password': '12345678' }, 'yyyyyy'],
  ['global.root-password#length', 'password of 8 bytes', { 'global/root-password': 'üüüü' }, 'yyyyyy'],
  ['global.root-password#length', 'password empty', { 'global/root-password': '' }, 'oonnnn'],
  [
    'global.root-password#line-break',
    'password with a line break',
    { 'global/root-password': '12345678\nroot:x' },
    'oooooo',
  ],
  [
    'global.root-password#line-break',
    'password with a line break at its end',
    { 'global/root-password': '12345678\n' },
    'oooooo',
  ],
  [
    'global.root-password-hashed#content',
    'hash that is none',
    { ...hashed, 'global/root-password-hashed': 'secret' },
    'nooooo',
  ],
  ['global.root-password-hashed#content', 'hash empty', { ...hashed, 'global/root-password-hashed': '' }, 'nooooo'],
  ['global.root-ssh-keys#content', 'root-ssh-keys junk', { 'global/root-ssh-keys': ['junk'] }, 'oooooo'],
  ['global.root-ssh-keys#content', 'root-ssh-keys empty', { 'global/root-ssh-keys': [] }, 'yyyyyy'],
];

const NETWORK: readonly Row[] = [
  ['rule/address-source network.cidr', 'from-dhcp and cidr', { 'network/cidr': '192.0.2.10/24' }, 'nnnnnn'],
  ['rule/address-source network.filter', 'from-dhcp and filter', { 'network/filter': { ID_PATH: '*' } }, 'nnnnnn'],
  ['rule/address-source network.dns', 'from-dhcp and dns', { 'network/dns': '192.0.2.53' }, 'nnnnnn'],
  ['rule/address-source network.gateway', 'from-dhcp and gateway', { 'network/gateway': '192.0.2.1' }, 'nnnnnn'],
  ['rule/address-source', 'from-dhcp and an empty filter', { 'network/filter': {} }, 'nnnoon'],
  [
    'rule/address-source',
    'from-dhcp, cidr and an empty filter',
    { 'network/cidr': '192.0.2.10/24', 'network/filter': {} },
    'nnnnnn',
  ],
  ['rule/address-source rule/address-family rule/gateway-reachable', 'static', network({}), 'yyyyyy'],
  ['rule/address-source', 'without cidr', without('cidr'), 'nnnnnn'],
  ['rule/address-source', 'without dns', without('dns'), 'nnnnnn'],
  ['rule/address-source', 'without gateway', without('gateway'), 'nnnnnn'],
  ['rule/address-source', 'without filter', without('filter'), 'nnnnnm'],
  ['rule/interface-filter', 'with an empty filter', network({ filter: {} }), 'mmmnnm'],
  [
    'rule/interface-filter',
    'filter with one key',
    network({ filter: { ID_NET_NAME_MAC: 'enxbc2411000001' } }),
    'yyyyyy',
  ],
  [
    'network.filter#keys rule/interface-filter',
    'filter with two keys',
    network({ filter: { ID_PATH: '*', ID_MODEL: '*' } }),
    'oooooo',
  ],
  [
    'network.filter#keys',
    'filter with three keys',
    network({ filter: { ID_PATH: 'pci*', ID_MODEL: '*', ID_VENDOR: 'x' } }),
    'oooooo',
  ],
  [
    'rule/interface-filter',
    'filter with a MAC in upper case',
    network({ filter: { ID_NET_NAME_MAC: '*BC2411000001' } }),
    'mmmmmm',
  ],
  ['network.filter#glob', 'filter with a broken glob', network({ filter: { ID_PATH: 'a**' } }), 'mmmmmm'],
  ['network.filter#glob', 'filter with an empty glob', network({ filter: { ID_PATH: '' } }), 'mmmmmm'],
  ['network.cidr#prefix', 'cidr without prefix', network({ cidr: '192.0.2.10' }), 'nnnnno'],
  ['network.cidr#prefix', 'cidr IPv6 without prefix', network({ cidr: '2001:db8::1', gateway: 'fe80::1' }), 'nnnnno'],
  [
    'network.cidr#prefix rule/address-family rule/gateway-reachable',
    'cidr without prefix, the rest of the other family',
    network({ cidr: '192.0.2.10', gateway: '2001:db8::1', dns: '2001:db8::53' }),
    'nnnnno',
  ],
  ['network.cidr#prefix', 'cidr with a slash and no prefix', network({ cidr: '192.0.2.10/' }), 'nnnnnn'],
  ['network.cidr#prefix-range', 'cidr /33', network({ cidr: '192.0.2.10/33' }), 'nnnnnn'],
  ['network.cidr#prefix-range', 'cidr /0', network({ cidr: '192.0.2.10/0' }), 'yyyyyy'],
  ['network.cidr#prefix-range', 'cidr /32', network({ cidr: '192.0.2.10/32' }), 'oooooo'],
  ['network.cidr#prefix-range', 'cidr IPv6', network({ cidr: '2001:db8::1/64', gateway: 'fe80::1' }), 'oooooo'],
  ['network.cidr#prefix-range', 'cidr IPv6 /129', network({ cidr: '2001:db8::1/129' }), 'nnnnnn'],
  ['network.cidr#prefix-digits', 'cidr /+024', network({ cidr: '192.0.2.10/+024' }), 'yyyyyy'],
  ['network.cidr#prefix-digits', 'cidr /++24', network({ cidr: '192.0.2.10/++24' }), 'nnnnnn'],
  ['network.cidr#prefix-digits', 'cidr /-24', network({ cidr: '192.0.2.10/-24' }), 'nnnnnn'],
  ['network.cidr#prefix-digits', 'cidr with a netmask', network({ cidr: '192.0.2.10/255.255.255.0' }), 'nnnnnn'],
  ['network.cidr#prefix-digits', 'cidr with a blank', network({ cidr: '192.0.2.10/ 24' }), 'nnnnnn'],
  ['network.cidr#prefix-digits', 'cidr with digits of another script', network({ cidr: '192.0.2.10/٢٤' }), 'nnnnnn'],
  ['network.cidr#address', 'cidr with a leading zero in the address', network({ cidr: '192.0.2.010/24' }), 'nnnnnn'],
  ['network.cidr#address', 'cidr with a zone', network({ cidr: 'fe80::2%eno1/64', gateway: 'fe80::1' }), 'nnnnnn'],
  ['network.cidr#address', 'cidr of three numbers', network({ cidr: '192.0.2/24' }), 'nnnnnn'],
  [
    'network.cidr#address',
    'cidr of IPv4 in IPv6',
    network({ cidr: '::ffff:192.0.2.10/96', dns: '::1', gateway: 'fe80::1' }),
    'yyyyyy',
  ],
  ['network.cidr#host', 'cidr of the network itself', network({ cidr: '192.0.2.0/24' }), 'oooooo'],
  ['network.cidr#host', 'cidr of the broadcast', network({ cidr: '192.0.2.255/24' }), 'oooooo'],
  [
    'rule/address-family network.gateway#place',
    'gateway of the other family',
    network({ gateway: '2001:db8::1' }),
    'oooooo',
  ],
  ['rule/address-family', 'dns of the other family', network({ dns: '2001:db8::53' }), 'oooooo'],
  ['rule/gateway-reachable network.gateway#place', 'gateway outside', network({ gateway: '203.0.113.1' }), 'oooooo'],
  ['rule/gateway-reachable', 'gateway is the node', network({ gateway: '192.0.2.10' }), 'oooooo'],
  ['network.gateway#zone', 'gateway with a zone', network({ gateway: 'fe80::1%eno1' }), 'nnnnnn'],
  [
    'network.gateway#zone',
    'gateway on the link',
    network({ cidr: '2001:db8::2/64', dns: '2001:db8::53', gateway: 'fe80::1' }),
    'yyyyyy',
  ],
  ['network.gateway#zone', 'gateway with a prefix', network({ gateway: '192.0.2.1/24' }), 'nnnnnn'],
  ['network.dns#one', 'dns as a list', network({ dns: ['192.0.2.53'] }), 'nnnnnn'],
  ['network.dns#one', 'two dns in one text', network({ dns: '192.0.2.53 192.0.2.54' }), 'nnnnnn'],
  ['network.dns#one', 'one dns elsewhere', network({ dns: '203.0.113.53' }), 'yyyyyy'],
];

const NAMES = 'network.interface-name-pinning.mapping';
const PINNING: readonly Row[] = [
  [
    'network.interface-name-pinning/since rule/pinning',
    'pinning with from-answer',
    { network: { ...STATIC, 'interface-name-pinning': { enabled: true } } },
    'nnnnyy',
  ],
  ['network.interface-name-pinning.enabled#disabled', 'pinning disabled', pinning({ [MAC]: 'lan0' }, false), 'nnnnyo'],
  [
    `network.interface-name-pinning.enabled#disabled`,
    'pinning disabled, with a name that no interface can have',
    pinning({ [MAC]: '!' }, false),
    'nnnnoo',
  ],
  [`${NAMES}#length`, 'name of one character', pinning({ [MAC]: 'a' }), 'nnnnnn'],
  [`${NAMES}#length ${NAMES}/since`, 'name of 15 characters', pinning({ [MAC]: 'a23456789012345' }), 'nnnnyy'],
  [`${NAMES}#length`, 'name of 16 characters', pinning({ [MAC]: 'a234567890123456' }), 'nnnnnn'],
  [`${NAMES}#length`, 'name empty', pinning({ [MAC]: '' }), 'nnnnnn'],
  [`${NAMES}#characters`, 'a digit first', pinning({ [MAC]: '0lan' }), 'nnnnnn'],
  [`${NAMES}#characters`, 'an underscore', pinning({ [MAC]: 'lan_0' }), 'nnnnyy'],
  [`${NAMES}#characters`, 'a hyphen', pinning({ [MAC]: 'lan-0' }), 'nnnnnn'],
  [`${NAMES}#characters`, 'a line break at the end of a name', pinning({ [MAC]: 'lan0\n' }), 'nnnnnn'],
  [`${NAMES}#case`, 'upper case', pinning({ [MAC]: 'LAN0' }), 'nnnnoo'],
  [`${NAMES}#case`, 'one character in upper case', pinning({ [MAC]: 'L' }), 'nnnnnn'],
  [`${NAMES}#case`, 'two in upper case', pinning({ [MAC]: 'LA' }), 'nnnnoo'],
  [`${NAMES}#case`, '15 in upper case', pinning({ [MAC]: 'A23456789012345' }), 'nnnnoo'],
  [`${NAMES}#case`, '16 in upper case', pinning({ [MAC]: 'A234567890123456' }), 'nnnnnn'],
  [`${NAMES}#case`, 'a Kelvin sign, which is a k whatever the case', pinning({ [MAC]: 'lan\u212a' }), 'nnnnno'],
  [`${NAMES}#suffix`, 'a dot and a number', pinning({ [MAC]: 'lan.5' }), 'nnnnno'],
  [`${NAMES}#suffix`, 'a dot and a number of two digits', pinning({ [MAC]: 'lan.55' }), 'nnnnno'],
  [`${NAMES}#suffix`, 'two letters and a colon', pinning({ [MAC]: 'x1:1' }), 'nnnnno'],
  [`${NAMES}#suffix`, 'a dot and nothing', pinning({ [MAC]: 'lan.' }), 'nnnnnn'],
  [`${NAMES}#suffix`, 'a dot and a letter', pinning({ [MAC]: 'lan.a' }), 'nnnnnn'],
  [`${NAMES}#twice rule/pinning`, 'a name twice', pinning({ [MAC]: 'lan0', [MAC2]: 'lan0' }), 'nnnnnn'],
  [`${NAMES}#twice`, 'two names', pinning({ [MAC]: 'lan0', [MAC2]: 'lan1' }), 'nnnnyy'],
  [`${NAMES}#twice`, 'pinning disabled, a name twice', pinning({ [MAC]: 'lan0', [MAC2]: 'lan0' }, false), 'nnnnoo'],
  [
    `${NAMES}#twice`,
    'a name twice for one MAC in two spellings',
    pinning({ [MAC]: 'lan0', [MAC.toUpperCase()]: 'lan0' }),
    'nnnnno',
  ],
  [`${NAMES}#mac`, 'a MAC twice in two spellings', pinning({ [MAC]: 'lan0', [MAC.toUpperCase()]: 'lan1' }), 'nnnnoo'],
  [`${NAMES}#mac`, 'a MAC that is none', pinning({ nonsense: 'lan0' }), 'nnnnoo'],
  [`${NAMES}#mac`, 'a MAC that is empty', pinning({ '': 'lan0' }), 'nnnnoo'],
];

const DISKS: readonly Row[] = [
  ['disk-setup.filesystem#case', 'EXT4', { 'disk-setup/filesystem': 'EXT4' }, 'nnnnnn'],
  ['disk-setup.filesystem#case', 'ext4', { 'disk-setup/filesystem': 'ext4' }, 'yyyyyy'],
  ['rule/disk-selection', 'neither list nor filter', { 'disk-setup/disk-list': undefined }, 'nnnnnn'],
  ['rule/disk-selection', 'an empty list', { 'disk-setup/disk-list': [] }, 'nnnnnn'],
  [
    'rule/disk-selection rule/disk-filter',
    'an empty filter',
    { 'disk-setup': { filesystem: 'ext4', filter: {} } },
    'mmmnnn',
  ],
  ['rule/disk-selection rule/disk-filter', 'list and empty filter', { 'disk-setup/filter': {} }, 'nnnooo'],
  ['rule/disk-selection', 'list and filter', { 'disk-setup/filter': { DEVNAME: '*' } }, 'nnnnnn'],
  [
    'rule/disk-selection rule/disk-filter',
    'filter alone',
    { 'disk-setup': { filesystem: 'ext4', filter: { ID_SERIAL: 'A*' } } },
    'yyyyyy',
  ],
  ['rule/disk-count', 'two disks for ext4', { 'disk-setup/disk-list': ['sda', 'sdb'] }, 'nnnnnn'],
  ['disk-setup.disk-list#name', 'by-id', { 'disk-setup/disk-list': ['/dev/disk/by-id/x'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'eMMC', { 'disk-setup/disk-list': ['mmcblk0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a partition', { 'disk-setup/disk-list': ['sda1'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a partition of NVMe', { 'disk-setup/disk-list': ['/dev/nvme0n1p3'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a RAM disk', { 'disk-setup/disk-list': ['ram0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a loop device', { 'disk-setup/disk-list': ['loop0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a device of md', { 'disk-setup/disk-list': ['md127'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a device of dm', { 'disk-setup/disk-list': ['dm-0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a floppy disk', { 'disk-setup/disk-list': ['fd0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'an optical drive', { 'disk-setup/disk-list': ['sr0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a disk of virtio beyond the letters', { 'disk-setup/disk-list': ['vdaa'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a SCSI disk beyond the 256th', { 'disk-setup/disk-list': ['sdiw'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a network block device', { 'disk-setup/disk-list': ['nbd0'] }, 'mmmmmm'],
  ['disk-setup.disk-list#name', 'a RAID controller without a disk', { 'disk-setup/disk-list': ['cciss/c0'] }, 'mmmmmm'],
  // The end of a path is enough for the installer: it takes the first disk whose name ends so, whichever that is.
  ['disk-setup.disk-list#name', 'the end of a name', { 'disk-setup/disk-list': ['da'] }, 'oooooo'],
  ['disk-setup.disk-list#name', 'a partition for a mirror', zfs(['sda1', 'sdb'], 'raid1'), 'mmmmmm'],
  [
    'disk-setup.filter#device',
    'eMMC as DEVNAME',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/mmcblk0' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'any eMMC as DEVNAME',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/mmcblk?' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'eMMC in the middle of DEVNAME',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '*mmcblk*' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'a partition as DEVNAME',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/sda1' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'partitions as DEVNAME',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/sd?[12]' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'DEVNAME without its folder',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: 'sda' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#device',
    'DEVNAME of two families',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/[sv]da' } } },
    'yyyyyy',
  ],
  [
    'disk-setup.filter#device',
    'DEVNAME of any disk',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '*' } } },
    'yyyyyy',
  ],
  [
    'disk-setup.filter#device',
    'eMMC as DEVNAME, for a pool',
    { 'disk-setup': { filesystem: 'zfs', filter: { DEVNAME: '/dev/mmcblk*' }, zfs: { raid: 'raid0' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#glob',
    'filter with a broken glob for a disk',
    { 'disk-setup': { filesystem: 'ext4', filter: { ID_SERIAL: 'A**' } } },
    'mmmmmm',
  ],
  [
    'disk-setup.filter#glob',
    'filter with a broken glob for the disks of a pool',
    { 'disk-setup': { filesystem: 'zfs', filter: { DEVNAME: '**sda' }, zfs: { raid: 'raid0' } } },
    'mmmmmm',
  ],
  ['disk-setup.disk-list#name', 'not the name of a disk', { 'disk-setup/disk-list': ['disk one'] }, 'mmmmmm'],
  [
    'disk-setup.filter-match#filesystem',
    'filter-match with ext4',
    { 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/sda' }, 'filter-match': 'any' } },
    'yyyyyy',
  ],
  ['disk-setup.filter-match#filesystem', 'filter-match and a list', { 'disk-setup/filter-match': 'all' }, 'yyyyyy'],
  ['rule/filesystem-options', 'options of zfs with ext4', { 'disk-setup/zfs': {} }, 'nnnnnn'],
  [
    'rule/filesystem-options',
    'options of lvm with zfs',
    { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: { raid: 'raid0' }, lvm: {} } },
    'nnnnnn',
  ],
  [
    'rule/filesystem-options',
    'options of btrfs with xfs',
    { 'disk-setup/filesystem': 'xfs', 'disk-setup/btrfs': {} },
    'nnnnnn',
  ],
  ['rule/filesystem-options', 'options of lvm with ext4', { 'disk-setup/lvm': {} }, 'yyyyyy'],
  [
    'rule/raid-level',
    'zfs without level',
    { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: {} } },
    'nnnnnn',
  ],
  ['rule/raid-level', 'zfs without options', { 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'] } }, 'nnnnnn'],
  ['rule/raid-level', 'btrfs without level', btrfs(['sda'], {}), 'nnnnnn'],
  ['rule/raid-level rule/filesystem-product', 'btrfs with level', btrfs(['sda', 'sdb'], { raid: 'raid1' }), 'yyyyyy'],
  [
    'rule/filesystem-product',
    'btrfs, found by a filter',
    { 'disk-setup': { filesystem: 'btrfs', filter: { DEVNAME: '/dev/sda' }, btrfs: { raid: 'raid0' } } },
    'yyyyyy',
  ],
  ['disk-setup.zfs.raid#case', 'level in upper case', zfs(['sda', 'sdb'], 'RAID1'), 'nyyyyy'],
  ['disk-setup.zfs.raid#case', 'level in upper case, raidz', zfs(['sda', 'sdb', 'sdc'], 'RAIDZ-1'), 'nyyyyy'],
  ['disk-setup.zfs.raid#case', 'level in mixed case', zfs(['sda', 'sdb'], 'Raid1'), 'nnnnnn'],
  ['disk-setup.btrfs.raid#case', 'btrfs level in upper case', btrfs(['sda', 'sdb'], { raid: 'RAID1' }), 'nyyyyy'],
  ['disk-setup.btrfs.raid#case', 'btrfs level in mixed case', btrfs(['sda', 'sdb'], { raid: 'rAID1' }), 'nnnnnn'],
  ['rule/disk-count', 'raid1 of one', zfs(['sda'], 'raid1'), 'mmmnnn'],
  ['rule/disk-count', 'raid1 of two', zfs(['sda', 'sdb'], 'raid1'), 'yyyyyy'],
  ['rule/disk-count', 'raid10 of three', zfs(['sda', 'sdb', 'sdc'], 'raid10'), 'mmmnnn'],
  ['rule/disk-count', 'raid10 of four', zfs(['sda', 'sdb', 'sdc', 'sdd'], 'raid10'), 'yyyyyy'],
  ['rule/disk-count', 'raid10 of five', zfs(['sda', 'sdb', 'sdc', 'sdd', 'sde'], 'raid10'), 'mmmmmm'],
  ['rule/disk-count', 'raidz-1 of two', zfs(['sda', 'sdb'], 'raidz-1'), 'mmmnnn'],
  ['rule/disk-count', 'raidz-2 of three', zfs(['sda', 'sdb', 'sdc'], 'raidz-2'), 'mmmnnn'],
  ['rule/disk-count', 'raidz-3 of four', zfs(['sda', 'sdb', 'sdc', 'sdd'], 'raidz-3'), 'mmmnnn'],
  ['rule/disk-count', 'raidz-3 of five', zfs(['sda', 'sdb', 'sdc', 'sdd', 'sde'], 'raidz-3'), 'yyyyyy'],
  ['rule/disk-count', 'btrfs raid1 of one', btrfs(['sda'], { raid: 'raid1' }), 'mmmnnn'],
  ['rule/disk-names', 'a disk twice', zfs(['sda', 'sda'], 'raid1'), 'mmmnnn'],
  ['rule/disk-names', 'a disk twice under two names', zfs(['sda', '/dev/sda'], 'raid1'), 'mmmmmm'],
  ['rule/disk-names', 'two disks under their paths', zfs(['/dev/sda', '/dev/sdb'], 'raid1'), 'yyyyyy'],
  ['rule/arc-max', 'arc-max of 1', zfs(['sda'], 'raid0', { 'arc-max': 1 }), 'yyyyyy'],
  ['rule/arc-max', 'arc-max of 63', zfs(['sda'], 'raid0', { 'arc-max': 63 }), 'yyyyyy'],
  ['rule/arc-max', 'arc-max of 64', zfs(['sda'], 'raid0', { 'arc-max': 64 }), 'yyyyyy'],
  ['disk-setup.zfs.ashift#range', 'ashift 99', zfs(['sda'], 'raid0', { ashift: 99 }), 'oooooo'],
  ['disk-setup.zfs.ashift#range', 'ashift 8', zfs(['sda'], 'raid0', { ashift: 8 }), 'oooooo'],
  ['disk-setup.zfs.ashift#width', 'ashift beyond 32 bits', zfs(['sda'], 'raid0', { ashift: 4294967296 }), 'ooooon'],
  ['disk-setup.zfs.ashift#width', 'ashift of 32 bits', zfs(['sda'], 'raid0', { ashift: 4294967295 }), 'oooooo'],
  ['disk-setup.zfs.copies#range', 'copies 7', zfs(['sda'], 'raid0', { copies: 7 }), 'oooooo'],
  ['disk-setup.zfs.copies#range', 'copies 0', zfs(['sda'], 'raid0', { copies: 0 }), 'oooooo'],
  ['disk-setup.lvm.hdsize#range', 'hdsize negative and whole', { 'disk-setup/lvm': { hdsize: -1 } }, 'mmmmmm'],
  ['disk-setup.lvm.hdsize#range', 'hdsize negative', { 'disk-setup/lvm': { hdsize: -1.5 } }, 'mmmmmm'],
  // Below 8 GiB there is a question, which nobody answers. Zero is taken for no limit.
  ['disk-setup.lvm.hdsize#range', 'hdsize of 7.9', { 'disk-setup/lvm': { hdsize: 7.9 } }, 'mmmmmm'],
  ['disk-setup.lvm.hdsize#range', 'hdsize of 8', { 'disk-setup/lvm': { hdsize: 8 } }, 'yyyyyy'],
  ['disk-setup.lvm.hdsize#range', 'hdsize of 0', { 'disk-setup/lvm': { hdsize: 0 } }, 'oooooo'],
  ['disk-setup.zfs.hdsize', 'zfs.hdsize of 4', zfs(['sda'], 'raid0', { hdsize: 4 }), 'mmmmmm'],
  ['disk-setup.btrfs.hdsize', 'btrfs.hdsize of 4', btrfs(['sda'], { raid: 'raid0', hdsize: 4 }), 'mmmmmm'],
  ['rule/swap-size', 'swap of half', { 'disk-setup/lvm': { hdsize: 20, swapsize: 10 } }, 'yyyyyy'],
  ['rule/swap-size', 'swap of more than half', { 'disk-setup/lvm': { hdsize: 20, swapsize: 10.5 } }, 'mmmnnn'],
  ['rule/swap-size', 'swap without hdsize', { 'disk-setup/lvm': { swapsize: 4 } }, 'yyyyyy'],
  [
    'disk-setup.lvm.maxroot',
    'maxroot, maxvz, minfree',
    { 'disk-setup/lvm': { maxroot: 20, maxvz: 0, minfree: 2.5 } },
    'yyyyyy',
  ],
];

const OLD: Changes = {
  'global/root-password': undefined,
  'global/root_password': 'correct horse',
  'disk-setup/disk-list': undefined,
  'disk-setup/disk_list': ['sda'],
};
const OLD_ZFS: Changes = { ...OLD, 'disk-setup': { filesystem: 'zfs', disk_list: ['sda'], zfs: { raid: 'raid0' } } };
const OLD_HOOK: Changes = { ...OLD, 'post-installation-webhook': { url: 'http://192.0.2.1/' } };
const OLD_FIRST: Changes = { ...OLD, 'first-boot': { source: 'from-iso' } };
const PIN = 'ab'.repeat(32);

/** Keys with their old spelling: who takes them with underscores, who with hyphens, in a file that is otherwise spelled for all. */
const ALIASES: ReadonlyArray<
  readonly [path: string, value: Json, underscores: string, hyphens: string, around: Changes]
> = [
  ['global.root-password', 'correct horse', 'yyyyyy', 'nnyyyy', { ...OLD, 'global/root_password': undefined }],
  ['global.root-password-hashed', HASH, 'nyyyyy', 'nnyyyy', { ...OLD, 'global/root_password': undefined }],
  ['global.root-ssh-keys', [SSH_KEY], 'yyyyyy', 'nnyyyy', OLD],
  ['global.reboot-on-error', true, 'yyyyyy', 'nnyyyy', OLD],
  ['global.reboot-mode', 'reboot', 'nnyyyy', 'nnyyyy', OLD],
  ['global.subscription-key', 'pve2c-0123456789', 'nnnnny', 'nnnnny', OLD],
  ['disk-setup.disk-list', ['sda'], 'yyyyyy', 'nnyyyy', { ...OLD, 'disk-setup/disk_list': undefined }],
  ['disk-setup.filter-match', 'any', 'yyyyyy', 'nnyyyy', OLD],
  ['disk-setup.zfs.arc-max', 512, 'yyyyyy', 'nnyyyy', OLD_ZFS],
  ['post-installation-webhook.cert-fingerprint', PIN, 'nyyyyy', 'nnyyyy', OLD_HOOK],
  ['post-installation-webhook.auth-token', 'token', 'nnnnny', 'nnnnny', OLD_HOOK],
  // It has had hyphens from its beginning, and the alias since 8.4.
  ['first-boot.cert-fingerprint', PIN, 'nnyyyy', 'nyyyyy', OLD_FIRST],
];

function rowsOfAlias([path, value, underscores, hyphens, around]: (typeof ALIASES)[number]): Row[] {
  const at = path.replaceAll('.', '/');
  const old = at.replace(/[^/]+$/, (name) => name.replaceAll('-', '_'));
  const rules = `${path}/alias document/spelling`;
  return [
    [rules, `${path} with underscores`, { ...around, [old]: value }, underscores],
    [rules, `${path} with hyphens`, { ...around, [at]: value }, hyphens],
    [rules, `${path} in both`, { ...around, [old]: value, [at]: value }, 'nnnnnn'],
  ];
}

const LITERAL: readonly Row[] = [
  ['document/spelling', 'hyphens', {}, 'nnyyyy'],
  ['document/spelling', 'underscores', OLD, 'yyyyyy'],
  ['document/spelling', 'half of a name in hyphens', { ...OLD, 'global/root_ssh-keys': [] }, 'nnnnnn'],
  [
    'document/spelling network.interface-name-pinning/since',
    'interface-name-pinning in a file with underscores',
    { ...OLD, 'network/interface-name-pinning': { enabled: true } },
    'nnnnyy',
  ],
  [
    'document/spelling network.interface-name-pinning',
    'interface_name_pinning',
    { ...OLD, 'network/interface_name_pinning': { enabled: true } },
    'nnnnnn',
  ],
  ['document/unknown-key', 'a path in quotes is one name', { ...OLD, 'disk-setup/lvm.hdsize': 100 }, 'nnnnnn'],
  ['document/unknown-key', 'a path in quotes with underscores', { ...OLD, 'disk-setup/zfs.arc_max': 100 }, 'nnnnnn'],
  [
    'document/section-names',
    'disk_setup',
    { ...OLD, 'disk-setup': undefined, disk_setup: { filesystem: 'ext4', disk_list: ['sda'] } },
    'nnnnnn',
  ],
  [
    'document/section-names',
    'post_installation_webhook',
    { ...OLD, post_installation_webhook: { url: 'http://192.0.2.1/' } },
    'nnnnnn',
  ],
  ['document/section-names', 'post-installation-webhook', OLD_HOOK, 'nyyyyy'],
];

/** What only the text of a file can say. */
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
const EXT4 = 'filesystem = "ext4"\ndisk_list = ["sda"]';

const TEXTS: ReadonlyArray<readonly [rules: string, name: string, text: string, letters: string]> = [
  ['document/toml', 'a plain file', file(EXT4), 'yyyyyy'],
  ['document/toml-numbers', 'a float for a whole number', file(zfsWith('ashift = 12.0')), 'nnnnnn'],
  ['document/toml-numbers', 'a whole number in hex', file(zfsWith('ashift = 0xC')), 'yyyyyy'],
  ['document/toml-numbers', 'a whole number with underscores', file(zfsWith('arc_max = 1_024')), 'yyyyyy'],
  ['document/toml-numbers', 'minus zero', file(zfsWith('arc_max = -0')), 'yyyyyy'],
  ['document/toml-numbers', 'a whole number with a zero before it', file(zfsWith('ashift = 012')), 'nnnnnn'],
  ['disk-setup.zfs.arc-max#width', 'arc-max of 32 bits', file(zfsWith('arc_max = 4294967295')), 'yyyyyy'],
  ['disk-setup.zfs.arc-max#width', 'arc-max beyond 32 bits', file(zfsWith('arc_max = 4294967296')), 'yyyyyn'],
  ['disk-setup.zfs.arc-max#width', 'arc-max of 63 bits', file(zfsWith('arc_max = 9223372036854775807')), 'yyyyyn'],
  ['document/toml-numbers', 'arc-max of 64 bits', file(zfsWith('arc_max = 9223372036854775808')), 'nnnnnn'],
  ['document/toml-numbers', 'hdsize of 63 bits', file(zfsWith('hdsize = 9223372036854775807')), 'yyyyyy'],
  ['document/toml-numbers', 'hdsize of 64 bits', file(zfsWith('hdsize = 9223372036854775808')), 'nnnnnn'],
  ['document/toml-numbers', 'hdsize of 64 bits as a float', file(zfsWith('hdsize = 9223372036854775808.0')), 'yyyyyy'],
  ['document/toml-numbers', 'hdsize beyond a float', file(zfsWith('hdsize = 1e400')), 'nnnnnn'],
  ['document/toml-numbers', 'hdsize below a float', file(zfsWith('hdsize = -1e400')), 'mmmmmm'],
  ['document/toml-numbers disk-setup.zfs.hdsize', 'hdsize infinite', file(zfsWith('hdsize = inf')), 'oooooo'],
  [
    'disk-setup.lvm.swapsize#nan rule/swap-size',
    'swapsize no number, and hdsize',
    file(`${EXT4}\nlvm = { hdsize = 20, swapsize = nan }`),
    'mmmnnn',
  ],
  ['disk-setup.lvm.swapsize#nan', 'swapsize no number', file(`${EXT4}\nlvm = { swapsize = nan }`), 'oooooo'],
  [
    'disk-setup.lvm.swapsize#nan',
    'swapsize and hdsize no number',
    file(`${EXT4}\nlvm = { hdsize = nan, swapsize = 1 }`),
    'mmmnnn',
  ],
  ['document/toml', 'a date', file(EXT4, 'root_ssh_keys = [1979-05-27]'), 'nnnnnn'],
  ['document/toml', 'an inline table', file(`${EXT4}\nlvm = { hdsize = 20.0 }`), 'yyyyyy'],
  [
    'document/toml',
    'an inline table with a comma at its end (TOML 1.1)',
    file(`${EXT4}\nlvm = { hdsize = 20.0, }`),
    'nnnnnn',
  ],
  [
    'document/toml',
    'an inline table over two lines (TOML 1.1)',
    file(`${EXT4}\nlvm = { hdsize = 20.0,\n swapsize = 1 }`),
    'nnnnnn',
  ],
  ['document/toml', 'an escape of TOML 1.1', file(EXT4, 'root_ssh_keys = ["\\e"]'), 'nnnnnn'],
  ['document/toml', 'a table in a header', file(`${EXT4}\n[disk-setup.lvm]\nhdsize = 20`), 'yyyyyy'],
  [
    'document/twice',
    'dotted keys and a header of the same table',
    file(`${EXT4}\nlvm.hdsize = 20\n[disk-setup.lvm]\nswapsize = 1`),
    'nnnnnn',
  ],
  ['document/twice', 'a key twice', file(EXT4, 'country = "at"'), 'nnnnnn'],
  ['document/twice', 'a section twice', file(`${EXT4}\n[global]`), 'nnnnnn'],
  ['document/twice', 'a name twice, in two sections', file(`${EXT4}\nlvm.hdsize = 20`), 'yyyyyy'],
  ['document/toml', 'a list of tables', file(`${EXT4}\n[[disk-setup.lvm]]`), 'nnnnnn'],
  ['document/toml', 'a byte-order mark', `\ufeff${file(EXT4)}`, 'yyyyyy'],
  ['document/toml', 'two byte-order marks', `\ufeff\ufeff${file(EXT4)}`, 'nnnnnn'],
  ['document/toml', 'line ends of Windows', file(EXT4).replaceAll('\n', '\r\n'), 'yyyyyy'],
  ['document/toml', 'a carriage return alone', file(EXT4).replace('\n[network]', '\r[network]'), 'nnnnnn'],
  ['document/toml', 'a control character in a comment', file(EXT4, '# \u0001'), 'nnnnnn'],
  ['document/toml', 'JSON, which this is not', '{}', 'nnnnnn'],
  ['document/toml document/missing-section', 'nothing', '', 'nnnnnn'],
];

const json = (value: Json): string => JSON.stringify(value);
const jsonZfs = (options: string): string =>
  json(BASE).replace('"ext4"', '"zfs"').replace('"disk-list"', `"zfs":{"raid":"raid0",${options}},"disk-list"`);
const jsonHashed = json(changed(hashed));

/** From 9.2 on, where the server says application/json; to the older ones it is TOML that cannot be read. */
const JSONS: ReadonlyArray<readonly [rules: string, name: string, text: string, letter: 'y' | 'n' | 'o']> = [
  ['document/json', 'JSON', json(BASE), 'y'],
  ['document/json', 'JSON with underscores', json(BASE).replace('"root-password"', '"root_password"'), 'y'],
  ['document/json', 'JSON with blanks around', ` \t\r\n${json(BASE)}\n`, 'y'],
  ['document/json', 'JSON, a comma too many', json(BASE).replace('"at"', '"at",'), 'n'],
  ['document/json', 'JSON with a comment', `${json(BASE)} // x`, 'n'],
  ['document/json', 'JSON, a list', '[]', 'n'],
  ['document/json', 'JSON with a byte-order mark', `\ufeff${json(BASE)}`, 'n'],
  [
    'document/json',
    'JSON with half of a surrogate pair',
    json(BASE).replace('"correct horse"', '"\\ud800 horse"'),
    'n',
  ],
  ['document/json', 'JSON with a line break in a text', json(BASE).replace('correct horse', 'correct\nhorse'), 'n'],
  ['document/twice', 'JSON, a key twice', json(BASE).replace('"country":"at"', '"country":"at","country":"at"'), 'n'],
  [
    'document/twice',
    'JSON, a section twice',
    json(BASE).replace('"network":', '"network":{"source":"from-dhcp"},"network":'),
    'n',
  ],
  [
    'document/twice',
    'JSON, a key of a filter twice',
    json(changed(network({}))).replace('"ID_PATH":"pci*"', '"ID_PATH":"a","ID_PATH":"pci*"'),
    'y',
  ],
  [
    'document/null',
    'null for an optional key',
    jsonHashed.replace('"root-password-hashed"', '"root-password":null,"root-password-hashed"'),
    'y',
  ],
  ['document/null', 'null for an optional table', json(changed({ 'disk-setup/zfs': null })), 'y'],
  ['document/null', 'null for an optional section', json({ ...BASE, 'first-boot': null }), 'y'],
  ['document/null', 'null for an optional number', jsonZfs('"ashift":null'), 'y'],
  ['document/null', 'null for a key with a default', json(changed({ 'global/reboot-on-error': null })), 'n'],
  ['document/null', 'null for a list', json(changed({ 'global/root-ssh-keys': null })), 'n'],
  ['document/null', 'null for a required key', json(changed({ 'global/country': null })), 'n'],
  ['document/null', 'null for a required section', json({ ...BASE, network: null }), 'n'],
  ['document/null', 'null for an unknown key', json(changed({ 'global/locale': null })), 'n'],
  ['document/json-numbers', 'JSON, a float for a whole number', jsonZfs('"ashift":12.0'), 'n'],
  ['document/json-numbers', 'JSON, a whole number', jsonZfs('"ashift":12'), 'y'],
  ['document/json-numbers', 'JSON, minus zero for a whole number', jsonZfs('"arc-max":-0'), 'n'],
  ['document/json-numbers', 'JSON, a whole number with an exponent', jsonZfs('"arc-max":1e2'), 'n'],
  ['document/json-numbers', 'JSON, a size of 80 bits', jsonZfs('"hdsize":1208925819614629174706176'), 'y'],
  ['document/json-numbers', 'JSON, a size beyond a float', jsonZfs('"hdsize":1e400'), 'n'],
  ['document/json-numbers', 'JSON, infinity', jsonZfs('"hdsize":Infinity'), 'n'],
  ['document/json-numbers', 'JSON, no number', jsonZfs('"hdsize":NaN'), 'n'],
];

export const VERDICTS: readonly VerdictRow[] = [
  ...EACH_KEY.flatMap(rowsOfKey).map(valueRow),
  ...[...RELEASES, ...GLOBAL, ...NETWORK, ...PINNING, ...DISKS].map(valueRow),
  ...ALIASES.flatMap(rowsOfAlias).map(literalRow),
  ...LITERAL.map(literalRow),
  ...TEXTS.map(
    ([rules, name, text, letters]): VerdictRow => ({
      rules: words(rules),
      name,
      letters,
      format: 'toml',
      text: () => text,
    }),
  ),
  ...JSONS.map(
    ([rules, name, text, letter]): VerdictRow => ({
      rules: words(rules),
      name,
      letters: `${'n'.repeat(ANSWER_RELEASES.length - 1)}${letter}`,
      format: 'json',
      text: () => text,
    }),
  ),
];

/** A machine that the answers of the table are for, as the stand-in reports it: five equal disks, one port. */
export const VERDICT_MACHINE = {
  lease: { 'host-name': 'pve1', 'domain-name': 'lab.example' },
  disks: Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map((letter) => [
      `/dev/sd${letter}`,
      { DEVNAME: `/dev/sd${letter}`, ID_SERIAL: `${letter.toUpperCase()}1`, SIZE_BYTES: String(64 * 2 ** 30) },
    ]),
  ),
  interfaces: { eno1: { ID_NET_NAME_MAC: 'enxbc2411000001', ID_PATH: 'pci-0000:00:1f.6' } },
};
