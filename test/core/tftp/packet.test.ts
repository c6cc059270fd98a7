import fc from 'fast-check';
import t from 'tap';
import { decodePacket, encodePacket, type Packet } from '../../../src/tftp/packet.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');
const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

t.test('requests as clients really send them', async (t) => {
  const rows: ReadonlyArray<readonly [string, string, string, string, Record<string, string>]> = [
    ['RFC 1350, octet', `0001 ${ascii('a.efi\0octet\0')}`, 'a.efi', 'octet', {}],
    [
      'edk2: size probe with blksize 1468 and a window of 4',
      `0001 ${ascii('ipxe.efi\0octet\0tsize\0' + '0\0blksize\0' + '1468\0windowsize\0' + '4\0')}`,
      'ipxe.efi',
      'octet',
      { tsize: '0', blksize: '1468', windowsize: '4' },
    ],
    [
      'option names in capitals (RFC 2347)',
      `0001 ${ascii('x\0OCTET\0BLKSIZE\0' + '1432\0')}`,
      'x',
      'octet',
      { blksize: '1432' },
    ],
    [
      'an option twice: the first counts',
      `0001 ${ascii('x\0octet\0tsize\0' + '0\0tsize\0' + '9\0')}`,
      'x',
      'octet',
      { tsize: '0' },
    ],
    ['an option without a value is dropped', `0001 ${ascii('x\0octet\0blksize')}`, 'x', 'octet', {}],
    ['padding behind the request', `0001 ${ascii('x\0octet\0')} 00000000000000`, 'x', 'octet', {}],
    ['a name with its terminator counted in', `0001 ${ascii('x\0\0octet\0')}`, 'x', 'octet', {}],
    ['a trailing 0xff stays visible', `0001 ${ascii('x')} ff00 ${ascii('octet\0')}`, 'x\xff', 'octet', {}],
  ];
  for (const [name, bytes, file, mode, options] of rows) {
    t.match(decodePacket(hex(bytes)), { ok: true, packet: { kind: 'read', file, mode } }, name);
    const decoded = decodePacket(hex(bytes));
    t.same(decoded.ok && decoded.packet.kind === 'read' && Object.fromEntries(decoded.packet.options), options, name);
  }
});

t.test('what is malformed, and why', async (t) => {
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ['nothing', '', 'too-short'],
    ['one byte', '00', 'too-short'],
    ['an opcode alone', '0004', 'too-short'],
    ['opcode 0', '0000 0000', 'unknown-opcode'],
    ['opcode 9', '0009 0000', 'unknown-opcode'],
    ['no terminator', `0001 ${ascii('abc')}`, 'file-unterminated'],
    ['no name', `0001 ${ascii('\0octet\0')}`, 'file-empty'],
    ['no mode', `0001 ${ascii('abc\0')}`, 'mode-unterminated'],
    ['mode without terminator', `0001 ${ascii('abc\0octet')}`, 'mode-unterminated'],
    ['longer than any request', `0001 ${'41'.repeat(1600)} 00 ${ascii('octet\0')}`, 'request-too-long'],
  ];
  for (const [name, bytes, because] of rows) t.same(decodePacket(hex(bytes)), { ok: false, because }, name);
});

const text = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 60,
});
const lower = fc.stringMatching(/^[a-z]{1,12}$/);
const options = fc.array(fc.tuple(lower, text), { maxLength: 5 }).map((pairs) => new Map(pairs));
const word = fc.integer({ min: 0, max: 65535 });
const data = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
const plain = { noNullPrototype: true };
const packets: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({ kind: fc.constantFrom('read' as const, 'write' as const), file: text, mode: lower, options }, plain),
  fc.record({ kind: fc.constant('data' as const), block: word, data }, plain),
  fc.record({ kind: fc.constant('ack' as const), block: word }, plain),
  fc.record({ kind: fc.constant('error' as const), code: word, message: text }, plain),
  fc.record({ kind: fc.constant('oack' as const), options: options.filter((map) => map.size > 0) }, plain),
);

t.test('every packet survives encoding and decoding', async (t) => {
  fc.assert(
    fc.property(packets, (packet) => {
      t.strictSame(decodePacket(encodePacket(packet)), { ok: true, packet });
    }),
  );
});

t.test('no bytes make the parser throw', async (t) => {
  const requestLike = fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 255), fc.uint8Array({ maxLength: 1700 }))
    .map(([opcode, rest]) => Buffer.concat([Buffer.from([0, opcode]), rest]));
  const cut = fc.tuple(packets, fc.nat(700)).map(([packet, length]) => encodePacket(packet).subarray(0, length));
  let decoded = 0;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), requestLike, cut), (bytes) => {
      decoded++;
      return typeof decodePacket(bytes).ok === 'boolean';
    }),
    { numRuns: 3000 },
  );
  t.equal(decoded, 3000);
});
