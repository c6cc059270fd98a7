/** MAC addresses as vendors print them. */
import fc from 'fast-check';
import t from 'tap';
import { macFromBytes, macToBytes, parseMac } from '../../../src/net/mac.ts';

t.test('every usual notation is the same address', async (t) => {
  for (const text of [
    'bc:24:11:0a:00:01',
    'BC:24:11:0A:00:01',
    'bc-24-11-0a-00-01',
    'BC24.110A.0001',
    'bc24-110a-0001',
    'bc2411-0a0001',
    'bc24:110a:0001',
    'bc 24 11 0a 00 01',
    ' bc24110a0001\n',
  ])
    t.equal(parseMac(text), 'bc:24:11:0a:00:01', JSON.stringify(text));
});

t.test('what is none', async (t) => {
  for (const [text, code] of [
    ['', 'mac.malformed'],
    ['bc:24:11:0a:00', 'mac.malformed'],
    ['bc:24:11:0a:00:01:02', 'mac.malformed'],
    ['01-bc-24-11-0a-00-01', 'mac.malformed'],
    ['bc:24-11:0a:00:01', 'mac.malformed'],
    ['b:c24:11:0a:00:01', 'mac.malformed'],
    ['bc24:110a0001', 'mac.malformed'],
    ['bc:24:11:0a:00:0g', 'mac.malformed'],
    ['bc24110a0001;id', 'mac.malformed'],
    ['00:00:00:00:00:00', 'mac.not-unicast'],
    ['ff:ff:ff:ff:ff:ff', 'mac.not-unicast'],
    ['01:00:5e:00:00:01', 'mac.not-unicast'],
  ] as const)
    t.throws(() => parseMac(text, 'macs[1]'), { code, field: 'macs[1]' }, JSON.stringify(text));
});

t.test('bytes and back', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) =>
      Buffer.from(macToBytes(macFromBytes(bytes))).equals(Buffer.from(bytes)),
    ),
  );
  t.equal(macFromBytes(Uint8Array.of(0, 1, 0xa, 0xff, 0x10, 0)), '00:01:0a:ff:10:00');
});
