/** The reader of captures that made the fixtures, against a capture written by hand. */
import { test } from 'tap';
import { readPcap, toFixture } from '../../support/pcap.ts';

const HEAD_LITTLE = 'd4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000';
const ETHERNET = 'ffffffffffff 525400000001 0800';
/** 0.0.0.0:68 -> 255.255.255.255:67, three bytes of payload. */
const IP_UDP = '4500001f 0000 0000 40 11 0000 00000000 ffffffff 0044 0043 000b 0000 aabbcc';
const file = (...hex: string[]) => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex');

test('frames of a pcap file', async (t) => {
  const whole = file(HEAD_LITTLE, '01000000 40420f00 2d000000 2d000000', ETHERNET, IP_UDP);
  const [datagram] = readPcap(whole);
  t.hasStrict(datagram, { at: 2, from: '0.0.0.0', fromPort: 68, to: '255.255.255.255', toPort: 67, missing: 0 });
  t.equal(toFixture(readPcap(whole)), '> 0.0.0.0:68 -> 255.255.255.255:67 at 0.000\naabbcc\n');
  const snapped = file(HEAD_LITTLE, '01000000 00000000 2b000000 2d000000', ETHERNET, IP_UDP.slice(0, -4));
  t.equal(
    toFixture(readPcap(snapped)),
    '> 0.0.0.0:68 -> 255.255.255.255:67 at 0.000 (last 2 bytes not captured: zeros)\naa0000\n',
  );
  const icmp = file(HEAD_LITTLE, '01000000 00000000 2d000000 2d000000', ETHERNET, IP_UDP.replace('40 11', '40 01'));
  t.strictSame(readPcap(icmp), [], 'other protocols are left out');
  t.throws(() => readPcap(Buffer.from('no')), /not a pcap/);
  t.throws(() => readPcap(file(HEAD_LITTLE.replace(/01000000$/, '71000000'))), /link type/);
});
