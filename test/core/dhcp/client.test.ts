import { test } from 'tap';
import { bootItem, readClient } from '../../../src/dhcp/client.ts';
import { bootServerRequest, discoverPacket, leaseRequest } from '../../../src/dhcp/discover.ts';
import { OPTION } from '../../../src/dhcp/options.ts';
import { type DhcpPacket, parsePacket } from '../../../src/dhcp/packet.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { requestsOf } from '../../support/dhcp-fixtures.ts';

/** `kind message port arch` of the requests in a capture; replies that a peer sent from port to port 4011 as their fault. */
function story(name: string): readonly string[] {
  return requestsOf(name).map(({ bytes, toPort }) => {
    const parsed = parsePacket(bytes);
    if (!parsed.ok) return parsed.fault;
    const client = readClient(parsed.packet, toPort === 4011 ? 4011 : 67);
    if (!client.ok) return client.fault;
    const { facts } = client;
    return `${facts.kind} ${facts.message} ${facts.port} ${facts.arch?.name}`;
  });
}

test('captured machines', async (t) => {
  const uefi = ['pxe discover 67 x64-uefi', 'pxe request 67 x64-uefi'];
  const http = ['http-boot discover 67 x64-uefi-http', 'http-boot request 67 x64-uefi-http'];
  const rows: ReadonlyArray<readonly [string, readonly string[]]> = [
    [
      'seabios-ipxe-rom-dnsmasq-proxy',
      ['ipxe discover 67 bios', 'ipxe discover 67 bios', 'ipxe request 67 bios', 'ipxe request 4011 bios'],
    ],
    [
      'ovmf-pxe-then-ipxe-dnsmasq-proxy',
      [
        ...uefi,
        'pxe request 4011 x64-uefi',
        'not-a-request',
        'ipxe discover 67 x64-uefi',
        'ipxe request 67 x64-uefi',
        'ipxe request 4011 x64-uefi',
      ],
    ],
    [
      'ovmf-pxe-ignored-then-http-boot-proxy',
      [
        ...Array.from({ length: 4 }, () => 'pxe discover 67 x64-uefi'),
        ...http,
        'ipxe discover 67 x64-uefi',
        'ipxe discover 67 x64-uefi',
        'ipxe request 67 x64-uefi',
      ],
    ],
    // iPXE 2.0.0 repeats the bare `PXEClient` of the proxy: told by option 93 all the same.
    [
      'ovmf-pxe-chained-ipxe2-bare-pxeclient',
      [
        ...uefi,
        'pxe request 4011 x64-uefi',
        'not-a-request',
        'ipxe discover 67 x64-uefi',
        'ipxe request 67 x64-uefi',
        'ipxe request 4011 x64-uefi',
      ],
    ],
    ['ovmf-pxe-offer-option43-local-boot', [...uefi, ...http]],
    ['ovmf-uefi-http-boot-shim-grub212', http],
    ['ovmf-secureboot-shim-grub212-pure-proxy', [...uefi, 'pxe request 4011 x64-uefi', 'not-a-request']],
    ['ovmf-secureboot-grub206-asks-dhcp-server', uefi],
    [
      'ovmf-pxe-dhcp-server-sends-option60-e16',
      [...uefi, ...Array.from({ length: 4 }, () => 'pxe request 4011 x64-uefi')],
    ],
  ];
  for (const [name, expected] of rows) t.strictSame(story(name), expected, name);
});

test('everything that one captured packet says', async (t) => {
  const [first] = requestsOf('seabios-ipxe-rom-dnsmasq-proxy');
  const parsed = parsePacket(first?.bytes ?? new Uint8Array());
  t.ok(parsed.ok);
  if (!parsed.ok) return;
  t.hasStrict(readClient(parsed.packet, 67), {
    ok: true,
    quirk: undefined,
    facts: {
      kind: 'ipxe',
      mac: '52:54:00:77:00:01',
      message: 'discover',
      port: 67,
      archNumber: 0,
      uuid: '00000000-0000-4000-8000-525400770001',
      vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
      userClass: 'iPXE',
      hostName: undefined,
      secs: 4,
      relay: undefined,
      address: undefined,
      serverId: undefined,
    },
  });
  const last = requestsOf('seabios-ipxe-rom-dnsmasq-proxy').at(-1);
  const asked = parsePacket(last?.bytes ?? new Uint8Array());
  t.ok(asked.ok && Buffer.from(bootItem(asked.packet) ?? []).toString('hex') === '80030000', 'boot item 43.71');
});

const MAC = '52:54:00:00:00:01' as Mac;
type Change = ReadonlyArray<readonly [number, Uint8Array | undefined]>;

/** A message of an imitated client with options replaced or (undefined) removed. */
function changed(packet: DhcpPacket, options: Change): DhcpPacket {
  const map = new Map(packet.options);
  for (const [code, value] of options) {
    if (value === undefined) map.delete(code);
    else map.set(code, value);
  }
  return { ...packet, options: map };
}

const uefi = discoverPacket({ client: 'uefi', mac: MAC, xid: 1 });
const ipxe = discoverPacket({ client: 'ipxe', mac: MAC, xid: 1 });
const of = (client: Parameters<typeof discoverPacket>[0]['client'], mac: Mac = MAC) =>
  discoverPacket({ client, mac, xid: 1 });

test('kinds and quirks', async (t) => {
  const rows: ReadonlyArray<readonly [string, DhcpPacket, object]> = [
    ['UEFI PXE', uefi, { kind: 'pxe', arch: 'x64-uefi' }],
    ['BIOS PXE', of('bios'), { kind: 'pxe', arch: 'bios' }],
    ['iPXE on UEFI', of('ipxe-uefi'), { kind: 'ipxe', arch: 'x64-uefi' }],
    ['HTTP boot', of('http-boot'), { kind: 'http-boot', arch: 'x64-uefi-http' }],
    ['the live system', of('installer'), { kind: 'installer', arch: undefined }],
    ['an office computer', of('plain'), { kind: 'other', arch: undefined }],
    ['bare PXEClient', changed(uefi, [[60, Buffer.from('PXEClient')]]), { kind: 'pxe', arch: 'x64-uefi' }],
    ['old x64 firmware: EBC', changed(uefi, [[93, Uint8Array.of(0, 9)]]), { kind: 'pxe', arch: 'x64-uefi' }],
    [
      'a list of architectures: the first known one',
      changed(uefi, [[93, Uint8Array.of(0, 200, 0, 7, 0, 6)]]),
      { kind: 'pxe', arch: 'x64-uefi' },
    ],
    [
      'an unknown architecture keeps its number',
      changed(uefi, [[93, Uint8Array.of(0, 27)]]),
      { kind: 'pxe', arch: undefined, archNumber: 27 },
    ],
    ['PXEClient without option 93', changed(uefi, [[93, undefined]]), { kind: 'other' }],
    ['option 93 of one byte', changed(uefi, [[93, Uint8Array.of(7)]]), { kind: 'other' }],
    ['option 93 without a class', changed(uefi, [[60, undefined]]), { kind: 'other' }],
    [
      'UUID and network interface type may be missing',
      changed(uefi, [
        [97, undefined],
        [94, undefined],
      ]),
      { kind: 'pxe' },
    ],
    [
      'GRUB (net_bootp): neither class nor architecture',
      changed(uefi, [
        [60, undefined],
        [93, undefined],
        [55, undefined],
      ]),
      { kind: 'other' },
    ],
    [
      'iPXE without HTTP',
      changed(ipxe, [[175, Uint8Array.of(0x15, 1, 1)]]),
      { kind: 'pxe', arch: 'bios', quirk: 'ipxe-without-http' },
    ],
    ['iPXE without option 175', changed(ipxe, [[175, undefined]]), { kind: 'pxe', quirk: 'ipxe-without-http' }],
    ['iPXE with a user class of its own build', changed(ipxe, [[77, Buffer.from('ACME')]]), { kind: 'ipxe' }],
    ['iPXE, user class by RFC 3004', changed(ipxe, [[77, Buffer.from('\x04iPXE', 'latin1')]]), { kind: 'ipxe' }],
    ['gPXE knows no iPXE script', changed(ipxe, [[77, Buffer.from('gPXE')]]), { kind: 'pxe', quirk: 'gpxe-rom' }],
    ['iPXE after HTTP boot repeats HTTPClient', changed(ipxe, [[60, Buffer.from('HTTPClient')]]), { kind: 'ipxe' }],
    [
      'Raspberry Pi says BIOS',
      of('bios', 'dc:a6:32:00:00:01' as Mac),
      { kind: 'pxe', arch: undefined, archNumber: 41, quirk: 'raspberry-pi-rom' },
    ],
    [
      'another card in a Raspberry Pi that loaded iPXE',
      of('ipxe', 'dc:a6:32:00:00:01' as Mac),
      { kind: 'ipxe', arch: 'bios' },
    ],
    [
      'HTTP client that asks for 250 and 251 is firmware',
      changed(of('http-boot'), [[55, Uint8Array.of(250, 251)]]),
      { kind: 'http-boot' },
    ],
    ['asks for 250 only', changed(of('plain'), [[55, Uint8Array.of(1, 250)]]), { kind: 'other' }],
    ['asks for 251 only', changed(of('plain'), [[55, Uint8Array.of(1, 251)]]), { kind: 'other' }],
    ['no option 53 (BOOTP)', changed(uefi, [[53, undefined]]), { kind: 'pxe', message: 'other' }],
    ['empty option 53', changed(uefi, [[53, new Uint8Array()]]), { message: 'other' }],
    ['RELEASE', changed(uefi, [[53, Uint8Array.of(7)]]), { message: 'other' }],
    ['host name', changed(of('installer'), [[12, Buffer.from('proxmox')]]), { kind: 'installer', hostName: 'proxmox' }],
    ['relayed', { ...uefi, giaddr: '10.0.9.1' as Ipv4 }, { relay: '10.0.9.1' }],
  ];
  for (const [name, packet, expected] of rows) {
    const client = readClient(packet, 67);
    t.hasStrict(
      client.ok ? { ...client.facts, arch: client.facts.arch?.name, quirk: client.quirk } : client,
      expected,
      name,
    );
  }
});

test('who is no client', async (t) => {
  const rows: ReadonlyArray<readonly [string, DhcpPacket, string]> = [
    ['a reply', { ...uefi, op: 2 }, 'not-a-request'],
    ['InfiniBand', { ...uefi, htype: 32, hlen: 0 }, 'not-ethernet'],
    ['hardware length 0', { ...uefi, hlen: 0 }, 'not-ethernet'],
    ['group address', { ...uefi, chaddr: uefi.chaddr.map((b, i) => (i === 0 ? 0x53 : b)) }, 'not-unicast-mac'],
    ['no address', { ...uefi, chaddr: new Uint8Array(16) }, 'not-unicast-mac'],
  ];
  for (const [name, packet, fault] of rows) t.strictSame(readClient(packet, 67), { ok: false, fault }, name);
});

test("a REQUEST on 67 is the DHCP server's, unless iPXE searches a boot server by broadcast", async (t) => {
  const item: readonly [number, Uint8Array] = [OPTION.vendorSpecific, Uint8Array.of(71, 4, 0x80, 3, 0, 0, 255)];
  const search = changed(bootServerRequest({ client: 'ipxe', mac: MAC, xid: 1 }, '10.0.0.9' as Ipv4), [item]);
  const lease = leaseRequest({ client: 'ipxe', mac: MAC, xid: 1 }, '10.0.0.1' as Ipv4, '10.0.0.9' as Ipv4);
  t.hasStrict(readClient(search, 67), { facts: { port: 4011, message: 'request', address: '10.0.0.9' } });
  t.hasStrict(readClient(lease, 67), { facts: { port: 67, message: 'request', serverId: '10.0.0.1' } });
  t.hasStrict(readClient(changed(lease, [item]), 67), { facts: { port: 67 } }, 'it names a DHCP server');
});
