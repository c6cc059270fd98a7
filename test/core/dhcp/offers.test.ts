import { test } from 'tap';
import type { ClientFacts } from '../../../src/boot/facts.ts';
import { readClient } from '../../../src/dhcp/client.ts';
import { bootServerRequest, discoverPacket, leaseRequest } from '../../../src/dhcp/discover.ts';
import { OfferMemory } from '../../../src/dhcp/offers.ts';
import { type DhcpPacket, parsePacket } from '../../../src/dhcp/packet.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { requestsOf } from '../../support/dhcp-fixtures.ts';

const MAC = '52:54:00:00:00:01' as Mac;
type Client = Parameters<typeof discoverPacket>[0]['client'];

function facts(packet: DhcpPacket, port: 67 | 4011 = 67): ClientFacts {
  const client = readClient(packet, port);
  if (!client.ok) throw new Error(client.fault);
  return client.facts;
}
const discover = (secs: number, client: Client = 'uefi', mac: Mac = MAC) =>
  facts(discoverPacket({ client, mac, xid: 1, secs }));
const request = facts(leaseRequest({ client: 'uefi', mac: MAC, xid: 1 }, '10.0.0.1' as Ipv4, '10.0.0.9' as Ipv4));
const bootRequest = facts(bootServerRequest({ client: 'uefi', mac: MAC, xid: 1 }, '10.0.0.9' as Ipv4), 4011);

test('which form an offer takes', async (t) => {
  const ipxe = Array.from({ length: 3 }, (_, i) => discover(4 + i, 'ipxe-uefi'));
  const rows: ReadonlyArray<readonly [string, readonly ClientFacts[], readonly string[]]> = [
    ['the first DISCOVER', [discover(0)], ['pxe10']],
    ['a fast repetition', [discover(0), discover(1)], ['pxe10', 'pxe10']],
    ['repeats after 4 s without a REQUEST', [discover(0), discover(4), discover(12)], ['pxe10', 'binl!', 'binl']],
    ['late first DISCOVER (port blocked by STP)', [discover(12)], ['pxe10']],
    ['a REQUEST in between: it took the offer', [discover(0), request, discover(4)], ['pxe10', 'pxe10', 'pxe10']],
    [
      'the form that worked stays',
      [discover(0), discover(4), request, bootRequest, discover(0)],
      ['pxe10', 'binl!', 'binl', 'binl', 'binl'],
    ],
    ['BIOS ROMs read PXE10', [discover(0, 'bios'), discover(4, 'bios')], ['pxe10', 'pxe10']],
    ["iPXE's secs are no seconds", ipxe, ['pxe10', 'pxe10', 'pxe10']],
    ['HTTP boot has one form', [discover(0, 'http-boot'), discover(4, 'http-boot')], ['pxe10', 'pxe10']],
    ['another machine', [discover(0), discover(4, 'uefi', '52:54:00:00:00:02' as Mac)], ['pxe10', 'pxe10']],
  ];
  for (const [name, packets, expected] of rows) {
    const memory = new OfferMemory();
    const forms = packets.map((packet) => {
      const { form, switched } = memory.note(packet);
      return switched ? `${form}!` : form;
    });
    t.strictSame(forms, expected, name);
  }
});

test('a captured machine whose PXE nobody answered', async (t) => {
  const memory = new OfferMemory();
  const forms = requestsOf('ovmf-pxe-ignored-then-http-boot-proxy')
    .slice(0, 4)
    .map(({ bytes }) => {
      const parsed = parsePacket(bytes);
      if (!parsed.ok) throw new Error(parsed.fault);
      return memory.note(facts(parsed.packet)).form;
    });
  t.strictSame(forms, ['pxe10', 'binl', 'binl', 'binl']);
});

test('the memory is bounded, and forgets the machine not heard of for longest', async (t) => {
  const memory = new OfferMemory(2);
  const mac = (n: number) => `52:54:00:00:00:0${n}` as Mac;
  memory.note(discover(0, 'uefi', mac(1)));
  memory.note(discover(0, 'uefi', mac(2)));
  memory.note(discover(1, 'uefi', mac(1)));
  memory.note(discover(0, 'uefi', mac(3)));
  t.equal(memory.size, 2);
  t.equal(memory.note(discover(4, 'uefi', mac(1))).form, 'binl', 'still known');
  t.equal(memory.note(discover(4, 'uefi', mac(2))).form, 'pxe10', 'forgotten');
});
