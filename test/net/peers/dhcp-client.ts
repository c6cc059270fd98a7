/**
 * A client on one device, without any route: sends what standard input says and prints what comes back. Input: JSON `{ device, port, address?,
 * sends: [{hex, to, port}], expect, patienceMs? }`; output: JSON list of `{hex, from, port}` as soon as `expect` datagrams are there.
 */

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import { loadKernel } from '../../../src/net/socket.ts';

interface Order {
  readonly device: string;
  readonly port: number;
  readonly address?: Ipv4;
  readonly sends: ReadonlyArray<{ readonly hex: string; readonly to: string; readonly port: number }>;
  readonly expect: number;
  /** How long the answers may take; 15 s. */
  readonly patienceMs?: number;
}

const order = JSON.parse(readFileSync(0, 'utf8')) as Order;
const kernel = await loadKernel();
if (kernel === undefined) throw new Error('koffi does not load');
const fd = kernel.udpSocketOnDevice(order.device, order.address ?? ('0.0.0.0' as Ipv4), order.port, 4 << 20);
const socket = createSocket('udp4');
const received: { hex: string; from: string; port: number }[] = [];
const finish = (): void => {
  process.stdout.write(JSON.stringify(received), () => process.exit(0));
};
socket.on('message', (bytes, from) => {
  received.push({ hex: bytes.toString('hex'), from: from.address, port: from.port });
  if (received.length === order.expect) finish();
});
// Not a wait: only the way out when an answer never comes, so that the assertion can say which.
setTimeout(finish, order.patienceMs ?? 15_000);
socket.on('listening', () => {
  let left = order.sends.length;
  const sent = () => {
    left -= 1;
    if (left === 0 && order.expect === 0) finish();
  };
  for (const { hex, to, port } of order.sends) socket.send(Buffer.from(hex, 'hex'), port, to, sent);
});
socket.bind({ fd });
