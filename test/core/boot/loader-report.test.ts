import fc from 'fast-check';
import { test } from 'tap';
import { parseLoaderReport } from '../../../src/boot/loader-report.ts';

const hex = (text: string, encoding: 'utf8' | 'latin1' = 'utf8'): string => Buffer.from(text, encoding).toString('hex');

/** As the loader of Debian 12 sends it on a server with 24 slots of which four hold 32 GiB: word and double word of each. */
const WHOLE =
  `version=${hex('1.0.0+git-20190125.36a4c85')}&buildarch=x86_64&platform=pcbios&uuid=4C4C4544-0042-3510-8052-b4c04f4d3132&memsize=` +
  `&manufacturer=${hex('Dell Inc.')}&product=${hex('PowerEdge R640')}&serial=${hex('AB12/3 #4')}&asset=` +
  `&cpuvendor=${hex('GenuineIntel')}&cpumodel=${hex('Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz')}&chip=${hex('undionly')}` +
  `&memory=${'.ff7f00800000'.repeat(4)}${'.000000000000'.repeat(20)}${'.'.repeat(8)}&ports=.bc2411000001.BC2411000002${'.'.repeat(30)}`;

test('what a loader says of its machine', (t) => {
  t.strictSame(parseLoaderReport(WHOLE), {
    manufacturer: 'Dell Inc.',
    product: 'PowerEdge R640',
    serial: 'AB12/3 #4',
    uuid: '4c4c4544-0042-3510-8052-b4c04f4d3132',
    memoryMiB: 4 * 32768,
    cpuVendor: 'GenuineIntel',
    cpuModel: 'Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz',
    buildArch: 'x86_64',
    platform: 'pcbios',
    version: '1.0.0+git-20190125.36a4c85',
    chip: 'undionly',
    ports: ['bc:24:11:00:00:01', 'bc:24:11:00:00:02'],
  });
  t.end();
});

test('of each field', (t) => {
  for (const [name, query, expected] of [
    ['nothing was said', '', undefined],
    ['a build that knows nothing', 'version=&memory=......&ports=......&memsize=&uuid=', undefined],
    ['fields that nobody knows', 'a=b&__proto__=61&constructor=62', undefined],
    ['8 GiB in MiB', 'memory=.0020', { memoryMiB: 8192 }],
    ['two modules of 512 KiB', 'memory=.0082.0082', { memoryMiB: 1 }],
    ['a module of unknown size and an empty slot', 'memory=.ffff.0000', undefined],
    ['a large module on a board without the double word', 'memory=.ff7f', undefined],
    ['the top bit of the double word is reserved', 'memory=.ff7f00800080', { memoryMiB: 32768 }],
    ['modules go before the map of memory', 'memory=.0020&memsize=639', { memoryMiB: 8192 }],
    ['the map of memory, where SMBIOS has no module', 'memory=...&memsize=2047', { memoryMiB: 2047 }],
    ['more memory than there is', `memory=${'.ff7fffffff7f'.repeat(32)}`, undefined],
    ['no number', 'memsize=0x7ff&memory=xyz', undefined],
    ['Latin-1', `product=${hex('Gerät', 'latin1')}`, { product: 'Gerät' }],
    ['UTF-8', `product=${hex('Gerät 計')}`, { product: 'Gerät 計' }],
    ['half a byte', 'serial=414', undefined],
    ['no hex', 'serial=SN-1', undefined],
    ['spaces around and within', `serial=${hex('  A \t B\n ')}`, { serial: 'A B' }],
    ['a cursor that is moved', `serial=${hex('A\u001b[2J\u009b1mB\u0000')}`, { serial: 'A [2J 1mB' }],
    ['a direction that is turned', `serial=${hex('A\u202eB\u2066C\u2028D\ufeff')}`, { serial: 'A B C D' }],
    ['long text', `asset=${hex('x'.repeat(500))}`, { asset: 'x'.repeat(128) }],
    ['a placeholder of a UUID', 'uuid=00000000-0000-0000-0000-000000000000', undefined],
    ['no UUID', `uuid=${hex('x')}`, undefined],
    ['a platform that is none', 'platform=<b>&buildarch=arm64', { buildArch: 'arm64' }],
    ['ports that are none', 'ports=.0102.000000000000.ffffffffffff.zz', undefined],
    ['a port twice', 'ports=.bc2411000001.bc2411000001', { ports: ['bc:24:11:00:00:01'] }],
    [
      'more ports than are kept',
      `ports=${Array.from({ length: 99 }, (_, i) => `.02000000${(i + 4096).toString(16)}`).join('')}`,
      32,
    ],
    ['the last of two', `serial=${hex('a')}&serial=${hex('b')}`, { serial: 'b' }],
    ['a query that is too long', `serial=41&x=${'y'.repeat(6000)}`, undefined],
  ] as const) {
    const report = parseLoaderReport(query);
    if (typeof expected === 'number') t.equal(report?.ports?.length, expected, name);
    else t.strictSame(report, expected, name);
  }
  t.end();
});

test('whatever is said: bounded, and nothing in it ends a line or moves a cursor', (t) => {
  const keys = WHOLE.split('&').map((part) => part.split('=')[0] ?? '');
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }).map((text) => hex(text)),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    fc.string({ unit: 'grapheme' }),
    fc.stringMatching(/^(\.[0-9a-f]{0,12}){0,40}$/),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 14 }), (pairs) => {
      const report = parseLoaderReport(pairs.map(([key, each]) => `${key}=${each}`).join('&'));
      const text = JSON.stringify(report ?? {});
      if (text.length > 4000 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)) throw new Error(text);
    }),
    { numRuns: 500 },
  );
  t.pass('property holds');
  t.end();
});
