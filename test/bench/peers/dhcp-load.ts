/**
 * The clients of dhcp.ts and daemon.ts, in a process of their own inside a namespace. Argument: JSON `{ device, clients, outstanding }`: so many
 * machines send one DISCOVER each, never more than `outstanding` unanswered; with `macs` they are no more than so many machines, who ask again.
 * Prints JSON `{ answered, msToOffer: [...] }`.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encodeDiscover } from '../../../src/dhcp/discover.ts';
import { MESSAGE, OPTION } from '../../../src/dhcp/options.ts';
import { parsePacket } from '../../../src/dhcp/packet.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { loadKernel } from '../../../src/net/socket.ts';

interface Order {
  readonly device: string;
  readonly clients: number;
  readonly outstanding: number;
  readonly macs?: number;
}

/** Without an answer for so long a client would ask again: the DISCOVER counts as lost. */
const LOST_AFTER_MS = 1000;

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const kernel = await loadKernel();
if (kernel === undefined) throw new Error('koffi does not load');
const socket = createSocket('udp4');
const listening = once(socket, 'listening');
socket.bind({ fd: kernel.udpSocketOnDevice(order.device, '0.0.0.0' as Ipv4, 68, 8 << 20) });
await listening;

const packets = Array.from({ length: order.clients }, (_, index) => {
  const machine = order.macs === undefined ? index : index % order.macs;
  const tail = [machine >> 16, machine >> 8, machine]
    .map((part) => (part & 255).toString(16).padStart(2, '0'))
    .join(':');
  return encodeDiscover({ client: 'uefi', mac: parseMac(`52:54:00:${tail}`), xid: index + 1 });
});
const sentAt = new Map<number, number>();
const msToOffer: number[] = [];
let next = 0;
let lost = 0;

function sendNext(): void {
  const packet = packets[next];
  if (packet === undefined) return;
  const xid = ++next;
  sentAt.set(xid, performance.now());
  socket.send(packet, 67, '255.255.255.255');
}

function report(): void {
  process.stdout.write(JSON.stringify({ answered: msToOffer.length, msToOffer }), () => process.exit(0));
}

socket.on('message', (bytes) => {
  const now = performance.now();
  const parsed = parsePacket(bytes);
  if (!parsed.ok || parsed.packet.options.get(OPTION.messageType)?.[0] !== MESSAGE.offer) return;
  const since = sentAt.get(parsed.packet.xid);
  if (since === undefined || !sentAt.delete(parsed.packet.xid)) return;
  msToOffer.push(now - since);
  if (msToOffer.length + lost === order.clients) report();
  else sendNext();
});
setInterval(() => {
  const now = performance.now();
  for (const [xid, since] of sentAt) {
    if (now - since < LOST_AFTER_MS) continue;
    sentAt.delete(xid);
    lost++;
    sendNext();
  }
  if (msToOffer.length + lost === order.clients) report();
}, 50);
for (let count = 0; count < order.outstanding; count++) sendNext();
