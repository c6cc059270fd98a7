import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { test } from 'tap';
import { readClient } from '../../../src/dhcp/client.ts';
import { discoverPacket } from '../../../src/dhcp/discover.ts';
import { type DhcpPacket, encodePacket, MAX_PACKET_BYTES, parsePacket } from '../../../src/dhcp/packet.ts';
import { type Ipv4, ipv4FromBytes } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { capture } from '../../support/dhcp-fixtures.ts';

const CAPTURES = readdirSync(new URL('../../fixtures/dhcp', import.meta.url)).map((name) => name.replace('.hex', ''));
const base = encodePacket(discoverPacket({ client: 'plain', mac: '52:54:00:00:00:01' as Mac, xid: 1 }));

/** A message with these bytes as its options field, and header fields as wanted. */
function message(
  options: readonly number[],
  fields: { readonly sname?: readonly number[]; readonly file?: readonly number[] } = {},
) {
  const bytes = new Uint8Array(240 + options.length);
  bytes.set(base.subarray(0, 240));
  bytes.set(options, 240);
  bytes.set(fields.sname ?? [], 44);
  bytes.set(fields.file ?? [], 108);
  return bytes;
}

/** `code:hex` of each option. */
function optionsOf(bytes: Uint8Array): readonly string[] | string {
  const result = parsePacket(bytes);
  return result.ok
    ? [...result.packet.options].map(([code, value]) => `${code}:${Buffer.from(value).toString('hex')}`)
    : result.fault;
}

test('options on the wire', async (t) => {
  const filled = (length: number, value: number) => Array.from({ length }, () => value);
  const rows: ReadonlyArray<readonly [string, Uint8Array, readonly string[] | string]> = [
    ['one option', message([53, 1, 1, 255]), ['53:01']],
    ['pads before, between and after', message([0, 0, 53, 1, 1, 0, 60, 1, 65, 255, 0, 0]), ['53:01', '60:41']],
    ['a pad directly before an option does not eat it', message([0, 53, 1, 1, 255]), ['53:01']],
    ['no end option', message([53, 1, 1]), ['53:01']],
    ['what follows the end is not read', message([53, 1, 1, 255, 60, 200]), ['53:01']],
    ['an empty option', message([80, 0, 53, 1, 1, 255]), ['80:', '53:01']],
    [
      'split option is put together (RFC 3396)',
      message([60, 2, 65, 66, 53, 1, 1, 60, 1, 67, 255]),
      ['60:414243', '53:01'],
    ],
    ['no options at all', message([]), []],
    ['length runs over the end', message([53, 1, 1, 60, 9, 65]), 'option-overrun'],
    ['code without length', message([53, 1, 1, 60]), 'option-overrun'],
    [
      'overload 1: file holds options',
      message([53, 1, 1, 52, 1, 1, 255], { file: [60, 1, 65, 255] }),
      ['53:01', '60:41'],
    ],
    [
      'overload 2: sname holds options',
      message([53, 1, 1, 52, 1, 2, 255], { sname: [60, 1, 66, 255] }),
      ['53:01', '60:42'],
    ],
    [
      'overload 3: the parts are joined in the order options, file, sname',
      message([60, 1, 65, 52, 1, 3, 255], { file: [60, 1, 66, 255], sname: [60, 1, 67, 255] }),
      ['60:414243'],
    ],
    [
      'overload again inside file means nothing',
      message([52, 1, 1, 255], { file: [52, 1, 3, 255], sname: [60, 200] }),
      [],
    ],
    ['overload of 0', message([52, 1, 0, 255]), 'bad-overload'],
    ['overload of 4', message([52, 1, 4, 255]), 'bad-overload'],
    ['overload of two bytes', message([52, 2, 1, 1, 255]), 'bad-overload'],
    ['overloaded file runs over its end', message([52, 1, 1, 255], { file: filled(128, 60) }), 'option-overrun'],
    ['shorter than the header', message([]).subarray(0, 239), 'too-short'],
    ['empty', new Uint8Array(), 'too-short'],
    ['huge', new Uint8Array(MAX_PACKET_BYTES + 1), 'too-long'],
    ['BOOTP without cookie', message([]).fill(0, 236, 240), 'no-cookie'],
    ['op 3', message([]).fill(3, 0, 1), 'not-bootp'],
    ['hardware length above the field', message([]).fill(17, 2, 3), 'bad-hardware-length'],
  ];
  for (const [name, bytes, expected] of rows) t.strictSame(optionsOf(bytes), expected, name);
});

test('overloaded fields are not read as names', async (t) => {
  const bytes = message([52, 1, 3, 255], { file: [60, 1, 65, 255], sname: [77, 1, 65, 255] });
  const result = parsePacket(bytes);
  t.hasStrict(result, { ok: true, packet: { file: '', sname: '' } });
});

test('what is encoded', async (t) => {
  const packet = discoverPacket({ client: 'plain', mac: '52:54:00:00:00:01' as Mac, xid: 1 });
  const encode = (options: ReadonlyArray<readonly [number, Uint8Array]>) =>
    encodePacket({ ...packet, options: new Map(options) });
  t.equal(encode([]).length, 300, 'padded to 300 bytes');
  const long = encode([[60, new Uint8Array(600).fill(7)]]);
  t.strictSame([long[240], long[241], long[497], long[498], long[754], long[755]], [60, 255, 60, 255, 60, 90], 'split');
  t.strictSame([...encode([[67, Buffer.from('ab')]]).subarray(240, 246)], [67, 2, 97, 98, 0, 255], '67 last: pad, end');
  t.strictSame([...encode([[66, Buffer.from('ab')]]).subarray(240, 245)], [66, 2, 97, 98, 255], 'no pad otherwise');
  t.throws(() => encodePacket({ ...packet, file: 'x'.repeat(128) }), RangeError);
  t.throws(() => encodePacket({ ...packet, sname: 'x'.repeat(64) }), RangeError);
  t.throws(() => encodePacket({ ...packet, chaddr: new Uint8Array(6) }), RangeError);
});

for (const name of CAPTURES)
  test(`captured: ${name}`, async (t) => {
    for (const { bytes } of capture(name)) {
      const first = parsePacket(bytes);
      t.ok(first.ok, 'is read');
      if (!first.ok) continue;
      const second = parsePacket(encodePacket(first.packet));
      t.strictSame(second, first, 'comes back the same');
    }
  });

const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes): Ipv4 => ipv4FromBytes(bytes));
const latin1 = (maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
const optionList = fc.uniqueArray(
  fc.tuple(
    fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52),
    fc.uint8Array({ maxLength: 600 }),
  ),
  { selector: ([code]) => code, maxLength: 6 },
);
const anyPacket: fc.Arbitrary<DhcpPacket> = fc.record({
  op: fc.constantFrom(1, 2),
  htype: u8,
  hlen: fc.integer({ min: 0, max: 16 }),
  hops: u8,
  xid: fc.integer({ min: 0, max: 0xffffffff }),
  secs: u16,
  flags: u16,
  ciaddr: ipv4,
  yiaddr: ipv4,
  siaddr: ipv4,
  giaddr: ipv4,
  chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sname: latin1(63),
  file: latin1(127),
  options: optionList.map((list) => new Map(list)),
});

/** Plain numbers instead of Buffers and typed arrays, for comparison. */
const plain = (packet: DhcpPacket) => ({
  ...packet,
  chaddr: [...packet.chaddr],
  options: [...packet.options].map(([code, value]) => [code, [...value]]),
});

test('round trip: every message comes back as it was', async (t) => {
  fc.assert(
    fc.property(anyPacket, (packet) => {
      const result = parsePacket(encodePacket(packet));
      return result.ok && isDeepStrictEqual(plain(result.packet), plain(packet));
    }),
    { numRuns: 300 },
  );
  t.pass('300 messages');
});

test('any bytes: a value or a fault, never an exception', async (t) => {
  const read = (bytes: Uint8Array) => {
    const result = parsePacket(bytes);
    if (result.ok) for (const port of [67, 4011] as const) readClient(result.packet, port);
    return true;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1500 }), read), { numRuns: 500 });
  const head = base.subarray(0, 240);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (tail) => read(Buffer.concat([head, tail]))),
    { numRuns: 2000 },
  );
  const real = CAPTURES.flatMap((name) => capture(name)).map(({ bytes }) => bytes);
  fc.assert(
    fc.property(
      fc.constantFrom(...real),
      fc.array(fc.tuple(fc.nat({ max: 600 }), u8), { maxLength: 12 }),
      fc.nat({ max: 600 }),
      (bytes, damage, cut) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, value] of damage) damaged[at % damaged.length] = value;
        return read(damaged.subarray(0, damaged.length - (cut % damaged.length)));
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('3 generators');
});
