import { test } from 'tap';
import type { BootDecision } from '../../../src/boot/decision.ts';
import { readClient } from '../../../src/dhcp/client.ts';
import { bootServerRequest, discoverPacket, leaseRequest } from '../../../src/dhcp/discover.ts';
import type { OfferForm } from '../../../src/dhcp/offers.ts';
import { type DhcpPacket, parsePacket } from '../../../src/dhcp/packet.ts';
import { buildReply, type Endpoint } from '../../../src/dhcp/reply.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import type { Segment } from '../../../src/net/segment.ts';
import { capture, requestsOf } from '../../support/dhcp-fixtures.ts';

const SEGMENT: Segment = {
  interfaceName: 'eno1',
  address: '10.0.0.2' as Ipv4,
  prefixLength: 24,
  httpUrl: 'http://10.0.0.2:8080',
  httpsUrl: 'https://10.0.0.2:8443',
};
const BECAUSE = { code: 'armed', runId: 'r' } as const;
const LOADER: BootDecision = { kind: 'loader', file: 'ipxe-x86_64.efi', because: BECAUSE };
const SCRIPT: BootDecision = { kind: 'script', url: 'http://10.0.0.2:8080/boot/script/aa', because: BECAUSE };
const HTTP: BootDecision = { kind: 'http-loader', url: 'http://10.0.0.2:8080/boot/loaders/x.efi', because: BECAUSE };
const DISK: BootDecision = { kind: 'local-disk', because: { code: 'no-armed-run' } };
const SILENT: BootDecision = { kind: 'silent', because: { code: 'not-registered' } };
const MAC = '52:54:00:00:00:01' as Mac;
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const HERE: Endpoint = { address: '10.0.0.9' as Ipv4, port: 4011 };

function answer(
  request: DhcpPacket,
  port: 67 | 4011,
  decision: BootDecision,
  { form = 'pxe10', segment = SEGMENT }: { form?: OfferForm; segment?: Segment } = {},
) {
  const client = readClient(request, port);
  if (!client.ok) throw new Error(client.fault);
  const reply = buildReply({ request, facts: client.facts, decision, segment, source: HERE, form });
  if (reply === undefined) return undefined;
  const parsed = parsePacket(reply.bytes);
  if (!parsed.ok) throw new Error(parsed.fault);
  const { packet } = parsed;
  const options = [...packet.options].map(([code, value]) => `${code}:${Buffer.from(value).toString('hex')}`);
  return { ...packet, options, to: `${reply.destination.address}:${reply.destination.port}`, bytes: reply.bytes };
}

const from = (client: Parameters<typeof discoverPacket>[0]['client']) => ({
  client,
  mac: MAC,
  xid: 0xdeadbeef,
  uuid: UUID,
});
const text = (value: string) => Buffer.from(value).toString('hex');
const uuid97 = `97:0033221100554477668899${'aabbccddeeff'}`;
const OFFER = '53:02';
const ACK = '53:05';
const SERVER = '54:0a000002';
const PXE = `60:${text('PXEClient')}`;
const IN_THIS_PACKET = '43:060108ff';
const BOOT_LOCALLY = '43:0601000a0400505845090d00000a4c6f63616c20626f6f74ff';

test('offers on port 67', async (t) => {
  const rows: ReadonlyArray<readonly [string, ReturnType<typeof answer>, string, readonly string[]]> = [
    [
      'BIOS',
      answer(discoverPacket(from('bios')), 67, LOADER),
      'ipxe-x86_64.efi',
      [OFFER, SERVER, PXE, uuid97, IN_THIS_PACKET],
    ],
    [
      'UEFI, PXE10',
      answer(discoverPacket(from('uefi')), 67, LOADER),
      'ipxe-x86_64.efi',
      [OFFER, SERVER, PXE, uuid97, IN_THIS_PACKET],
    ],
    [
      'UEFI, BINL',
      answer(discoverPacket(from('uefi')), 67, LOADER, { form: 'binl' }),
      'ipxe-x86_64.efi',
      [OFFER, SERVER, PXE, uuid97],
    ],
    [
      'BIOS never gets BINL',
      answer(discoverPacket(from('bios')), 67, LOADER, { form: 'binl' }),
      'ipxe-x86_64.efi',
      [OFFER, SERVER, PXE, uuid97, IN_THIS_PACKET],
    ],
    [
      'iPXE',
      answer(discoverPacket(from('ipxe')), 67, SCRIPT),
      'http://10.0.0.2:8080/boot/script/aa',
      [OFFER, SERVER, PXE, uuid97, IN_THIS_PACKET],
    ],
    [
      'UEFI to its disk',
      answer(discoverPacket(from('uefi')), 67, DISK),
      '',
      [OFFER, SERVER, PXE, uuid97, BOOT_LOCALLY],
    ],
    [
      'UEFI to its disk, though BINL',
      answer(discoverPacket(from('uefi')), 67, DISK, { form: 'binl' }),
      '',
      [OFFER, SERVER, PXE, uuid97, BOOT_LOCALLY],
    ],
    [
      'BIOS to its disk',
      answer(discoverPacket(from('bios')), 67, DISK),
      '',
      [OFFER, SERVER, PXE, uuid97, BOOT_LOCALLY],
    ],
    [
      'HTTP boot',
      answer(discoverPacket(from('http-boot')), 67, HTTP),
      '',
      [OFFER, SERVER, `60:${text('HTTPClient')}`, uuid97, `67:${text('http://10.0.0.2:8080/boot/loaders/x.efi')}`],
    ],
    [
      'HTTP boot to its disk: a URL that is not found',
      answer(discoverPacket(from('http-boot')), 67, DISK),
      '',
      [OFFER, SERVER, `60:${text('HTTPClient')}`, uuid97, `67:${text('http://10.0.0.2:8080/boot/local-disk')}`],
    ],
  ];
  for (const [name, reply, file, options] of rows) {
    t.hasStrict(
      reply,
      {
        op: 2,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid: 0xdeadbeef,
        flags: 0x8000,
        ciaddr: '0.0.0.0',
        yiaddr: '0.0.0.0',
        siaddr: '10.0.0.2',
        giaddr: '0.0.0.0',
        sname: '10.0.0.2',
        file,
        to: '255.255.255.255:68',
      },
      name,
    );
    t.strictSame(reply?.options, options, `${name}: options in this order`);
    t.ok(reply !== undefined && reply.bytes.length >= 300 && reply.bytes.length <= 1472, `${name}: size`);
  }
});

test('answers on port 4011', async (t) => {
  const asked = bootServerRequest(from('uefi'), '10.0.0.9' as Ipv4);
  const item = (request: DhcpPacket): DhcpPacket => ({
    ...request,
    flags: 0x8000,
    options: new Map([...request.options, [43, Uint8Array.of(71, 4, 0x80, 3, 0, 0, 255)]]),
  });
  const rows: ReadonlyArray<readonly [string, ReturnType<typeof answer>, object]> = [
    [
      'REQUEST of UEFI firmware',
      answer(asked, 4011, LOADER),
      {
        file: 'ipxe-x86_64.efi',
        siaddr: '10.0.0.2',
        yiaddr: '0.0.0.0',
        ciaddr: '10.0.0.9',
        options: [ACK, SERVER, PXE, uuid97],
      },
    ],
    [
      'INFORM of an old ROM',
      answer(bootServerRequest(from('bios'), '10.0.0.9' as Ipv4, 'inform'), 4011, LOADER),
      { file: 'ipxe-x86_64.efi', options: [ACK, SERVER, PXE, uuid97] },
    ],
    [
      'boot item is copied, flags too',
      answer(item(bootServerRequest(from('ipxe'), '10.0.0.9' as Ipv4)), 4011, SCRIPT),
      {
        flags: 0x8000,
        file: 'http://10.0.0.2:8080/boot/script/aa',
        options: [ACK, SERVER, PXE, uuid97, '43:470480030000ff'],
      },
    ],
  ];
  for (const [name, reply, expected] of rows) t.hasStrict(reply, { ...expected, to: '10.0.0.9:4011' }, name);
  t.equal(answer(asked, 4011, LOADER)?.flags, 0x8000, 'flags are copied');
});

test('what gets no reply', async (t) => {
  const discover = discoverPacket(from('uefi'));
  const noType = { ...discover, options: new Map([...discover.options].filter(([code]) => code !== 53)) };
  const huge = { ...HTTP, url: `http://10.0.0.2:8080/${'x'.repeat(2000)}` };
  const rows: ReadonlyArray<readonly [string, unknown]> = [
    ['silence', answer(discover, 67, SILENT)],
    ['a REQUEST on 67', answer(leaseRequest(from('uefi'), '10.0.0.1' as Ipv4, '10.0.0.9' as Ipv4), 67, LOADER)],
    ['a message without a type', answer(noType, 67, LOADER)],
    ['a DISCOVER on 4011', answer(discover, 4011, LOADER)],
    ['an iPXE that is to boot its disk without a script', answer(discoverPacket(from('ipxe')), 67, DISK)],
    ['a machine for its disk on 4011', answer(bootServerRequest(from('uefi'), '10.0.0.9' as Ipv4), 4011, DISK)],
    ['an HTTP client on 4011', answer(bootServerRequest(from('http-boot'), '10.0.0.9' as Ipv4), 4011, HTTP)],
    ['a reply larger than the client takes', answer(discoverPacket(from('http-boot')), 67, huge)],
  ];
  for (const [name, reply] of rows) t.equal(reply, undefined, name);
});

test('a name longer than the header field stands in option 67 alone, last and closed', async (t) => {
  const url = `http://10.0.0.2:8080/boot/script/${'x'.repeat(120)}`;
  const reply = answer(discoverPacket(from('ipxe')), 67, { ...SCRIPT, url });
  t.hasStrict(reply, { file: '' });
  t.strictSame(reply?.options.slice(-2), [IN_THIS_PACKET, `67:${text(url)}`]);
  const bytes = Buffer.from(reply?.bytes ?? []);
  const end = bytes.indexOf(url) + url.length;
  t.strictSame([...bytes.subarray(end, end + 2)], [0, 255], 'pad, end');
  const limit = 127;
  t.equal(answer(discoverPacket(from('ipxe')), 67, { ...SCRIPT, url: url.slice(0, limit) })?.file, url.slice(0, limit));
});

test('through a relay', async (t) => {
  const relayAgent = Uint8Array.of(1, 2, 0, 7);
  const request = discoverPacket({ ...from('uefi'), giaddr: '10.0.9.1' as Ipv4, extra: [[82, relayAgent]] });
  const reply = answer(request, 67, LOADER);
  t.hasStrict(reply, { giaddr: '10.0.9.1', hops: 0, to: '10.0.9.1:67' });
  t.equal(reply?.options.at(-1), '82:01020007', 'option 82 is copied');
});

test('the size that a client takes: option 57 in a DISCOVER only', async (t) => {
  const url = `http://10.0.0.2:8080/${'x'.repeat(300)}`;
  const size = (bytes: readonly number[]): ReadonlyArray<readonly [number, Uint8Array]> => [
    [57, Uint8Array.from(bytes)],
  ];
  const small = discoverPacket({ ...from('http-boot'), extra: size([2, 64]) });
  t.equal(answer(small, 67, { ...HTTP, url }), undefined, '576 is too small for this one');
  t.ok(answer(discoverPacket({ ...from('http-boot'), extra: size([5, 192]) }), 67, { ...HTTP, url }));
  t.ok(answer(discoverPacket({ ...from('uefi'), extra: size([0, 1]) }), 67, LOADER), 'nonsense counts as 576');
  const swapped = bootServerRequest({ ...from('uefi'), extra: size([0, 1]) }, '10.0.0.9' as Ipv4);
  t.ok(answer(swapped, 4011, LOADER), 'edk2 swaps its bytes in a REQUEST');
});

test('offers that real firmware took, made again from its own DISCOVER', async (t) => {
  // The laboratory's proxy was another program; siaddr, 43, 53, 54, 60, 67 and 97 must be the same.
  const rows: ReadonlyArray<readonly [string, BootDecision, OfferForm]> = [
    ['ovmf-pxe-offer-option43-local-boot', DISK, 'pxe10'],
    ['ovmf-secureboot-shim-grub212-pure-proxy', { ...LOADER, file: 'shimx64.efi' }, 'binl'],
    ['ovmf-uefi-http-boot-shim-grub212', { ...HTTP, url: 'http://10.78.0.2/sb/shimx64.efi' }, 'pxe10'],
  ];
  const segment = { ...SEGMENT, address: '10.78.0.2' as Ipv4 };
  for (const [name, decision, form] of rows) {
    const [discover] = requestsOf(name);
    const request = parsePacket(discover?.bytes ?? new Uint8Array());
    const theirs = capture(name).find((d) => d.from === '10.78.0.2' && d.toPort === 68);
    const offer = parsePacket(theirs?.bytes ?? new Uint8Array());
    if (!request.ok || !offer.ok) throw new Error(name);
    const ours = answer(request.packet, 67, decision, { form, segment });
    t.strictSame(
      ours?.options,
      [...offer.packet.options].map(([code, value]) => `${code}:${Buffer.from(value).toString('hex')}`),
      name,
    );
    for (const field of ['xid', 'siaddr', 'yiaddr', 'flags'] as const)
      t.equal(ours?.[field], offer.packet[field], `${name} ${field}`);
  }
});
