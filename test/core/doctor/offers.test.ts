/** What each kind of DHCP server means for a machine: the table of netboot.md 2.4 to 2.6, row by row. */
import { test } from 'tap';
import type { BootDecision } from '../../../src/boot/decision.ts';
import { readClient } from '../../../src/dhcp/client.ts';
import { discoverPacket, type ImitatedClient } from '../../../src/dhcp/discover.ts';
import { address, ascii, byte, MESSAGE, OPTION } from '../../../src/dhcp/options.ts';
import { type DhcpPacket, encodePacket, NO_ADDRESS, parsePacket } from '../../../src/dhcp/packet.ts';
import { BOOT_LOCALLY, encodeSubOptions, USE_BOOT_FILE } from '../../../src/dhcp/pxe.ts';
import { buildReply } from '../../../src/dhcp/reply.ts';
import type { Result } from '../../../src/doctor/finding.ts';
import { judgeOffers, type Offer, type Segments } from '../../../src/doctor/offers.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';

const US = '10.0.0.2' as Ipv4;
const SERVER = '10.0.0.1' as Ipv4;
const OTHER = '10.0.0.7' as Ipv4;
const SEGMENT: Segments = {
  interfaceName: 'eno1',
  address: US,
  ownAddresses: ['127.0.0.1' as Ipv4, US],
  loaders: ['undionly.kpxe', 'ipxe-x86_64.efi'],
  served: true,
  canHear: true,
};

interface Sent {
  readonly yiaddr?: string;
  readonly siaddr?: Ipv4;
  readonly file?: string;
  readonly server?: Ipv4;
  readonly client?: string;
  readonly options?: ReadonlyArray<readonly [number, Uint8Array]>;
}

/** An OFFER that went over the wire once. */
function offer({
  client = 'UEFI',
  file = '',
  options = [],
  server = SERVER,
  siaddr = SERVER,
  yiaddr = '10.0.0.50',
}: Sent): Offer {
  const packet: DhcpPacket = {
    ...discoverPacket({ client: 'uefi', mac: '52:54:00:00:00:01' as Mac, xid: 7 }),
    op: 2,
    yiaddr: yiaddr as Ipv4,
    siaddr,
    file,
    options: new Map([[OPTION.messageType, byte(MESSAGE.offer)], [OPTION.serverId, address(server)], ...options]),
  };
  const parsed = parsePacket(encodePacket(packet));
  if (!parsed.ok) throw new Error(parsed.fault);
  return { client, source: server, packet: parsed.packet };
}

const pxeClass = [OPTION.vendorClass, ascii('PXEClient')] as const;
const proxy = { yiaddr: NO_ADDRESS };
const UNIFI = encodeSubOptions([[1, [10, 0, 0, 9]]]);

const ROWS: ReadonlyArray<readonly [string, Sent, Result, string, RegExp]> = [
  ['a lease server that says nothing', { siaddr: NO_ADDRESS }, 'ok', 'dhcp.lease-server', /no boot options/],
  ['one that names itself (dnsmasq, routers)', {}, 'ok', 'dhcp.lease-server', /next-server 10\.0\.0\.1/],
  ['next-server = us', { siaddr: US }, 'ok', 'dhcp.lease-server', /next-server 10\.0\.0\.2/],
  ['next-server = a third machine', { siaddr: OTHER }, 'warning', 'dhcp.next-server', /GRUB 2\.06/],
  ['option 66 = a third machine', { options: [[66, ascii('10.0.0.7')]] }, 'warning', 'dhcp.next-server', /option 66/],
  ['option 66 = a name', { options: [[66, ascii('tftp.lan')]] }, 'warning', 'dhcp.next-server', /'tftp\.lan'/],
  ['option 66 = us', { options: [[66, ascii(US)]] }, 'ok', 'dhcp.lease-server', /option 66 '10\.0\.0\.2'/],
  ['option 43 of another trade', { options: [[43, UNIFI]] }, 'ok', 'dhcp.lease-server', /option 43, asked/],
  [
    'option 67 alone',
    { options: [[67, ascii('x.efi\0')]] },
    'warning',
    'dhcp.option-67',
    /option 67 'x\.efi'.*iPXE may/,
  ],
  [
    'a boot file in the header',
    { file: 'pxelinux.0', siaddr: OTHER },
    'problem',
    'dhcp.boot-file',
    /shim and GRUB follow/,
  ],
  ['a foreign boot file on us', { file: 'pxelinux.0', siaddr: US }, 'problem', 'dhcp.boot-file', /pxelinux/],
  ['our loader on us', { file: 'undionly.kpxe', siaddr: US }, 'ok', 'dhcp.points-to-us', /our own loader/],
  ['our loader elsewhere', { file: 'undionly.kpxe', siaddr: OTHER }, 'problem', 'dhcp.boot-file', /10\.0\.0\.7/],
  ['option 60', { options: [pxeClass] }, 'problem', 'dhcp.option-60', /10\.0\.0\.1 on port 4011 and ends with PXE-E16/],
  [
    'option 60, no siaddr',
    { siaddr: NO_ADDRESS, options: [pxeClass] },
    'problem',
    'dhcp.option-60',
    /asks 10\.0\.0\.1/,
  ],
  ['option 60 and a file', { file: 'x', options: [pxeClass] }, 'problem', 'dhcp.option-60', /boot file 'x'/],
  ['option 60, next-server = us', { siaddr: US, options: [pxeClass] }, 'ok', 'dhcp.points-to-us', /us on port 4011/],
  [
    'option 60 and 43 to us',
    { siaddr: US, file: 'x', options: [pxeClass, [43, USE_BOOT_FILE]] },
    'warning',
    'dhcp.option-43',
    /goes before ours/,
  ],
  ['option 60 of another class', { options: [[60, ascii('MSFT 5.0')]] }, 'ok', 'dhcp.lease-server', /MSFT/],
  [
    'a lease server on this host',
    { server: US, siaddr: US },
    'ok',
    'dhcp.lease-server',
    /another program on this host/,
  ],
  ['control characters in a name', { file: 'a\u001b[2J', siaddr: OTHER }, 'problem', 'dhcp.boot-file', /'a\?\[2J'/],
];

const PROXIES: typeof ROWS = [
  [
    'a proxy that boots',
    { ...proxy, server: OTHER, options: [pxeClass, [43, USE_BOOT_FILE]] },
    'problem',
    'dhcp.other-proxy',
    /^10\.0\.0\.7 is another proxyDHCP.*option 43 \(PXE\)/,
  ],
  [
    'a proxy with port 4011',
    { ...proxy, server: OTHER, options: [pxeClass] },
    'problem',
    'dhcp.other-proxy',
    /chance decides/,
  ],
  [
    'a proxy that sends to the disk',
    { ...proxy, server: OTHER, options: [pxeClass, [43, BOOT_LOCALLY]] },
    'problem',
    'dhcp.other-proxy',
    /10\.0\.0\.7/,
  ],
  [
    'a proxy on this host',
    { ...proxy, server: US, options: [pxeClass] },
    'problem',
    'dhcp.other-proxy',
    /another program on this host/,
  ],
  ['a proxy without a class', { ...proxy, server: OTHER }, 'ok', 'dhcp.harmless-proxy', /firmware drops/],
];

test('one lease server', async (t) => {
  for (const [name, sent, result, code, message] of ROWS) {
    const findings = judgeOffers([offer(sent)], SEGMENT);
    t.match(findings, [{ check: 'dhcp', result, code, message }], name);
    t.equal(findings.length, 1, name);
    t.equal(findings[0]?.remedy !== undefined, result !== 'ok', `${name}: a remedy where one is needed`);
  }
});

test('a proxy beside a plain lease server', async (t) => {
  for (const [name, sent, result, code, message] of PROXIES) {
    const findings = judgeOffers([offer({}), offer(sent)], SEGMENT);
    t.match(findings, [{ code: 'dhcp.lease-server' }, { result, code, message }], name);
  }
});

test('nobody who leases addresses', async (t) => {
  t.match(judgeOffers([], SEGMENT), [{ result: 'problem', code: 'dhcp.no-server', message: /eno1/ }]);
  const alone = judgeOffers([offer({ ...proxy, options: [pxeClass] })], SEGMENT);
  t.strictSame(
    alone.map(({ code }) => code),
    ['dhcp.no-server', 'dhcp.other-proxy'],
  );
  t.match(
    judgeOffers([], { ...SEGMENT, canHear: false }),
    [{ result: 'warning', code: 'dhcp.deaf' }],
    'deaf is not the same as nobody',
  );
});

test('equal answers are one finding, different ones say to whom they go', async (t) => {
  const twice = [offer({ client: 'BIOS' }), offer({ client: 'UEFI' }), offer({ client: 'UEFI', yiaddr: '10.0.0.51' })];
  t.equal(judgeOffers(twice, SEGMENT).length, 1);
  const both = judgeOffers(
    [offer({ client: 'BIOS', file: 'a.kpxe', siaddr: OTHER }), offer({ client: 'UEFI', file: 'a.efi', siaddr: OTHER })],
    SEGMENT,
  );
  t.match(both, [{ message: /'a\.kpxe', asked as BIOS/ }, { message: /'a\.efi', asked as UEFI/ }]);
  const servers = [offer({}), offer({ server: OTHER, siaddr: OTHER })];
  t.equal(judgeOffers(servers, SEGMENT).length, 2, 'two servers are two findings');
});

test('a server without option 54 is known by siaddr, else by where it came from', async (t) => {
  const strip = (given: Offer): Offer => {
    const options = new Map(given.packet.options);
    options.delete(OPTION.serverId);
    return { ...given, packet: { ...given.packet, options } };
  };
  t.match(judgeOffers([strip(offer({ siaddr: OTHER }))], SEGMENT)[0]?.message, /^the DHCP server 10\.0\.0\.7/);
  t.match(judgeOffers([strip(offer({ siaddr: NO_ADDRESS }))], SEGMENT)[0]?.message, /^the DHCP server 10\.0\.0\.1/);
});

/** What our own server sends to this client. */
function own(client: ImitatedClient, decision: BootDecision): Offer {
  const request = discoverPacket({ client, mac: '52:54:00:00:00:01' as Mac, xid: 7 });
  const read = readClient(request, 67);
  if (!read.ok) throw new Error(read.fault);
  const segment = {
    interfaceName: 'eno1',
    address: US,
    prefixLength: 24,
    httpUrl: 'http://10.0.0.2:8080',
    httpsUrl: '',
  };
  const source = { address: NO_ADDRESS, port: 68 };
  const reply = buildReply({ request, facts: read.facts, decision, segment, source, form: 'pxe10' });
  const parsed = parsePacket(reply?.bytes ?? new Uint8Array());
  if (!parsed.ok) throw new Error(parsed.fault);
  return { client, source: US, packet: parsed.packet };
}

test('our own daemon is no other proxyDHCP server', async (t) => {
  const because = { code: 'no-armed-run' } as const;
  const offers = [
    own('bios', { kind: 'local-disk', because }),
    own('uefi', { kind: 'loader', file: 'ipxe-x86_64.efi', because }),
    own('http-boot', { kind: 'http-loader', url: 'http://10.0.0.2:8080/boot/loaders/ipxe-x86_64.efi', because }),
    own('ipxe', { kind: 'script', url: 'http://10.0.0.2:8080/boot/script/x', because }),
  ];
  t.match(
    judgeOffers([offer({}), ...offers], SEGMENT),
    [{ code: 'dhcp.lease-server' }, { result: 'warning', code: 'dhcp.own-offer', remedy: /Restart the daemon/ }],
    'one finding for all of them',
  );
  for (const [name, sent, segment] of [
    [
      'while our daemon has not the port, another program on this host made them',
      offers,
      { ...SEGMENT, served: false },
    ],
    ['from another address', offers, { ...SEGMENT, address: OTHER }],
    ['a dnsmasq beside us', [offer({ ...proxy, server: US, siaddr: US, options: [pxeClass] })], SEGMENT],
  ] as const) {
    const codes = new Set(judgeOffers([offer({}), ...sent], segment).map(({ code }) => code));
    t.notOk(codes.has('dhcp.own-offer'), name);
    t.ok(codes.has('dhcp.other-proxy'), name);
  }
});
