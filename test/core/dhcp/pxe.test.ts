import fc from 'fast-check';
import { test } from 'tap';
import { printable } from '../../../src/dhcp/options.ts';
import { parsePacket } from '../../../src/dhcp/packet.ts';
import {
  BOOT_LOCALLY,
  encodeSubOptions,
  encodeUuid,
  parseIpxe,
  parseSubOptions,
  parseUserClass,
  parseUuid,
  USE_BOOT_FILE,
} from '../../../src/dhcp/pxe.ts';
import { capture } from '../../support/dhcp-fixtures.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('option 77: raw as iPXE sends it, or instances of RFC 3004', async (t) => {
  const rows: ReadonlyArray<readonly [string, Uint8Array, readonly string[]]> = [
    ['raw', Buffer.from('iPXE'), ['iPXE']],
    ['one instance', hex('04 69505845'), ['iPXE']],
    ['two instances', hex('04 69505845 02 6162'), ['iPXE', 'ab']],
    ['a length that does not fit is raw', hex('05 69505845'), ['?iPXE']],
    ['NUL at the end', Buffer.from('iPXE\0'), ['iPXE']],
    ['empty', hex(''), []],
    ['control characters do not reach a log', hex('1b 5b 41 0a'), ['?[A?']],
  ];
  for (const [name, bytes, expected] of rows) t.strictSame(parseUserClass(bytes), expected, name);
});

test('option 97: SMBIOS order on the wire, dmidecode order for people', async (t) => {
  const rows: ReadonlyArray<readonly [string, Uint8Array, string | undefined]> = [
    // QEMU was started with -uuid 00000000-0000-4000-8000-525400770001 when this was captured.
    ['captured', hex('00 00000000 0000 0040 8000 525400770001'), '00000000-0000-4000-8000-525400770001'],
    ['all fields', hex('00 33221100 5544 7766 8899 aabbccddeeff'), '00112233-4455-6677-8899-aabbccddeeff'],
    ['all zero means none', hex(`00 ${'00'.repeat(16)}`), undefined],
    ['all ones means none', hex(`00 ${'ff'.repeat(16)}`), undefined],
    ['another type', hex(`01 ${'11'.repeat(16)}`), undefined],
    ['too short', hex(`00 ${'11'.repeat(15)}`), undefined],
    ['too long', hex(`00 ${'11'.repeat(17)}`), undefined],
  ];
  for (const [name, bytes, expected] of rows) t.equal(parseUuid(bytes), expected, name);
  fc.assert(
    fc.property(fc.uuid(), (uuid) => parseUuid(encodeUuid(uuid)) === uuid),
    { numRuns: 100 },
  );
});

test('sub-options: lenient reading', async (t) => {
  const read = (bytes: Uint8Array) =>
    [...parseSubOptions(bytes)].map(([c, v]) => `${c}:${Buffer.from(v).toString('hex')}`);
  t.strictSame(read(hex('06 01 08 ff')), ['6:08']);
  t.strictSame(read(hex('06 01 08')), ['6:08'], 'no end');
  t.strictSame(read(hex('00 06 01 08 00 47 02 0001 ff 09')), ['6:08', '71:0001'], 'pads');
  t.strictSame(read(hex('06 01 08 09 40 00')), ['6:08'], 'what runs over the end is left out');
  t.strictSame(read(hex('06 01 08 06 01 00 ff')), ['6:08'], 'the first one counts');
  t.strictSame(read(hex('')), []);
});

test('our own sub-options are byte for byte those that were tried', async (t) => {
  t.equal(Buffer.from(USE_BOOT_FILE).toString('hex'), '060108ff');
  const [, offer] = capture('ovmf-pxe-offer-option43-local-boot');
  const parsed = parsePacket(offer?.bytes ?? new Uint8Array());
  t.ok(parsed.ok && Buffer.compare(BOOT_LOCALLY, parsed.packet.options.get(43) ?? hex('')) === 0, 'the captured menu');
  t.equal(Buffer.from(encodeSubOptions([[71, [0x80, 3, 0, 0]]])).toString('hex'), '470480030000ff');
});

test('option 175: what an iPXE can do', async (t) => {
  const rows: ReadonlyArray<readonly [string, Uint8Array, object]> = [
    [
      'Debian 12, captured',
      hex('b105011af41000 eb03010000 170101 240101 130101 110101 270101 290101 150101 1b0101 120101'),
      { http: true, https: false, version: '1.0.0' },
    ],
    ['old ROM without HTTP', hex('eb03010000 150101'), { http: false, https: false, version: '1.0.0' }],
    ['feature switched off', hex('130100'), { http: false, https: false, version: undefined }],
    ['HTTPS', hex('130101 140101'), { http: true, https: true, version: undefined }],
    ['damaged at the end', hex('130101 eb09'), { http: true, https: false, version: undefined }],
  ];
  for (const [name, bytes, expected] of rows) t.strictSame(parseIpxe(bytes), expected, name);
});

test('text for people is short and printable', async (t) => {
  t.equal(printable(Buffer.from('a\u001b[31mb\0c')), 'a?[31mb');
  t.equal(printable(Buffer.alloc(300, 'x')).length, 128);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => /^[\x20-\x7e]{0,128}$/.test(printable(bytes))));
});
