/** The stand-in installer's checker and its table of statuses, alone: rows of section 1 and 2.4 of the contract. */
import { stringify } from 'smol-toml';
import { test } from 'tap';
import { askStandIn, type CheckerVerdict } from '../support/stand-in.ts';

type Table = { readonly [key: string]: unknown };

const GLOBAL = {
  keyboard: 'de',
  country: 'at',
  fqdn: 'pve1.lab.test',
  mailto: 'root@lab.test',
  timezone: 'Europe/Vienna',
  'root-password': 'eight-or-more',
};
const FROM_ANSWER = {
  source: 'from-answer',
  cidr: '10.0.0.9/24',
  dns: '10.0.0.1',
  gateway: '10.0.0.1',
  filter: { ID_NET_NAME_MAC: '*bc2411000001' },
};

/** A good answer with changes; `undefined` takes a key away, a section or key that is not there is added. */
function answer(changes: Table): string {
  const base: Record<string, Table> = {
    global: GLOBAL,
    network: { source: 'from-dhcp' },
    'disk-setup': { filesystem: 'ext4', 'disk-list': ['sda'] },
  };
  const merged: Record<string, unknown> = { ...base };
  for (const [section, values] of Object.entries(changes)) {
    const table = typeof values === 'object' && values !== null && !Array.isArray(values);
    const whole: unknown = table ? { ...base[section], ...values } : values;
    merged[section] = table
      ? Object.fromEntries(Object.entries(whole as Table).filter(([, v]) => v !== undefined))
      : values;
  }
  return stringify(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)));
}

const zfs = (extra: Table, disks: readonly string[] = ['sda', 'sdb']): Table => ({
  'disk-setup': { filesystem: 'zfs', 'disk-list': disks, zfs: extra },
});

interface Row {
  readonly name: string;
  readonly changes: Table;
  /** `ok`, or the phase with part of the message. */
  readonly new: string | readonly [string, string];
  /** Release 8.4, where it differs. */
  readonly old?: string | readonly [string, string];
}

const ROWS: readonly Row[] = [
  { name: 'the plain answer', changes: {}, new: 'ok' },
  // global
  { name: 'keyboard us', changes: { global: { keyboard: 'us' } }, new: ['P', 'unknown variant `us`'] },
  { name: 'keyboard in upper case', changes: { global: { keyboard: 'EN-US' } }, new: ['P', 'unknown variant'] },
  {
    name: 'country in upper case',
    changes: { global: { country: 'US' } },
    new: ['C', "country code 'US' is not valid"],
  },
  { name: 'country uk', changes: { global: { country: 'uk' } }, new: ['C', 'country code'] },
  { name: 'country gb', changes: { global: { country: 'gb' } }, new: 'ok' },
  { name: 'host name without a domain', changes: { global: { fqdn: 'pve1' } }, new: ['P', 'fully-qualified'] },
  { name: 'first label all digits', changes: { global: { fqdn: '123.lab.test' } }, new: ['P', 'fully-qualified'] },
  { name: 'last label all digits', changes: { global: { fqdn: 'pve.123' } }, new: 'ok' },
  { name: 'name in upper case', changes: { global: { fqdn: 'PVE1.Lab.Test' } }, new: 'ok' },
  { name: 'underscore in the name', changes: { global: { fqdn: 'pve_1.lab.test' } }, new: ['P', 'fully-qualified'] },
  { name: 'label ends with a hyphen', changes: { global: { fqdn: 'pve-.lab.test' } }, new: ['P', 'fully-qualified'] },
  { name: 'label of 64', changes: { global: { fqdn: `${'a'.repeat(64)}.test` } }, new: ['P', 'fully-qualified'] },
  { name: 'name of 254', changes: { global: { fqdn: `a${'.abc'.repeat(63)}d` } }, new: ['P', 'fully-qualified'] },
  { name: 'empty fqdn table', changes: { global: { fqdn: {} } }, new: 'ok' },
  {
    name: 'fqdn table with another source',
    changes: { global: { fqdn: { source: 'dhcp' } } },
    new: ['P', 'fully-qualified'],
  },
  {
    name: 'fqdn table with a foreign key',
    changes: { global: { fqdn: { name: 'x' } } },
    new: ['P', 'fully-qualified'],
  },
  { name: 'no mailto', changes: { global: { mailto: undefined } }, new: ['P', 'missing field `mailto`'] },
  { name: 'mailto root@localhost', changes: { global: { mailto: 'root@localhost' } }, new: 'ok' },
  { name: 'mailto default', changes: { global: { mailto: 'mail@example.invalid' } }, new: ['C', 'email'] },
  { name: 'mailto without at', changes: { global: { mailto: 'root' } }, new: ['C', 'email'] },
  { name: 'zone UTC', changes: { global: { timezone: 'UTC' } }, new: 'ok' },
  { name: 'zone Etc/UTC', changes: { global: { timezone: 'Etc/UTC' } }, new: ['C', "timezone 'Etc/UTC' is not valid"] },
  { name: 'zone Europe/Kiev', changes: { global: { timezone: 'Europe/Kiev' } }, new: ['C', 'timezone'] },
  { name: 'password of 7 bytes', changes: { global: { 'root-password': '1234567' } }, new: ['C', 'at least 8'] },
  { name: 'password of 8 bytes, 4 characters', changes: { global: { 'root-password': 'öööö' } }, new: 'ok' },
  { name: 'no password', changes: { global: { 'root-password': undefined } }, new: ['C', 'One of'] },
  { name: 'both passwords', changes: { global: { 'root-password-hashed': '$6$x' } }, new: ['C', 'at the same time'] },
  {
    name: 'any rubbish as hash',
    changes: { global: { 'root-password': undefined, 'root-password-hashed': 'junk' } },
    new: 'ok',
  },
  {
    name: 'key as a string',
    changes: { global: { 'root-ssh-keys': 'ssh-ed25519 A' } },
    new: ['P', 'expected a sequence'],
  },
  { name: 'keys', changes: { global: { 'root-ssh-keys': ['ssh-ed25519 A', 'junk'] } }, new: 'ok' },
  { name: 'reboot mode', changes: { global: { 'reboot-mode': 'power-off', 'reboot-on-error': true } }, new: 'ok' },
  { name: 'reboot mode halt', changes: { global: { 'reboot-mode': 'halt' } }, new: ['P', 'unknown variant'] },
  { name: 'unknown key', changes: { global: { colour: 'red' } }, new: ['P', 'unknown field `colour`'] },
  { name: 'unknown section', changes: { extra: {} }, new: ['P', 'unknown field `extra`'] },
  {
    name: 'section with underscore',
    changes: { 'disk-setup': undefined, disk_setup: {} },
    new: ['P', 'unknown field'],
  },
  { name: 'no disk section', changes: { 'disk-setup': undefined }, new: ['P', 'missing field `disk-setup`'] },
  {
    name: 'old spelling',
    changes: { global: { 'root-password': undefined, root_password: 'eight-or-more' } },
    new: 'ok',
  },
  { name: 'both spellings', changes: { global: { root_password: 'eight-or-more' } }, new: ['P', 'duplicate field'] },
  {
    name: 'subscription key',
    changes: { global: { 'subscription-key': 'junk' } },
    new: 'ok',
    old: ['P', 'unknown field'],
  },
  // network
  { name: 'no source', changes: { network: { source: undefined } }, new: ['P', 'missing field `source`'], old: 'ok' },
  { name: 'source dhcp', changes: { network: { source: 'dhcp' } }, new: ['P', 'unknown variant'] },
  { name: 'address with from-dhcp', changes: { network: { dns: '10.0.0.1' } }, new: ['P', 'cannot be set together'] },
  { name: 'from-answer', changes: { network: FROM_ANSWER }, new: 'ok' },
  { name: 'no prefix', changes: { network: { ...FROM_ANSWER, cidr: '10.0.0.9' } }, new: 'ok', old: ['P', 'no mask'] },
  { name: 'no filter', changes: { network: { ...FROM_ANSWER, filter: undefined } }, new: 'ok', old: ['P', 'filter'] },
  { name: 'no gateway', changes: { network: { ...FROM_ANSWER, gateway: undefined } }, new: ['P', 'gateway'] },
  { name: 'gateway of the other family', changes: { network: { ...FROM_ANSWER, gateway: 'fe80::1' } }, new: 'ok' },
  { name: 'list of dns', changes: { network: { ...FROM_ANSWER, dns: ['10.0.0.1'] } }, new: ['P', 'expected a string'] },
  {
    name: 'pinning',
    changes: { network: { 'interface-name-pinning': { enabled: true, mapping: { 'bc:24:11:00:00:01': 'lan0' } } } },
    new: 'ok',
    old: ['P', 'unknown field'],
  },
  {
    name: 'pinning without enabled',
    changes: { network: { 'interface-name-pinning': { mapping: {} } } },
    new: ['P', 'missing field `enabled`'],
    old: ['P', 'unknown field'],
  },
  {
    name: 'pinned names twice',
    changes: {
      network: {
        'interface-name-pinning': {
          enabled: true,
          mapping: { 'bc:24:11:00:00:01': 'lan0', 'bc:24:11:00:00:02': 'lan0' },
        },
      },
    },
    new: ['C', 'duplicate interface name'],
    old: ['P', 'unknown field'],
  },
  // disk-setup
  { name: 'filesystem ext3', changes: { 'disk-setup': { filesystem: 'ext3' } }, new: ['P', 'unknown variant'] },
  {
    name: 'neither list nor filter',
    changes: { 'disk-setup': { 'disk-list': undefined } },
    new: ['C', 'Need either'],
    old: ['P', 'Need either'],
  },
  {
    name: 'both',
    changes: { 'disk-setup': { filter: { DEVNAME: '*' } } },
    new: ['C', 'Cannot use both'],
    old: ['P', 'Cannot use both'],
  },
  {
    name: 'two disks for ext4',
    changes: { 'disk-setup': { 'disk-list': ['sda', 'sdb'] } },
    new: ['C', 'only one disk'],
    old: ['P', 'only one disk'],
  },
  {
    name: 'zfs options for ext4',
    changes: { 'disk-setup': { zfs: { raid: 'raid1' } } },
    new: ['C', "only 'lvm' options"],
    old: ['P', "only 'lvm'"],
  },
  {
    name: 'zfs without level',
    changes: zfs({}),
    new: ['C', "'zfs.raid' must be set"],
    old: ['P', "'zfs.raid' must be set"],
  },
  { name: 'zfs raid1', changes: zfs({ raid: 'raid1' }), new: 'ok' },
  { name: 'level in upper case', changes: zfs({ raid: 'RAID1' }), new: 'ok' },
  { name: 'level in mixed case', changes: zfs({ raid: 'Raid1' }), new: ['P', 'unknown variant'] },
  { name: 'raidz1', changes: zfs({ raid: 'raidz1' }), new: ['P', 'unknown variant'] },
  { name: 'raid10 of two', changes: zfs({ raid: 'raid10' }), new: ['C', 'need at least 4 disks'], old: 'ok' },
  { name: 'ashift 99', changes: zfs({ raid: 'raid1', ashift: 99 }), new: 'ok' },
  { name: 'ashift as text', changes: zfs({ raid: 'raid1', ashift: '12' }), new: ['P', 'expected an integer'] },
  {
    name: 'one disk twice',
    changes: zfs({ raid: 'raid1' }, ['sda', 'sda']),
    new: ['C', 'duplicate device sda'],
    old: 'ok',
  },
  { name: 'one disk by two names', changes: zfs({ raid: 'raid1' }, ['sda', '/dev/sda']), new: 'ok' },
  {
    name: 'swap above half',
    changes: { 'disk-setup': { lvm: { hdsize: 20, swapsize: 11 } } },
    new: ['C', 'Swap size'],
    old: 'ok',
  },
  { name: 'swap of half', changes: { 'disk-setup': { lvm: { hdsize: 20, swapsize: 10 } } }, new: 'ok' },
  {
    name: 'btrfs',
    changes: { 'disk-setup': { filesystem: 'btrfs', btrfs: { raid: 'raid0', compress: 'zstd' } } },
    new: 'ok',
  },
  // webhook, first-boot
  {
    name: 'webhook',
    changes: { 'post-installation-webhook': { url: 'nonsense', 'cert-fingerprint': 'x' } },
    new: 'ok',
  },
  { name: 'webhook without url', changes: { 'post-installation-webhook': {} }, new: ['P', 'missing field `url`'] },
  {
    name: 'webhook token',
    changes: { 'post-installation-webhook': { url: 'x', 'auth-token': 't' } },
    new: 'ok',
    old: ['P', 'unknown field'],
  },
  {
    name: 'hook',
    changes: { 'first-boot': { source: 'from-url', url: 'https://x/', ordering: 'fully-up' } },
    new: 'ok',
  },
  { name: 'hook without url', changes: { 'first-boot': { source: 'from-url' } }, new: ['C', 'but none specified'] },
  { name: 'hook from the image', changes: { 'first-boot': { source: 'from-iso' } }, new: 'ok' },
  {
    name: 'unknown ordering',
    changes: { 'first-boot': { source: 'from-iso', ordering: 'late' } },
    new: ['P', 'unknown variant'],
  },
];

function matches(verdict: CheckerVerdict, expected: string | readonly [string, string]): boolean {
  if (typeof expected === 'string') return verdict.ok;
  return !verdict.ok && verdict.phase === expected[0] && verdict.message?.includes(expected[1]) === true;
}

test('answers that 9.2 and 8.4 take and refuse', async (t) => {
  for (const release of ['9.2', '8.4'] as const) {
    const verdicts = askStandIn<CheckerVerdict>(
      'checker.py',
      ROWS.map((row) => ({ release, answer: answer(row.changes) })),
    );
    ROWS.forEach((row, index) => {
      const expected = release === '8.4' ? (row.old ?? row.new) : row.new;
      const verdict = verdicts[index] ?? { ok: false, message: 'no verdict' };
      t.ok(matches(verdict, expected), `${release}: ${row.name}`, { expected, found: verdict });
    });
  }
});

test('what the releases between and before take, one letter for each of 8.2, 8.3, 8.4, 9.0, 9.1, 9.2', (t) => {
  // Sections 1.1 to 1.7 of the contract; as written, so that the spelling counts.
  const OLD = { 'root-password': undefined, root_password: 'eight-or-more' };
  const old = (global: Table, more: Table = {}): Table => ({
    global: { ...OLD, ...global },
    'disk-setup': { 'disk-list': undefined, disk_list: ['sda'] },
    ...more,
  });
  const oldZfs = (zfs: Table, disks: readonly string[]): Table =>
    old({}, { 'disk-setup': { 'disk-list': undefined, filesystem: 'zfs', disk_list: disks, zfs } });
  const rows: ReadonlyArray<readonly [name: string, changes: Table, verdicts: string]> = [
    ['hyphens', {}, 'nnyyyy'],
    ['underscores', old({}), 'yyyyyy'],
    ['pinning has no underscores', old({}, { network: { interface_name_pinning: { enabled: true } } }), 'nnnnnn'],
    ['pinning', old({}, { network: { 'interface-name-pinning': { enabled: true } } }), 'nnnnyy'],
    ['hash', old({ root_password: undefined, root_password_hashed: 'x' }), 'nyyyyy'],
    ['mail that is none', old({ mailto: 'nobody' }), 'ynnnnn'],
    ['a password of 7', old({ root_password: '1234567' }), 'yynnnn'],
    ['fqdn as a table', old({ fqdn: {} }), 'nnyyyy'],
    ['reboot mode', old({ reboot_mode: 'reboot' }), 'nnyyyy'],
    ['webhook', old({}, { 'post-installation-webhook': { url: 'x', cert_fingerprint: 'y' } }), 'nyyyyy'],
    [
      'webhook with a hyphen',
      old({}, { 'post-installation-webhook': { url: 'x', 'cert-fingerprint': 'y' } }),
      'nnyyyy',
    ],
    ['hook with a hyphen', old({}, { 'first-boot': { source: 'from-iso', 'cert-fingerprint': 'y' } }), 'nyyyyy'],
    ['hook with an underscore', old({}, { 'first-boot': { source: 'from-iso', cert_fingerprint: 'y' } }), 'nnyyyy'],
    ['hook without url', old({}, { 'first-boot': { source: 'from-url' } }), 'nynnnn'],
    ['level in upper case', oldZfs({ raid: 'RAID1' }, ['sda', 'sdb']), 'nyyyyy'],
    ['too few disks', oldZfs({ raid: 'raid1' }, ['sda']), 'yyynnn'],
    ['one disk twice', oldZfs({ raid: 'raid1' }, ['sda', 'sda']), 'yyynnn'],
    ['no source', old({}, { network: { source: undefined } }), 'yyyyyn'],
    ['no filter', old({}, { network: { ...FROM_ANSWER, filter: undefined } }), 'nnnnny'],
    ['an empty filter', old({}, { network: { ...FROM_ANSWER, filter: {} } }), 'yyynny'],
    ['no prefix', old({}, { network: { ...FROM_ANSWER, cidr: '10.0.0.9' } }), 'nnnnny'],
  ];
  const releases = ['8.2', '8.3', '8.4', '9.0', '9.1', '9.2'];
  const verdicts = askStandIn<CheckerVerdict>(
    'checker.py',
    rows.flatMap(([, changes]) => releases.map((release) => ({ release, answer: answer(changes) }))),
  );
  rows.forEach(([name, , expected], row) => {
    const found = releases.map((_, i) => (verdicts[row * releases.length + i]?.ok === true ? 'y' : 'n')).join('');
    t.equal(found, expected, name);
  });
  t.end();
});

test('an answer in JSON, and text that is no TOML', async (t) => {
  const good = {
    global: GLOBAL,
    network: { source: 'from-dhcp' },
    'disk-setup': { filesystem: 'xfs', 'disk-list': ['sda'] },
  };
  const [json, asToml, empty] = askStandIn<CheckerVerdict>('checker.py', [
    { release: '9.2', json: true, answer: JSON.stringify(good) },
    { release: '8.4', answer: JSON.stringify(good) },
    { release: '9.2', answer: '' },
  ]);
  t.match(json, { ok: true }, 'JSON with the same structure');
  t.match(asToml, { ok: false, phase: 'P' }, 'JSON handed to a release that takes it for TOML');
  t.match(empty, { ok: false, phase: 'P' }, 'an empty 200 is an answer that does not parse');
});

const MACHINE = {
  lease: { 'host-name': 'leased', 'domain-name': 'lease.test' },
  disks: {
    '/dev/sda': { DEVNAME: '/dev/sda', ID_SERIAL: 'A1', SIZE_BYTES: String(4 * 2 ** 30) },
    '/dev/sdb': { DEVNAME: '/dev/sdb', ID_SERIAL: 'B2', SIZE_BYTES: String(20 * 2 ** 30) },
    '/dev/vdb': { DEVNAME: '/dev/vdb', SIZE_BYTES: String(20 * 2 ** 30) },
  },
  interfaces: {
    eno1: { ID_NET_NAME_MAC: 'enxbc2411000001', ID_PATH: 'pci-1' },
    eno2: { ID_NET_NAME_MAC: 'enxbc2411000002', ID_PATH: 'pci-2' },
  },
};
const onDisk = (setup: Table): Table => ({ 'disk-setup': { 'disk-list': undefined, ...setup } });
const onRaid = (filesystem: string, raid: string, setup: Table): Table =>
  onDisk({ filesystem, [filesystem]: { raid }, ...setup });
const onPort = (filter: Table): Table => ({ ...onDisk({ 'disk-list': ['sdb'] }), network: { ...FROM_ANSWER, filter } });

test('what fits the machine', async (t) => {
  const rows: ReadonlyArray<{
    readonly name: string;
    readonly changes: Table;
    readonly lease?: Table;
    readonly found: Table;
  }> = [
    {
      name: 'by the end of the path',
      changes: onDisk({ 'disk-list': ['sdb'] }),
      found: { ok: true, disks: ['/dev/sdb'] },
    },
    { name: 'first path that ends so', changes: onDisk({ 'disk-list': ['db'] }), found: { disks: ['/dev/sdb'] } },
    {
      name: 'by-id path',
      changes: onDisk({ 'disk-list': ['/dev/disk/by-id/x'] }),
      found: { phase: 'M', message: /not found/ },
    },
    { name: 'first in order', changes: onDisk({ filter: { DEVNAME: '/dev/[sv]db' } }), found: { disks: ['/dev/sdb'] } },
    {
      name: 'any key of two',
      changes: onDisk({ filter: { ID_SERIAL: 'nothing', DEVNAME: '/dev/vdb' } }),
      found: { disks: ['/dev/vdb'] },
    },
    {
      name: 'no disk',
      changes: onDisk({ filter: { ID_SERIAL: 'b2' } }),
      found: { phase: 'M', message: /filter did not match/ },
    },
    {
      name: 'glob that does not compile',
      changes: onDisk({ filter: { DEVNAME: 'x**' } }),
      found: { phase: 'M', message: /invalid glob/ },
    },
    {
      name: 'btrfs mirror, in the order of names',
      changes: onRaid('btrfs', 'raid1', { 'disk-list': ['vdb', 'sdb'] }),
      found: { ok: true, disks: ['/dev/sdb', '/dev/vdb'] },
    },
    {
      name: 'btrfs on one disk',
      changes: onRaid('btrfs', 'raid0', { 'disk-list': ['sdb'] }),
      found: { ok: true, disks: ['/dev/sdb'] },
    },
    {
      name: 'a listed disk that is not there is passed over, and then one is missing',
      changes: onRaid('btrfs', 'raid1', { 'disk-list': ['sdb', 'sdc'] }),
      found: { phase: 'M', message: /btrfs \(RAID1\): need at least 2/ },
    },
    {
      name: 'none of the listed disks is there',
      changes: onRaid('zfs', 'raid0', { 'disk-list': ['sdc'] }),
      found: { phase: 'M', message: /No disks found/ },
    },
    {
      name: 'any key of a filter takes every disk that it fits',
      changes: onRaid('zfs', 'raid1', { filter: { ID_SERIAL: 'B*', DEVNAME: '/dev/vdb' } }),
      found: { ok: true, disks: ['/dev/sdb', '/dev/vdb'] },
    },
    {
      name: 'all keys: a disk that lacks one counts as matching',
      changes: onRaid('zfs', 'raid0', { filter: { ID_SERIAL: 'B*', DEVNAME: '/dev/*' }, 'filter-match': 'all' }),
      found: { ok: true, disks: ['/dev/sdb', '/dev/vdb'] },
    },
    {
      name: 'a ZFS mirror of unequal disks',
      changes: onRaid('zfs', 'raid1', { 'disk-list': ['sdb', 'sda'] }),
      found: { phase: 'M', message: /same size/ },
    },
    {
      name: 'ZFS RAID10 of three, found by a filter',
      changes: onRaid('zfs', 'raid10', { filter: { DEVNAME: '/dev/*' } }),
      found: { phase: 'M', message: /at least 4/ },
    },
    { name: 'below 8 GiB', changes: onDisk({ 'disk-list': ['sda'] }), found: { phase: 'M', message: /8 GiB/ } },
    { name: 'port by MAC', changes: onPort({ ID_NET_NAME_MAC: '*bc2411000002' }), found: { interface: 'eno2' } },
    { name: 'port by MAC in upper case', changes: onPort({ ID_NET_NAME_MAC: '*BC2411000002' }), found: { phase: 'M' } },
    {
      name: 'two keys are or',
      changes: onPort({ ID_NET_NAME_MAC: '*bc2411000002', ID_PATH: 'pci-*' }),
      found: { interface: 'eno1' },
    },
    {
      name: 'name of the lease',
      changes: { ...onDisk({ 'disk-list': ['sdb'] }), global: { fqdn: {} } },
      found: { fqdn: 'leased.lease.test' },
    },
    {
      name: 'the answer’s domain wins',
      changes: { ...onDisk({ 'disk-list': ['sdb'] }), global: { fqdn: { domain: 'lab.test' } } },
      found: { fqdn: 'leased.lab.test' },
    },
    {
      name: 'a domain that is none',
      changes: { ...onDisk({ 'disk-list': ['sdb'] }), global: { fqdn: { domain: '_' } } },
      found: { fqdn: 'pve.example.invalid' },
    },
    {
      name: 'lease without a host name',
      changes: { ...onDisk({ 'disk-list': ['sdb'] }), global: { fqdn: {} } },
      lease: {},
      found: { phase: 'M', message: /did not provide a hostname/ },
    },
    {
      name: 'lease without a domain',
      changes: { ...onDisk({ 'disk-list': ['sdb'] }), global: { fqdn: {} } },
      lease: { 'host-name': 'x' },
      found: { phase: 'M', message: /no domain received/ },
    },
  ];
  const verdicts = askStandIn<CheckerVerdict>(
    'checker.py',
    rows.map((row) => ({
      release: '9.2',
      answer: answer(row.changes),
      machine: { ...MACHINE, lease: row.lease ?? MACHINE.lease },
    })),
  );
  rows.forEach((row, index) => {
    t.match(verdicts[index], row.found, row.name);
  });
});

test('which statuses count', async (t) => {
  // Columns: purpose, status, 9.2, 8.4, and 9.1 where it is not like 8.4 (contract 2.4, 4 and 5).
  const rows = [
    ['answer', 200, 'taken', 'taken'],
    ['answer', 201, 'taken', 'taken'],
    ['answer', 202, 'failed', 'taken'],
    ['answer', 204, 'failed', 'taken'],
    ['answer', 301, 'follow', 'follow'],
    ['answer', 302, 'follow', 'follow'],
    ['answer', 303, 'follow', 'follow'],
    ['answer', 304, 'failed', 'taken'],
    ['answer', 307, 'failed', 'taken', 'failed'],
    ['answer', 308, 'failed', 'taken', 'failed'],
    ['answer', 403, 'failed', 'failed'],
    ['answer', 503, 'failed', 'failed'],
    ['webhook', 200, 'taken', 'taken'],
    ['webhook', 202, 'failed', 'taken'],
    ['webhook', 204, 'failed', 'taken'],
    ['webhook', 307, 'failed', 'taken', 'failed'],
    ['webhook', 500, 'failed', 'failed'],
    ['first-boot', 200, 'taken', 'taken'],
    ['first-boot', 204, 'taken', 'taken'],
    ['first-boot', 302, 'follow', 'follow'],
    ['first-boot', 307, 'follow', 'follow'],
    ['first-boot', 404, 'failed', 'failed'],
  ] as const;
  for (const [column, release] of ['9.2', '8.4', '9.1'].entries()) {
    const outcomes = askStandIn<{ readonly outcome: string }>(
      'wire.py',
      rows.map(([purpose, status]) => ({ release, purpose, status })),
    );
    rows.forEach((row, index) => {
      t.equal(outcomes[index]?.outcome, row[2 + column] ?? row[3], `${release}: ${row[0]} ${row[1]}`);
    });
  }
});
