/** The npm package `dhcp` as a reader and writer of messages that we did not write. It knows neither 93, 94, 97 nor 175 (taught here), and needs 300 bytes of Ethernet. */
import { createRequire } from 'node:module';
import { test } from 'tap';
import { readClient } from '../../../src/dhcp/client.ts';
import { discoverPacket, encodeDiscover } from '../../../src/dhcp/discover.ts';
import { parsePacket } from '../../../src/dhcp/packet.ts';
import { buildReply } from '../../../src/dhcp/reply.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';

interface Message {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  readonly chaddr: string;
  readonly sname: string;
  readonly file: string;
  readonly options: Readonly<Record<number, unknown>>;
}
interface Protocol {
  parse(bytes: Buffer): Message & { readonly magicCookie: number };
  format(message: Message): { readonly _data: Buffer; readonly _w: number };
}

const require = createRequire(import.meta.url);
const protocol = require('dhcp/lib/protocol.js') as Protocol;
const { addOption } = require('dhcp/lib/options.js') as { addOption(code: number, option: object): void };
addOption(93, { name: 'arch', type: 'UInt16s' });
addOption(94, { name: 'ndi', type: 'UInt8s' });
addOption(97, { name: 'uuid', type: 'UInt8s' });
addOption(77, { name: 'user class', type: 'ASCII' });
addOption(175, { name: 'ipxe', type: 'UInt8s' });
addOption(43, { name: 'vendor', type: 'UInt8s' });

const MAC = '52:54:00:ab:cd:ef' as Mac;

test('our DISCOVER, read by the package', async (t) => {
  const bytes = encodeDiscover({
    client: 'uefi',
    mac: MAC,
    xid: 0x01020304,
    secs: 4,
    uuid: '00112233-4455-6677-8899-aabbccddeeff',
  });
  t.hasStrict(protocol.parse(Buffer.from(bytes)), {
    op: 1,
    htype: 1,
    hlen: 6,
    xid: 0x01020304,
    secs: 4,
    flags: 0x8000,
    chaddr: '52-54-00-AB-CD-EF',
    magicCookie: 0x63825363,
    options: { 53: 1, 57: 1472, 60: 'PXEClient:Arch:00007:UNDI:003000', 93: [7], 94: [1, 3, 0] },
  });
});

test('our offer, read by the package', async (t) => {
  const request = discoverPacket({ client: 'bios', mac: MAC, xid: 7 });
  const client = readClient(request, 67);
  if (!client.ok) throw new Error(client.fault);
  const reply = buildReply({
    request,
    facts: client.facts,
    decision: { kind: 'loader', file: 'undionly.kpxe', because: { code: 'armed', runId: 'r' } },
    segment: {
      interfaceName: 'eno1',
      address: '10.0.0.2' as Ipv4,
      prefixLength: 24,
      httpUrl: 'http://10.0.0.2:8080',
      httpsUrl: 'https://10.0.0.2:8443',
    },
    source: { address: '0.0.0.0' as Ipv4, port: 68 },
    form: 'pxe10',
  });
  t.hasStrict(protocol.parse(Buffer.from(reply?.bytes ?? [])), {
    op: 2,
    xid: 7,
    yiaddr: '0.0.0.0',
    siaddr: '10.0.0.2',
    sname: '10.0.0.2',
    file: 'undionly.kpxe',
    options: { 53: 2, 54: '10.0.0.2', 60: 'PXEClient', 43: [6, 1, 8, 255] },
  });
});

test("the package's message, read by us", async (t) => {
  const written = protocol.format({
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0xcafe,
    secs: 3,
    flags: 0x8000,
    ciaddr: '0.0.0.0',
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '10.0.9.1',
    chaddr: '52-54-00-AB-CD-EF',
    sname: '',
    file: '',
    options: {
      53: 1,
      12: 'pve1',
      55: [1, 3, 43],
      60: 'PXEClient:Arch:00007:UNDI:003000',
      77: 'iPXE',
      93: [7],
      175: [0x13, 1, 1],
    },
  });
  const parsed = parsePacket(written._data.subarray(0, written._w));
  t.ok(parsed.ok);
  if (!parsed.ok) return;
  const client = readClient(parsed.packet, 67);
  t.hasStrict(client, {
    ok: true,
    facts: {
      kind: 'ipxe',
      mac: MAC,
      message: 'discover',
      archNumber: 7,
      hostName: 'pve1',
      userClass: 'iPXE',
      secs: 3,
      relay: '10.0.9.1',
    },
  });
});
