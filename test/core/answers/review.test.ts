/** One answer file judged as a whole: order and place of findings, weights, opinions, machines; converting and explaining. */
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { test } from 'tap';
import { convertAnswer } from '../../../src/answers/convert.ts';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../../src/answers/dialect.ts';
import { explainFinding, explainKey, keysNamed } from '../../../src/answers/explain.ts';
import { FINDING_KINDS } from '../../../src/answers/findings.ts';
import { ANSWER_KEYS, nameIn } from '../../../src/answers/keys.ts';
import { parseMachineFacts } from '../../../src/answers/machine.ts';
import type { Product } from '../../../src/answers/release.ts';
import { type Review, reviewAnswer } from '../../../src/answers/review.ts';
import { answerSchema } from '../../../src/answers/schema.ts';
import { parseSeverities } from '../../../src/answers/severities.ts';
import { foldSpelling } from '../../../src/answers/spelling.ts';
import { HASH, type Json, type JsonMap, SMALLEST, STATIC, withValue } from '../../support/answers.ts';

const toml = (answer: JsonMap): string => stringify(answer);
const GOOD: JsonMap = withValue({ ...SMALLEST, network: STATIC }, ['global', 'mailto'], 'admin@example.org');

function review(
  answer: JsonMap | string,
  release: AnswerRelease = '9.2',
  product: Product = 'pve',
  severity: readonly string[] = [],
): Review {
  const text = typeof answer === 'string' ? answer : toml(answer);
  return reviewAnswer(text, { dialect: answerDialect(release), product, severities: parseSeverities(severity) });
}

const codes = ({ findings }: Review): string[] => findings.map(({ code }) => code);

test('a good answer has nothing to say against it', (t) => {
  t.same(codes(review(GOOD)), []);
  t.ok(review(GOOD).accepted);
  t.end();
});

test('what the installer refuses comes first, with its place and the spelling of the release', (t) => {
  const text = toml(withValue(GOOD, ['disk-setup', 'disk_lst'], ['sda'])).replace('country = "at"', 'country = "AT"');
  const { accepted, findings } = review(text);
  t.notOk(accepted);
  const line = text.split('\n').findIndex((each) => each.startsWith('country')) + 1;
  const country = findings.find(({ code }) => code === 'answer.country');
  t.match(country, { path: 'global.country', line, column: 1, remedy: /lower case: at/ });
  t.match(
    findings.find(({ code }) => code === 'answer.unknown-key'),
    { path: 'disk-setup.disk_lst', remedy: 'Did you mean disk-list?' },
  );
  const old = review(toml(GOOD), '8.3').findings.find(({ path }) => path === 'global.root-password-hashed');
  t.match(old, {
    code: 'answer.unknown-key',
    message: 'The installer of 8.3 spells it with underscores; hyphens came with 8.4',
    remedy: 'Write root_password_hashed.',
  });
  t.match(review('[global]\na = 1\na = 2').findings, [
    { code: 'answer.duplicate-key', path: 'global.a', line: 3, column: 1 },
  ]);
  t.match(review('[global').findings, [{ code: 'answer.syntax', line: 1, column: 8 }]);
  t.match(reviewAnswer(Uint8Array.of(0x61, 0xff), { dialect: answerDialect('9.2'), product: 'pve' }).findings, [
    { code: 'answer.syntax', message: /UTF-8/ },
  ]);
  t.end();
});

test('words and paths are those that the release takes', (t) => {
  const lines = (answer: JsonMap, release: AnswerRelease): string[] =>
    review(toml(answer), release)
      .findings.filter(({ severity }) => severity === 'error')
      .map(({ code, path, remedy }) => `${code} ${path}: ${remedy}`);
  const bare = withValue(SMALLEST, ['global', 'root-password-hashed'], undefined);
  const old = withValue(
    withValue(bare, ['disk-setup', 'disk-list'], undefined),
    ['global', 'root_password'],
    'x'.repeat(8),
  );
  t.same(lines(old, '8.3'), [
    'answer.disk-selection-missing disk-setup: Set disk_list (for example [sda]) or filter (for example ID_SERIAL).',
  ]);
  t.same(lines(withValue(bare, ['disk-setup'], { filesystem: 'ext4', disk_list: ['sda'] }), '8.2'), [
    'answer.password-missing global: Set root_password; hashes came with 8.3.',
  ]);
  const newer = withValue(
    withValue(bare, ['disk-setup'], { filesystem: 'ext4', disk_list: ['sda'] }),
    ['global', 'root_password'],
    'x'.repeat(8),
  );
  t.same(
    lines(withValue(newer, ['global', 'root-password-hashed'], HASH), '8.2'),
    ['answer.not-in-release global.root-password-hashed: Remove it, or install a release that has it.'],
    'once, and not that it should be spelled otherwise',
  );
  t.same(lines(withValue(newer, ['disk-setup', 'lvm.hdsize'], 100), '8.2'), [
    'answer.unknown-key disk-setup.lvm.hdsize: In quotes it is one name with a dot; write a table.',
  ]);
  t.end();
});

test('a section that is missing is told, and not what follows from it', (t) => {
  t.same(codes(review('')), ['answer.missing', 'answer.missing', 'answer.missing']);
  const misspelled = toml(GOOD).replace('[network]', '[netwrok]').replace('[network.filter]', '[netwrok.filter]');
  t.match(review(misspelled).findings, [
    { code: 'answer.unknown-section', remedy: 'Did you mean network?' },
    { code: 'answer.missing', path: 'network' },
  ]);
  t.match(review('a = { b = 1,\nc = 2 }').findings, [
    { code: 'answer.syntax', line: 1, message: /stands on one line/ },
  ]);
  t.end();
});

test('a missing key is named after the misspelled one', (t) => {
  const text = toml(withValue(GOOD, ['global', 'keyboard'], undefined)).replace('[global]', '[global]\nkeybord = "de"');
  t.same(codes(review(text)), ['answer.unknown-key', 'answer.missing']);
  t.end();
});

const zfs = (raid: string, disks: readonly string[], more: JsonMap = {}): Json => ({
  filesystem: 'zfs',
  'disk-list': disks,
  zfs: { raid, ...more },
});

test('opinions: legal but unwise, each with its code and its section of the handbook', (t) => {
  const rows: ReadonlyArray<readonly [string, JsonMap, ...string[]]> = [
    ['zfs on one disk', withValue(GOOD, ['disk-setup'], zfs('raid0', ['sda'])), 'answer.unwise-single-disk'],
    ['raid0', withValue(GOOD, ['disk-setup'], zfs('RAID0', ['sda', 'sdb'])), 'answer.unwise-raid0'],
    [
      'btrfs raid0',
      withValue(GOOD, ['disk-setup'], { filesystem: 'btrfs', 'disk-list': ['sda', 'sdb'], btrfs: { raid: 'raid0' } }),
      'answer.unwise-raid0',
    ],
    [
      'raid0 over what a filter selects',
      withValue(GOOD, ['disk-setup'], { filesystem: 'zfs', filter: { DEVNAME: '/dev/sda' }, zfs: { raid: 'raid0' } }),
      'answer.unwise-raid0',
    ],
    [
      'raidz-1, size unknown',
      withValue(GOOD, ['disk-setup'], zfs('raidz-1', ['sda', 'sdb', 'sdc'])),
      'answer.unwise-raidz1',
    ],
    [
      'raidz-1, large',
      withValue(GOOD, ['disk-setup'], zfs('raidz-1', ['sda', 'sdb', 'sdc'], { hdsize: 8000 })),
      'answer.unwise-raidz1',
    ],
    ['raidz-1, small', withValue(GOOD, ['disk-setup'], zfs('raidz-1', ['sda', 'sdb', 'sdc'], { hdsize: 900 }))],
    ['a mirror', withValue(GOOD, ['disk-setup'], zfs('raid1', ['sda', 'sdb']))],
    ['dhcp', withValue(GOOD, ['network'], { source: 'from-dhcp' }), 'answer.unwise-dhcp'],
    ['mail to nobody', withValue(GOOD, ['global', 'mailto'], 'root@localhost'), 'answer.unwise-local-mail'],
  ];
  for (const [name, answer, ...wanted] of rows) {
    const found = review(answer);
    t.ok(found.accepted, name);
    t.same(codes(found), wanted, name);
    for (const { severity, message } of found.findings) {
      t.equal(severity, 'warning');
      t.match(message, /handbook \d\.\d/);
    }
  }
  const clear = withValue(
    withValue(GOOD, ['global', 'root-password-hashed'], undefined),
    ['global', 'root-password'],
    'short one',
  );
  t.same(codes(review(clear)).sort(), ['answer.unwise-clear-password', 'answer.unwise-password']);
  t.end();
});

test('products: what each does not have', (t) => {
  const btrfs = withValue(GOOD, ['disk-setup'], {
    filesystem: 'btrfs',
    'disk-list': ['sda', 'sdb'],
    btrfs: { raid: 'raid1' },
  });
  const maxvz = withValue(GOOD, ['disk-setup', 'lvm'], { maxvz: 0 });
  const key = (text: string) => withValue(GOOD, ['global', 'subscription-key'], text);
  const hook = { ...GOOD, 'first-boot': { source: 'from-iso' } };
  const rows: ReadonlyArray<readonly [Product, JsonMap, ...string[]]> = [
    ['pve', btrfs],
    ['pbs', btrfs, 'answer.filesystem-product'],
    ['pmg', btrfs, 'answer.filesystem-product'],
    ['pdm', btrfs, 'answer.filesystem-product'],
    ['pve', maxvz],
    ['pbs', maxvz, 'answer.product-ignores'],
    ['pve', key('pve2c-0123456789')],
    ['pbs', key('pve2c-0123456789'), 'answer.subscription-product'],
    ['pbs', key('pbsc-0123456789')],
    ['pmg', key('pmgp-0123456789')],
    ['pdm', key('pbsc-0123456789'), 'answer.subscription-product'],
    ['pve', hook],
    ['pdm', hook, 'answer.first-boot-product'],
  ];
  for (const [product, answer, ...wanted] of rows) {
    const found = review(answer, '9.2', product);
    t.ok(found.accepted, 'none of it is seen before the machine');
    t.same(codes(found), wanted, `${product} ${wanted.join()}`);
  }
  t.end();
});

test('findings of ours can be raised, lowered and switched off; those of the installer cannot', (t) => {
  const dhcp = withValue(GOOD, ['network'], { source: 'from-dhcp' });
  t.same(codes(review(dhcp, '9.2', 'pve', ['answer.unwise-dhcp=off'])), []);
  t.match(review(dhcp, '9.2', 'pve', ['answer.unwise-dhcp=error']).findings, [{ severity: 'error' }]);
  t.match(review(dhcp, '9.2', 'pve', ['answer.unwise-dhcp=off', 'answer.unwise-dhcp=error']).findings, [
    { severity: 'error' },
  ]);
  const wrong = review(withValue(GOOD, ['global', 'country'], 'XX'), '9.2', 'pve', ['answer.country=off']);
  t.notOk(wrong.accepted);
  t.match(wrong.findings, [{ code: 'answer.country', severity: 'error' }]);
  t.throws(() => parseSeverities(['answer.unwise-dhpc=off']), {
    code: 'answer.severity',
    remedy: 'Did you mean answer.unwise-dhcp?',
  });
  t.throws(() => parseSeverities(['answer.unwise-dhcp=fatal']), { code: 'answer.severity' });
  t.throws(() => parseSeverities(['answer.unwise-dhcp']), { code: 'answer.severity' });
  for (const code of ['answer.secret', 'answer.control-character', 'answer.select-disks']) {
    t.throws(() => parseSeverities([`${code}=off`]), { message: `${code} cannot be lowered` });
    t.equal(parseSeverities([`${code}=error`]).size, 1);
  }
  t.end();
});

const udev = (device: string, serial: string, more: Readonly<Record<string, string>> = {}) => ({
  DEVNAME: `/dev/${device}`,
  ID_SERIAL: serial,
  ...more,
});
const NVME = { ID_MODEL: 'Samsung SSD 990' };
const WEBHOOK = JSON.stringify({
  disks: [
    { size: 1, 'udev-properties': udev('sda', 'BOOT') },
    { size: 1, 'udev-properties': udev('nvme0n1', 'N0', NVME) },
    { size: 1, 'udev-properties': udev('nvme1n1', 'N1', NVME) },
  ],
  'network-interfaces': [
    {
      name: 'nic1',
      mac: 'bc:24:11:00:00:02',
      'udev-properties': { INTERFACE: 'eno2', ID_NET_NAME_MAC: 'enxbc2411000002', ID_PATH: 'pci-2' },
    },
    {
      name: 'nic0',
      mac: 'bc:24:11:00:00:01',
      'udev-properties': { INTERFACE: 'eno1', ID_NET_NAME_MAC: 'enxbc2411000001', ID_PATH: 'pci-1' },
    },
  ],
});
const SYSTEM_INFORMATION = JSON.stringify({
  product: { product: 'pve' },
  network_interfaces: [{ link: 'eno1', mac: 'BC:24:11:00:00:01' }],
});
const DEVICE_INFO = JSON.stringify({
  disks: { 0: udev('sda', 'BOOT'), 1: udev('sdb', 'S1'), 10: udev('sdk', 'S10'), 2: udev('sdc', 'S2') },
  nics: { eno1: { ID_NET_NAME_MAC: 'enxbc2411000001' } },
});

const EMMC = JSON.stringify({
  disks: { 0: udev('mmcblk0', 'MMC0'), 1: udev('cciss/c0d0', 'R0') },
  nics: { eno1: { ID_NET_NAME_MAC: 'enxbc2411000001' } },
});

function onMachine(answer: JsonMap, facts: string, product: Product = 'pve'): Review {
  return reviewAnswer(toml(answer), { dialect: answerDialect('9.2'), product, machine: parseMachineFacts(facts) });
}

test('on a machine: what is selected, and what the installer would die of', (t) => {
  const disks = (setup: JsonMap): JsonMap => withValue(GOOD, ['disk-setup'], setup);
  const nic = (filter: JsonMap): JsonMap => withValue(GOOD, ['network', 'filter'], filter);
  const mirror = { filesystem: 'zfs', zfs: { raid: 'raid1' } };
  const rows: ReadonlyArray<
    readonly [string, JsonMap, string, boolean, readonly string[], Readonly<Record<string, readonly string[]>>]
  > = [
    [
      'all fits',
      GOOD,
      WEBHOOK,
      true,
      [],
      { 'network.filter': ['eno1 (bc:24:11:00:00:01)'], 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'the first port by name',
      nic({ ID_PATH: 'pci-*' }),
      WEBHOOK,
      true,
      [],
      { 'network.filter': ['eno1 (bc:24:11:00:00:01)'], 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'no such port',
      nic({ ID_PATH: 'usb-*' }),
      WEBHOOK,
      false,
      ['answer.machine-filter'],
      { 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'a broken glob',
      nic({ ID_PATH: 'a**' }),
      WEBHOOK,
      false,
      ['answer.machine-filter', 'answer.glob'],
      { 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'no such disk',
      disks({ filesystem: 'ext4', 'disk-list': ['sdz'] }),
      WEBHOOK,
      false,
      ['answer.machine-disk'],
      { 'disk-setup.disk-list': [] },
    ],
    [
      'a mirror by model',
      disks({ ...mirror, filter: { ID_MODEL: 'Samsung*' } }),
      WEBHOOK,
      true,
      [],
      { 'disk-setup.filter': ['/dev/nvme0n1 (N0)', '/dev/nvme1n1 (N1)'] },
    ],
    [
      'a mirror of one',
      disks({ ...mirror, filter: { ID_SERIAL: 'BOOT' } }),
      WEBHOOK,
      false,
      ['answer.machine-disk-count'],
      { 'disk-setup.filter': ['/dev/sda (BOOT)'] },
    ],
    [
      'a key that no disk has, and all',
      disks({ ...mirror, filter: { ID_NONE: 'x', DEVNAME: '/dev/*' }, 'filter-match': 'all' }),
      WEBHOOK,
      true,
      [],
      { 'disk-setup.filter': ['/dev/sda (BOOT)', '/dev/nvme0n1 (N0)', '/dev/nvme1n1 (N1)'] },
    ],
    [
      'ext4 takes the first',
      disks({ filesystem: 'ext4', filter: { ID_MODEL: '*990' } }),
      WEBHOOK,
      true,
      [],
      { 'disk-setup.filter': ['/dev/nvme0n1 (N0)'] },
    ],
    [
      'one of two listed is missing',
      disks({ ...mirror, 'disk-list': ['sda', 'sdz'] }),
      WEBHOOK,
      false,
      ['answer.machine-disk-count', 'answer.machine-disk'],
      { 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'two names of one disk',
      disks({ ...mirror, 'disk-list': ['sda', '/dev/sda'] }),
      DEVICE_INFO,
      false,
      ['answer.machine-disk-count', 'answer.disk-duplicate'],
      { 'disk-setup.disk-list': ['/dev/sda (BOOT)'] },
    ],
    [
      'pairs, and one is left over',
      disks({ filesystem: 'zfs', zfs: { raid: 'raid10' }, 'disk-list': ['sda', 'sdb', 'sdc', 'sdk', '/dev/sda'] }),
      DEVICE_INFO,
      true,
      ['answer.disk-count-odd', 'answer.disk-duplicate'],
      { 'disk-setup.disk-list': ['/dev/sda (BOOT)', '/dev/sdb (S1)', '/dev/sdc (S2)', '/dev/sdk (S10)'] },
    ],
    [
      'eMMC by its serial number',
      disks({ filesystem: 'ext4', filter: { ID_SERIAL: 'MMC*' } }),
      EMMC,
      false,
      ['answer.machine-disk'],
      { 'disk-setup.filter': ['/dev/mmcblk0 (MMC0)'] },
    ],
    [
      'eMMC in a pool',
      disks({ ...mirror, filter: { DEVNAME: '*' } }),
      EMMC,
      false,
      ['answer.machine-disk'],
      { 'disk-setup.filter': ['/dev/mmcblk0 (MMC0)', '/dev/cciss/c0d0 (R0)'] },
    ],
    [
      'eMMC in a list',
      disks({ filesystem: 'ext4', 'disk-list': ['mmcblk0'] }),
      EMMC,
      false,
      ['answer.machine-disk', 'answer.disk-name'],
      { 'disk-setup.disk-list': ['/dev/mmcblk0 (MMC0)'] },
    ],
    [
      'the disk of a RAID controller',
      disks({ filesystem: 'ext4', 'disk-list': ['cciss/c0d0'] }),
      EMMC,
      true,
      [],
      { 'disk-setup.disk-list': ['/dev/cciss/c0d0 (R0)'] },
    ],
    [
      'a disk whose path is not told',
      disks({ filesystem: 'ext4', filter: { ID_SERIAL: 'X' } }),
      JSON.stringify({ disks: { 0: { ID_SERIAL: 'X' } }, nics: { eno1: { ID_NET_NAME_MAC: 'enxbc2411000001' } } }),
      true,
      [],
      { 'disk-setup.filter': ['? (X)'] },
    ],
    [
      'one disk by a filter, raid0',
      disks({ filesystem: 'zfs', zfs: { raid: 'raid0' }, filter: { ID_SERIAL: 'BOOT' } }),
      DEVICE_INFO,
      true,
      ['answer.unwise-single-disk'],
      { 'disk-setup.filter': ['/dev/sda (BOOT)'] },
    ],
    [
      'several by a filter, raid0',
      disks({ filesystem: 'zfs', zfs: { raid: 'raid0' }, filter: { ID_SERIAL: 'S*' } }),
      DEVICE_INFO,
      true,
      ['answer.unwise-raid0'],
      { 'disk-setup.filter': ['/dev/sdb (S1)', '/dev/sdk (S10)', '/dev/sdc (S2)'] },
    ],
    [
      'the order is of text',
      disks({ ...mirror, filter: { ID_SERIAL: 'S*' } }),
      DEVICE_INFO,
      true,
      [],
      { 'disk-setup.filter': ['/dev/sdb (S1)', '/dev/sdk (S10)', '/dev/sdc (S2)'] },
    ],
    [
      'a MAC is enough for a port',
      GOOD,
      SYSTEM_INFORMATION,
      true,
      ['answer.machine-unknown'],
      { 'network.filter': ['eno1 (bc:24:11:00:00:01)'] },
    ],
    [
      'other properties cannot be told',
      nic({ ID_PATH: '*' }),
      SYSTEM_INFORMATION,
      true,
      ['answer.machine-unknown', 'answer.machine-unknown'],
      {},
    ],
  ];
  for (const [name, answer, facts, accepted, wanted, selected] of rows) {
    const found = onMachine(answer, facts);
    t.equal(found.accepted, accepted, name);
    t.same(codes(found), wanted, name);
    for (const [path, devices] of Object.entries(selected)) {
      t.same(found.selections.find((selection) => selection.path === path)?.devices ?? [], devices, `${name}: ${path}`);
    }
  }
  const pinned = withValue(GOOD, ['network', 'interface-name-pinning'], {
    enabled: true,
    mapping: { 'bc:24:11:00:00:09': 'lan0' },
  });
  t.match(onMachine(pinned, WEBHOOK), {
    accepted: true,
    findings: [{ code: 'answer.machine-interface', severity: 'warning' }],
  });
  const btrfs = withValue(GOOD, ['disk-setup'], {
    filesystem: 'btrfs',
    'disk-list': ['sda'],
    btrfs: { raid: 'raid0' },
  });
  t.notOk(onMachine(btrfs, WEBHOOK, 'pbs').accepted, 'phase M: btrfs on Backup Server');
  for (const body of ['', '[]', '{}', '{"disks": 5}'])
    t.throws(() => parseMachineFacts(body), { code: 'machine.malformed' }, body);
  t.end();
});

test('what the document does not tell of is said to be unchecked, with the reason and what to give instead', (t) => {
  const disks = (setup: JsonMap): JsonMap => withValue(GOOD, ['disk-setup'], setup);
  const nic = (filter: JsonMap): JsonMap => withValue(GOOD, ['network', 'filter'], filter);
  const byModel = disks({ filesystem: 'zfs', zfs: { raid: 'raid1' }, filter: { ID_MODEL: 'Samsung*' } });
  const pinned = withValue(GOOD, ['network', 'interface-name-pinning'], {
    enabled: true,
    mapping: { 'bc:24:11:00:00:01': 'lan0', 'bc:24:11:00:00:02': 'lan1' },
  });
  const { disks: _disks, ...withoutDisks } = JSON.parse(WEBHOOK);
  const { 'network-interfaces': _ports, ...withoutPorts } = JSON.parse(WEBHOOK);
  const noDisks = /^Not checked: a system information names the ports of a machine, never its disks, so /;
  const rows: ReadonlyArray<readonly [string, JsonMap, unknown, ReadonlyArray<readonly [string, RegExp, RegExp]>]> = [
    ['a list', GOOD, SYSTEM_INFORMATION, [['disk-setup.disk-list', noDisks, /webhook document .*device-info/]]],
    [
      'a filter and its level',
      byModel,
      SYSTEM_INFORMATION,
      [
        [
          'disk-setup.filter',
          /which disks it selects and whether they are enough for raid1 cannot be told$/,
          /device-info/,
        ],
      ],
    ],
    [
      'a property that only udev knows',
      nic({ ID_PATH: 'pci-*' }),
      SYSTEM_INFORMATION,
      [
        ['disk-setup.disk-list', noDisks, /./],
        [
          'network.filter',
          /the name and the MAC of eno1 \(bc:24:11:00:00:01\), not its ID_PATH, so which interface/,
          /./,
        ],
      ],
    ],
    [
      'it may match an earlier port than the one that matches for certain',
      nic({ ID_PATH: 'pci-*', ID_NET_NAME_MAC: '*bc2411000002' }),
      {
        network_interfaces: [
          { link: 'eno2', mac: 'bc:24:11:00:00:02' },
          { link: 'eno1', mac: 'bc:24:11:00:00:01' },
        ],
      },
      [
        ['disk-setup.disk-list', noDisks, /./],
        ['network.filter', /of eno1 /, /./],
      ],
    ],
    [
      'a webhook that could not read the disks',
      GOOD,
      withoutDisks,
      [['disk-setup.disk-list', /this webhook document names no disks/, /device-info/]],
    ],
    [
      'a webhook that could not read the ports',
      pinned,
      withoutPorts,
      [
        ['network.filter', /this webhook document names no ports, so which interface it selects cannot be told/, /./],
        ['network.interface-name-pinning.mapping', /names no ports, so whether it has these MACs/, /./],
      ],
    ],
    [
      'device-info of disks only',
      GOOD,
      { disks: { 0: udev('sda', 'BOOT') }, nics: null },
      [['network.filter', /this device-info names no ports/, /device-info -t all/]],
    ],
    [
      'device-info of ports only',
      GOOD,
      { disks: null, nics: { eno1: { ID_NET_NAME_MAC: 'enxbc2411000001' } } },
      [['disk-setup.disk-list', /this device-info names no disks/, /device-info -t all/]],
    ],
    ['nothing to check', withValue(GOOD, ['network'], { source: 'from-dhcp' }), withoutPorts, []],
  ];
  for (const [name, answer, facts, wanted] of rows) {
    const found = onMachine(answer, typeof facts === 'string' ? facts : JSON.stringify(facts));
    t.ok(found.accepted, `${name}: what cannot be told is no refusal`);
    const unchecked = found.findings.filter(({ code }) => code === 'answer.machine-unknown');
    t.match(
      unchecked,
      wanted.map(([path, message, remedy]) => ({ path, message, remedy, severity: 'warning', by: 'ironwake' })),
      name,
    );
    t.equal(unchecked.length, wanted.length, name);
    t.notOk(
      found.selections.some(({ path }) => unchecked.some((each) => each.path === path)),
      `${name}: nothing is said to be selected`,
    );
  }
  // A certain match that comes first decides, whatever the other key is.
  const certain = nic({ ID_PATH: 'pci-*', ID_NET_NAME_MAC: '*bc2411000001' });
  t.match(onMachine(certain, SYSTEM_INFORMATION).selections, [{ devices: ['eno1 (bc:24:11:00:00:01)'] }]);
  t.end();
});

test('converting: the spelling and the keys of the release, and what had to go', (t) => {
  const newest: JsonMap = {
    ...withValue(GOOD, ['global', 'subscription-key'], 'pve2c-0123456789'),
    'post-installation-webhook': { url: 'http://192.0.2.1/', 'auth-token': 'x' },
    'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda', 'sdb'], zfs: { raid: 'RAID1', 'arc-max': 4096 } },
  };
  const to = (release: AnswerRelease, answer: JsonMap = newest) =>
    convertAnswer(foldSpelling(answer).answer, answerDialect(release));
  t.same(to('9.2').changes, []);
  t.match(to('9.1').changes, [/subscription-key left out/, /auth-token left out/]);
  const old = to('8.3');
  t.match(old.answer, {
    global: { root_password_hashed: HASH },
    'disk-setup': { disk_list: ['sda', 'sdb'], zfs: { raid: 'raid1', arc_max: 4096 } },
  });
  for (const release of ANSWER_RELEASES.filter((each) => each !== '8.2')) {
    t.ok(review(to(release).toml, release).accepted, release);
  }
  t.match(to('8.2').changes.join(), /webhook\] left out/);
  t.same(codes(review(to('8.2').toml, '8.2')).slice(0, 1), ['answer.password-missing'], 'a hash cannot be turned back');
  t.match(to('9.2', withValue(SMALLEST, ['network'], {})), {
    answer: { network: { source: 'from-dhcp' } },
    changes: [/source/],
  });
  const disabled = withValue(GOOD, ['network', 'interface-name-pinning'], { enabled: false });
  t.match(to('9.2', disabled).changes, [/pinning left out/]);
  const unknown = withValue(GOOD, ['global', 'locale'], 'de');
  t.match(to('9.1', unknown).answer, { global: { locale: 'de' } }, 'what nobody knows stays, to be found');
  for (const name of ['networking', '__proto__']) {
    const strange = JSON.parse(`{ "${name}": { "a": 1 } }`) as JsonMap;
    t.equal(JSON.stringify(to('9.1', strange).answer), JSON.stringify(strange), `${name}, also a whole section`);
  }
  t.end();
});

test('every key and every finding can be explained', (t) => {
  for (const entry of ANSWER_KEYS) {
    const path = `${entry.section}.${entry.key}`;
    t.same(keysNamed(path), [entry], path);
    const { text, example, releases } = explainKey(entry);
    t.match(text, /^[A-Z].*[.]$/, path);
    t.match(example, ' = ', path);
    t.match(releases, /^from \d/);
  }
  for (const code of Object.keys(FINDING_KINDS)) t.match(explainFinding(code)?.text, /[.]$/, code);
  t.equal(keysNamed('hdsize').length, 3);
  t.equal(keysNamed('root_password')[0]?.key, 'root-password');
  t.equal(keysNamed('[disk-setup] zfs.raid')[0]?.key, 'zfs.raid');
  t.same(keysNamed('nonsense'), []);
  t.equal(explainFinding('nonsense'), undefined);
  t.end();
});

test('the schema of a release takes what its installer takes, and knows its keys', (t) => {
  const ajv = new Ajv({ strict: true, strictRequired: false });
  for (const release of ANSWER_RELEASES) {
    const dialect = answerDialect(release);
    const schema = answerSchema(dialect);
    const validate = ajv.compile(schema);
    const clear = withValue(
      withValue(GOOD, ['global', 'root-password-hashed'], undefined),
      ['global', 'root-password'],
      'x',
    );
    const converted = convertAnswer(foldSpelling(clear).answer, dialect).answer;
    t.ok(validate(JSON.parse(JSON.stringify(converted))), `${release}: ${ajv.errorsText(validate.errors)}`);
    t.notOk(validate({ ...converted, networking: {} }), 'an unknown section');
    t.notOk(validate({ ...converted, global: { ...(converted.global as JsonMap), keyboard: 'us' } }), 'a wrong value');
    t.notOk(validate({ ...converted, network: undefined }), 'a missing section');
    const text = JSON.stringify(schema);
    for (const entry of ANSWER_KEYS.filter((each) => each.since === '9.2')) {
      t.equal(text.includes(`"${nameIn(entry, release)}"`), release === '9.2', `${release} ${entry.key}`);
    }
  }
  t.end();
});

test('fuzz: no file and no machine makes a review throw, and every finding has a place', (t) => {
  const seeds = [
    toml(GOOD),
    JSON.stringify(GOOD),
    toml(withValue(GOOD, ['disk-setup'], zfs('raid10', ['sda', 'sdb', 'sdc']))),
  ];
  const machines = [undefined, WEBHOOK, SYSTEM_INFORMATION, DEVICE_INFO].map((facts) =>
    facts === undefined ? undefined : parseMachineFacts(facts),
  );
  const edit = fc.tuple(
    fc.nat(700),
    fc.nat(12),
    fc.oneof(
      fc.constantFrom('"', '[', ']', '{', '}', '=', '.', ',', '\n', '1', 'null', 'nan', '*', '[[x]]', '__proto__'),
      fc.string({ maxLength: 4 }),
    ),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(edit, { maxLength: 4 }),
      fc.constantFrom(...ANSWER_RELEASES),
      fc.constantFrom<Product>('pve', 'pbs', 'pmg', 'pdm'),
      fc.constantFrom(...machines),
      (seed, edits, release, product, facts) => {
        const text = edits.reduce(
          (now, [at, removed, piece]) => `${now.slice(0, at)}${piece}${now.slice(at + removed)}`,
          seed,
        );
        const { findings, accepted } = reviewAnswer(Buffer.from(text), {
          dialect: answerDialect(release),
          product,
          machine: facts,
        });
        const refused = findings.some(({ by, severity }) => by === 'installer' && severity === 'error');
        return accepted !== refused && findings.every(({ line = 0, column = 0 }) => line >= 1 && column >= 1);
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});
