/** Values at their edges: what the tables of whole answers do not reach. */
import { test } from 'tap';
import { contains, isLinkLocal, isNetworkOrBroadcast, readAddress, readCidr } from '../../../src/answers/addresses.ts';
import { answerDialect } from '../../../src/answers/dialect.ts';
import { readAnswer } from '../../../src/answers/document.ts';
import { FORMATS, type FormatName, isFingerprint, isServerUrl, isSshPublicKey } from '../../../src/answers/formats.ts';
import { officiallyAccepted, validateAnswer } from '../../../src/answers/validate.ts';
import { HASH, type Json, type JsonMap, SMALLEST, SSH_KEY, STATIC, withValue } from '../../support/answers.ts';

const dialect = answerDialect('9.2');
const good = (format: FormatName, value: string): boolean => FORMATS[format](value, 'x', dialect) === undefined;

test('addresses as numbers', (t) => {
  const rows: ReadonlyArray<readonly [string, bigint | undefined]> = [
    ['0.0.0.1', 1n],
    ['192.0.2.1', 0xc0000201n],
    ['::', 0n],
    ['::1', 1n],
    ['1::', 1n << 112n],
    ['2001:db8::5', 0x20010db8000000000000000000000005n],
    ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n],
    ['::ffff:192.0.2.1', 0xffffc0000201n],
    ['64:ff9b::192.0.2.33', 0x0064ff9b0000000000000000c0000221n],
    ['2001:db8::12', 0x20010db8000000000000000000000012n],
    ['fe80::1%eno1', undefined],
    ['192.0.2.256', undefined],
    ['', undefined],
  ];
  for (const [text, value] of rows) t.equal(readAddress(text)?.value, value, text);
  t.end();
});

test('addresses with a prefix length', (t) => {
  const rows: ReadonlyArray<readonly [string, number | undefined]> = [
    ['192.0.2.1/32', 32],
    ['192.0.2.1/33', undefined],
    ['192.0.2.1/0', 0],
    ['192.0.2.1/+024', 24],
    ['192.0.2.1/-1', undefined],
    ['192.0.2.1/24 ', undefined],
    ['x192.0.2.1/24', undefined],
    ['/192.0.2.1/24', undefined],
    ['192.0.2.1/24/24', undefined],
    ['2001:db8::1/128', 128],
    ['2001:db8::1/129', undefined],
  ];
  for (const [text, prefix] of rows) t.equal(readCidr(text)?.prefix, prefix, text);
  t.end();
});

test('networks', (t) => {
  const cidr = (text: string) => readCidr(text) ?? t.fail(text);
  const inside = (network: string, text: string): boolean => {
    const [a, b] = [readCidr(network), readAddress(text)];
    return a !== undefined && b !== undefined && contains(a, b);
  };
  t.ok(cidr('192.0.2.1/24'));
  t.ok(inside('192.0.2.10/24', '192.0.2.255'));
  t.notOk(inside('192.0.2.10/24', '192.0.3.0'));
  t.notOk(inside('::c000:20a/120', '192.0.2.10'), 'of another family');
  t.notOk(inside('0.0.0.0/0', '::1'), 'also where all are inside');
  const ends: ReadonlyArray<readonly [string, boolean]> = [
    ['192.0.2.0/24', true],
    ['192.0.2.255/24', true],
    ['192.0.2.1/24', false],
    ['192.0.2.0/30', true],
    ['192.0.2.3/30', true],
    ['192.0.2.2/30', false],
    ['192.0.2.0/31', false],
    ['192.0.2.1/31', false],
    ['192.0.2.1/32', false],
    ['2001:db8::/64', true],
    ['2001:db8::ffff:ffff:ffff:ffff/64', false],
    ['2001:db8::/127', false],
  ];
  for (const [text, wanted] of ends) {
    const read = readCidr(text);
    t.equal(read !== undefined && isNetworkOrBroadcast(read), wanted, text);
  }
  for (const [text, wanted] of [
    ['fe80::1', true],
    ['febf::1', true],
    ['fec0::1', false],
    ['169.254.0.1', true],
    ['169.255.0.1', false],
  ] as const) {
    const read = readAddress(text);
    t.equal(read !== undefined && isLinkLocal(read), wanted, text);
  }
  t.end();
});

test('fingerprints', (t) => {
  const plain = 'aB'.repeat(32);
  const colons = Array<string>(32).fill('aB').join(':');
  for (const text of [plain, colons]) t.ok(isFingerprint(text), text);
  const wrong = [
    ...[plain, colons].flatMap((text) => [
      `x${text}`,
      `${text}x`,
      `${text}ab`,
      text.slice(2),
      text.replace('aB', 'xy'),
    ]),
    `a:${colons}`,
    colons.replace('aB:', 'a:'),
    colons.replace(/aB$/, 'xy'),
    'aB:aB',
    plain.replace('aB', 'aB:'),
    '',
  ];
  for (const text of wrong) t.notOk(isFingerprint(text), text);
  t.end();
});

test('URLs of servers', (t) => {
  for (const text of ['http://a', 'https://[2001:db8::1]:8443/x?y=1', 'https://host.example/'])
    t.ok(isServerUrl(text), text);
  const wrong = [
    'xhttps://host/',
    'ftp://host/',
    'https:/host',
    'https://',
    'https:///path',
    'https://:8443/',
    'https://user@host/',
    'https://:pw@host/',
    'https://host/#part',
    'https://host/a b',
    'https://host/<x>',
    'https://ho st/',
    'https://host:99999/',
  ];
  for (const text of wrong) t.notOk(isServerUrl(text), text);
  t.end();
});

test('public keys: the type within is the one without', (t) => {
  const [, blob = ''] = SSH_KEY.split(' ');
  t.ok(isSshPublicKey(SSH_KEY));
  t.ok(isSshPublicKey(`ssh-ed25519 ${blob}`), 'no comment');
  t.ok(isSshPublicKey(`ssh-ed25519 ${blob} a b c`), 'a comment with blanks');
  const bytes = Buffer.from(blob, 'base64');
  const other = (change: (copy: Buffer) => Buffer): string =>
    `ssh-ed25519 ${change(Buffer.from(bytes)).toString('base64')}`;
  t.notOk(isSshPublicKey(`x${SSH_KEY}`));
  const type = 'sk-ecdsa-sha2-nistp256@openssh.com';
  const nameOnly = Buffer.concat([Buffer.of(0, 0, 0, type.length), Buffer.from(type)]);
  t.notOk(isSshPublicKey(`${type} ${nameOnly.toString('base64')}`), 'a type and no key');
  t.ok(isSshPublicKey(`${type} ${Buffer.concat([nameOnly, Buffer.of(0)]).toString('base64')}`), 'whatever comes then');
  t.notOk(isSshPublicKey(`ssh-ed25519 ${blob}!`));
  t.notOk(isSshPublicKey(other((copy) => copy.fill('x', 4, 15))), 'another name within');
  t.notOk(
    isSshPublicKey(other((copy) => Buffer.concat([Buffer.of(0, 0, 0, 12), copy.subarray(4)]))),
    'another length within',
  );
  t.notOk(
    isSshPublicKey(`ssh-ed25519 ${bytes.subarray(0, 15).toString('base64').padEnd(32, 'A').slice(0, 20)}`),
    'cut',
  );
  t.end();
});

test('other values', (t) => {
  const x = (count: number): string => 'x'.repeat(count);
  const rows: ReadonlyArray<readonly [FormatName, string, boolean]> = [
    ['password-hash', `$6$rounds=65536$salt$${x(86)}`, true],
    ['password-hash', `$6$rounds=655$salt$${x(86)}`, false],
    ['password-hash', `$6$rounds=abcde$salt$${x(86)}`, false],
    ['password-hash', `$6$salt$${x(85)}`, false],
    ['password-hash', `$6$salt$${x(87)}`, false],
    ['password-hash', `$6$${x(16)}$${x(86)}`, true],
    ['password-hash', `$6$${x(17)}$${x(86)}`, false],
    ['password-hash', `$5$rounds=5000$salt$${x(43)}`, true],
    ['password-hash', `$5$salt$${x(43)}`, true],
    ['password-hash', `$5$rounds=5$salt$${x(43)}`, false],
    ['password-hash', `$5$rounds=abcd$salt$${x(43)}`, false],
    ['password-hash', `$y$j9T$salt$${x(43)}`, true],
    ['password-hash', `$y$$salt$${x(43)}`, false],
    ['password-hash', `$2y$10$${x(53)}`, true],
    ['password-hash', `$2y$xx$${x(53)}`, false],
    ['password-hash', `$2c$10$${x(53)}`, false],
    ['password-hash', `x${HASH}`, false],
    ['subscription-key', 'pve12c-0123456789', true],
    ['subscription-key', 'xpve2c-0123456789', false],
    ['subscription-key', 'pve2c-0123456789a', false],
    ['subscription-key', 'pve2x-0123456789', false],
    ['subscription-key', 'pvec-0123456789', false],
    ['subscription-key', 'pbsc-0123456789', true],
    ['email', 'a@b', true],
    ['email', 'a@bb.c', true],
    ['email', 'a@bb.cc', true],
    ['email', 'a@-b', false],
    ['email', 'a@b-', false],
    ['email', 'a@b.-c', false],
    ['email', 'a@b.', false],
    ['email', `a@${x(63)}.${x(63)}`, true],
    ['email', `a@${x(64)}`, false],
    ['email', `a@b.${x(64)}`, false],
    ['email', 'a b@c', false],
    ['domain', 'a', true],
    ['domain', 'a.b', true],
    ['domain', '-a', false],
    ['domain', 'a-', false],
    ['domain', 'a..b', false],
    ['domain', `${x(63)}.b`, true],
    ['domain', `${x(64)}.b`, false],
    ['fqdn', 'p\u212a.lab', false],
    ['disk-name', 'sdaa', true],
    ['disk-name', 'vda', true],
    ['disk-name', 'xvda', true],
    ['disk-name', 'disk/by-id/x', false],
    ['disk-name', '/dev/mmcblk0', false],
    ['disk-name', 'nvme0n1p1', false],
    ['disk-name', '/dev/', false],
    ...[
      'sdiv',
      'sdhz',
      'hda',
      'vdz',
      'xvdz',
      '/dev/nvme10n12',
      'cciss/c0d0',
      '/dev/ida/c7d15',
      'ataraid/d0',
      'i2o/hda',
    ].map((name) => ['disk-name', name, true] as const),
    ...[
      'sdiw',
      'sdja',
      'sdaaa',
      'vdaa',
      'xvdaa',
      'sda1',
      'nvme0',
      'ram0',
      'loop0',
      'md127',
      'dm-0',
      'fd0',
      'sr0',
      'da',
    ].map((name) => ['disk-name', name, false] as const),
    ...['pmem0', 'nbd0', 'rbd0', 'zd0', 'cciss/c0', 'cciss/c0d0p1', '/dev//d0', 'a/b/d0', 'i2o/hda1'].map(
      (name) => ['disk-name', name, false] as const,
    ),
  ];
  for (const [format, value, wanted] of rows) t.equal(good(format, value), wanted, `${format} ${value}`);
  t.match(FORMATS.fqdn('p\u212a.lab', 'x')?.message, /other characters/);
  t.end();
});

test('null in JSON is not there, where the installer has no default of its own', (t) => {
  // Of the contract's types: what is optional without a default. The others are refused.
  const optional = [
    'global/root-password',
    'global/subscription-key',
    'network/interface-name-pinning',
    'disk-setup/filter-match',
    ...['raid', 'ashift', 'arc-max', 'checksum', 'compress', 'copies', 'hdsize'].map((key) => `disk-setup/zfs/${key}`),
    ...['hdsize', 'swapsize', 'maxroot', 'maxvz', 'minfree'].map((key) => `disk-setup/lvm/${key}`),
    ...['raid', 'hdsize', 'compress'].map((key) => `disk-setup/btrfs/${key}`),
    ...['zfs', 'lvm', 'btrfs'].map((key) => `disk-setup/${key}`),
    ...['cert-fingerprint', 'auth-token'].map((key) => `post-installation-webhook/${key}`),
    ...['url', 'cert-fingerprint'].map((key) => `first-boot/${key}`),
    'global/fqdn/domain',
  ];
  const bases: Readonly<Record<string, JsonMap>> = {
    zfs: { ...SMALLEST, 'disk-setup': { filesystem: 'zfs', 'disk-list': ['sda'], zfs: { raid: 'raid0' } } },
    btrfs: { ...SMALLEST, 'disk-setup': { filesystem: 'btrfs', 'disk-list': ['sda'], btrfs: { raid: 'raid0' } } },
    'post-installation-webhook': { ...SMALLEST, 'post-installation-webhook': { url: 'http://192.0.2.1/' } },
    'first-boot': { ...SMALLEST, 'first-boot': { source: 'from-iso' } },
  };
  const accepted = (answer: JsonMap): string => {
    const read = readAnswer(JSON.stringify(answer), 'json');
    if ('code' in read) return read.code;
    const refused = validateAnswer(read.value, dialect, 'pve').filter(({ by }) => by === 'installer');
    return refused.map(({ code, path }) => `${code} ${path}`).join();
  };
  for (const path of optional) {
    const parts = path.split('/');
    const base = Object.entries(bases).find(([name]) => parts.includes(name) && parts.at(-1) !== name)?.[1] ?? SMALLEST;
    const raid = parts.at(-1) === 'raid' ? `answer.raid-missing ${parts.join('.')}` : '';
    t.equal(accepted(withValue(base, parts, null)), raid, path);
  }
  for (const [path, value] of [
    ['global/root-ssh-keys', null],
    ['global/reboot-on-error', null],
    ['disk-setup/disk-list', null],
    ['network/source', null],
  ] as ReadonlyArray<readonly [string, Json]>) {
    t.match(accepted(withValue(SMALLEST, path.split('/'), value)), 'answer.type', path);
  }
  t.end();
});

test('words of findings that depend on what is wrong', (t) => {
  const messages = (answer: JsonMap): string =>
    validateAnswer(answer, dialect, 'pve')
      .map(({ message, remedy }) => `${message}. ${remedy}`)
      .join('\n');
  const pool = (disks: readonly string[], raid = 'raid10'): JsonMap => ({
    ...SMALLEST,
    'disk-setup': { filesystem: 'zfs', 'disk-list': disks, zfs: { raid } },
  });
  const network = (changes: JsonMap): JsonMap => ({ ...SMALLEST, network: { ...STATIC, ...changes } });
  const rows: ReadonlyArray<readonly [JsonMap, string]> = [
    [pool(['sda1'], 'raid0'), "'sda1' is a partition, and the installer takes whole disks. Write sda."],
    [pool(['/dev/nvme0n1p2'], 'raid0'), 'Write /dev/nvme0n1.'],
    [pool(['loop0'], 'raid0'), "'loop0' is not the kernel name of a disk that the installer can partition"],
    [
      { ...SMALLEST, 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: 'sda' } } },
      "'sda' matches no disk that the installer can partition. Write the whole path",
    ],
    [
      { ...SMALLEST, 'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/mmcblk[01]' } } },
      'The installer cannot partition eMMC',
    ],
    [pool(['sda']), 'raid10 needs at least 4 disks, and 1 is listed'],
    [pool(['sda', 'sdb']), 'and 2 are listed'],
    [pool(['sda', 'sda'], 'raid1'), "'sda' is listed twice"],
    [pool(['sda', '/dev/sda'], 'raid1'), "'/dev/sda' and 'sda' are one disk"],
    [withValue(SMALLEST, ['disk-setup', 'lvm'], { hdsize: 20, swapsize: 11 }), 'Write at most 10.'],
    [network({ dns: '2001:db8::1' }), "The DNS server is not of the node's address family (IPv4)"],
    [network({ gateway: '2001:db8::1' }), "The gateway is not of the node's address family (IPv4)"],
    [network({ cidr: '192.0.2.10' }), 'The gateway lies outside 192.0.2.10/32'],
    [network({ gateway: '203.0.113.1' }), 'The gateway lies outside 192.0.2.10/24'],
    [withValue(network({}), ['network', 'filter'], undefined), 'Choose the interface'],
    [withValue(network({}), ['network', 'dns'], undefined), 'Give the node network.cidr'],
  ];
  for (const [answer, wanted] of rows) t.match(messages(answer), wanted, wanted);
  t.ok(
    officiallyAccepted(validateAnswer(network({ filter: { ID_NET_NAME_MAC: 'xenxbc2411000001' } }), dialect, 'pve')),
  );
  for (const glob of ['xenxbc2411000001', 'enxbc2411000001x']) {
    t.match(messages(network({ filter: { ID_NET_NAME_MAC: glob } })), 'never matches', glob);
  }
  t.same(messages(network({ filter: { ID_PATH: 'PCI-0' } })), '', 'another property may be in upper case');
  t.end();
});
