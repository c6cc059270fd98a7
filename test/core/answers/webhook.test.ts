import fc from 'fast-check';
import { test } from 'tap';
import { parseWebhook } from '../../../src/answers/webhook.ts';
import { IronwakeError } from '../../../src/errors.ts';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF0COYupUCYeNalguETBRWPLzfRYZS41cuZA2Tlai2b';
const ECDSA =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFnNW9I3BfdqDXy/b2C7dXNNn+7rbOrCc5qMfdiXJWlrfMFqHRxBI4Z4Evv+7/KJheTSWvlnJ+gD0wqHpC53/bc=';
const RSA =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDzp6pd7HGtmcBZAYSisJ+5EjWUekS9ZPSVfduHONpvhx4mURZyiY8vYtcZz3hBl/gHnyJbzbhg5UgxFxKEHZuNXGg5F4m6egn2IAy64A92BgbDkRK+7UKhMNaMUjJuPOVZRSthUMYY083HVLJCfOK/Zc0tpZK3zqxUs9jtsS6KQq7mpcCVoLlRluLWRjfjeXYvg72ctbr7Bvco4i7oEXOkL26cf0vfq3K47/0PE0I3m7kvSAJHdC9gB2nTqqMGhpVHJ7Gpw6tiToAqak/1WN+QKQScLx20WaPtLzGZS/2EMwi0m1MawF00l2sEWeY1TPPdwRoF6BCe6yZj7zAtIyj7';

/** The shape of 9.2.7 (schema 1.2). */
const REPORT = {
  $schema: { version: '1.2' },
  'boot-info': { mode: 'efi', secureboot: true },
  'debian-version': '13.4',
  disks: [{ size: 85899345920, 'is-bootdisk': true, 'udev-properties': { DEVNAME: '/dev/sda' } }],
  dmi: { system: {}, baseboard: {}, chassis: {} },
  filesystem: 'zfs (RAID1)',
  fqdn: 'pveauto.testinstall',
  iso: { release: '9.2', isorelease: '1' },
  'kernel-version': { sysname: 'Linux', release: '7.0.2-6-pve', version: '#1', machine: 'x86_64' },
  'machine-id': '0123456789abcdef0123456789abcdef',
  'network-interfaces': [
    {
      name: 'eno1',
      mac: 'b4:2e:99:ac:ad:b4',
      address: '192.168.1.114/24',
      'is-management': true,
      'udev-properties': {},
    },
    { name: 'nic1', mac: 'B4:2E:99:AC:AD:B5', 'is-pinned': true, 'udev-properties': {} },
  ],
  product: { fullname: 'Proxmox VE', short: 'pve', version: '9.2.1' },
  'reboot-mode': 'reboot',
  'ssh-public-host-keys': { ecdsa: `${ECDSA} root@pve1`, ed25519: `${ED25519} root@pve1\n`, rsa: `${RSA} root@pve1` },
};

test('a report of 9.2', (t) => {
  t.strictSame(parseWebhook(JSON.stringify(REPORT)), {
    fqdn: 'pveauto.testinstall',
    product: 'pve',
    productVersion: '9.2.1',
    release: '9.2',
    isoRelease: '1',
    hostKeys: { ed25519: ED25519, ecdsa: ECDSA, rsa: RSA },
    macs: ['b4:2e:99:ac:ad:b4', 'b4:2e:99:ac:ad:b5'],
    interfaces: [
      { name: 'eno1', mac: 'b4:2e:99:ac:ad:b4', address: '192.168.1.114', isManagement: true },
      { name: 'nic1', mac: 'b4:2e:99:ac:ad:b5', address: undefined, isManagement: false },
    ],
    management: { name: 'eno1', mac: 'b4:2e:99:ac:ad:b4', address: '192.168.1.114', isManagement: true },
    machineId: '0123456789abcdef0123456789abcdef',
    filesystem: 'zfs (RAID1)',
    kernelRelease: '7.0.2-6-pve',
    bootMode: 'efi',
    secureBoot: true,
  });
  t.end();
});

test('parts that are unknown, missing or of another type', (t) => {
  const rows: ReadonlyArray<readonly [name: string, over: Record<string, unknown>, wanted: object]> = [
    ['unknown', { fqdn: 'unknown', filesystem: 'unknown' }, { fqdn: undefined, filesystem: undefined }],
    [
      '8.4 names no interface',
      { 'network-interfaces': [{ mac: 'b4:2e:99:ac:ad:b4', 'udev-properties': { INTERFACE: 'eno1' } }] },
      { interfaces: [{ name: 'eno1' }], management: undefined },
    ],
    ['no keys', { 'ssh-public-host-keys': undefined }, { hostKeys: { ed25519: undefined } }],
    [
      'a key under a wrong name',
      { 'ssh-public-host-keys': { ed25519: RSA, rsa: ED25519 } },
      { hostKeys: { ed25519: undefined, rsa: undefined } },
    ],
    [
      'a key that is none',
      { 'ssh-public-host-keys': { ed25519: 'ssh-ed25519 AAAA' } },
      { hostKeys: { ed25519: undefined } },
    ],
    [
      'two lines',
      { 'ssh-public-host-keys': { ed25519: `${ED25519} a\n${ED25519} b` } },
      { hostKeys: { ed25519: undefined } },
    ],
    [
      'an address that is none',
      { 'network-interfaces': [{ mac: 'b4:2e:99:ac:ad:b4', address: 'evil', 'is-management': 1 }] },
      { management: undefined, interfaces: [{ address: undefined }] },
    ],
    [
      'IPv6',
      { 'network-interfaces': [{ mac: 'b4:2e:99:ac:ad:b4', address: '2001:db8::1/64', 'is-management': true }] },
      { management: { address: '2001:db8::1' } },
    ],
  ];
  for (const [name, over, wanted] of rows) t.match(parseWebhook(JSON.stringify({ ...REPORT, ...over })), wanted, name);
  const empty = parseWebhook('{}');
  t.match(empty, { secureBoot: false, machineId: undefined });
  t.same(empty.macs, []);
  t.throws(() => parseWebhook('installed'), { code: 'webhook.malformed' });
  t.end();
});

test('fuzz: any JSON gives a value or a typed error', (t) => {
  const survives = (body: string): void => {
    try {
      parseWebhook(body);
    } catch (error) {
      if (!(error instanceof IronwakeError)) throw error;
    }
  };
  fc.assert(fc.property(fc.json(), survives));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(REPORT)), fc.jsonValue()), (over) =>
      survives(JSON.stringify({ ...REPORT, ...over })),
    ),
    { numRuns: 500 },
  );
  t.ok(true, 'nothing else was thrown');
  t.end();
});
