/** What captured clients say of the leases that they take. */
import { test } from 'tap';
import { takenLease } from '../../../src/dhcp/lease.ts';
import { parsePacket } from '../../../src/dhcp/packet.ts';
import { createLeases } from '../../../src/journey/leases.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import { requestsOf } from '../../support/dhcp-fixtures.ts';

test('captured machines name address and server when they take an offer, and at no other time', async (t) => {
  for (const [name, wanted] of [
    ['seabios-ipxe-rom-dnsmasq-proxy', 1],
    ['ovmf-pxe-then-ipxe-dnsmasq-proxy', 2],
    ['ovmf-uefi-http-boot-shim-grub212', 1],
  ] as const) {
    const taken = requestsOf(name).flatMap(({ bytes }) => {
      const parsed = parsePacket(bytes);
      return parsed.ok ? (takenLease(parsed.packet) ?? []) : [];
    });
    t.ok(taken.length >= wanted, `${name}: ${JSON.stringify(taken)}`);
    for (const { server, address } of taken) t.not(server, address);
  }
});

test('the range of a server is what lies between the addresses that it was seen to give', async (t) => {
  const leases = createLeases();
  const [dhcp, other] = ['192.0.2.1' as Ipv4, '192.0.2.2' as Ipv4];
  const note = (server: Ipv4, ...hosts: readonly number[]) => {
    for (const host of hosts) leases.note({ server, address: `192.0.2.${host}` as Ipv4 });
  };
  note(dhcp, 100, 150);
  note(other, 20);
  for (const [host, wanted] of [
    [99, undefined],
    [100, { server: dhcp, from: '192.0.2.100', to: '192.0.2.100' }],
    [120, { server: dhcp, from: '192.0.2.100', to: '192.0.2.150' }],
    [151, undefined],
    [20, { server: other, from: '192.0.2.20', to: '192.0.2.20' }],
  ] as const) {
    t.strictSame(leases.rangeAround(`192.0.2.${host}` as Ipv4), wanted, String(host));
  }
  leases.note({ server: dhcp, address: '198.51.100.9' as Ipv4 });
  t.equal(
    leases.rangeAround('192.0.2.200' as Ipv4),
    undefined,
    'a lease far away does not make everything in between its range',
  );
});

test('somebody who invents servers and addresses fills nothing', async (t) => {
  const leases = createLeases();
  for (let i = 0; i < 20_000; i += 1) {
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` as Ipv4;
    leases.note({ server: `192.0.2.${i % 200}` as Ipv4, address });
  }
  t.equal(leases.rangeAround('10.0.0.1' as Ipv4), undefined, 'the oldest are forgotten');
});
