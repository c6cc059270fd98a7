/**
 * The socket of one transfer: bound to the address that was asked, connected to the client. Connected means that the kernel checks the
 * transfer identifiers (RFC 1350, section 4), and that a port that closed is heard of.
 */
import { createSocket, type Socket } from 'node:dgram';
import { systemCode } from '../errors.ts';
import type { Ipv4 } from '../net/ipv4.ts';

export interface TransferSocket {
  /** Sends the packets that stand one behind the other in `bytes`, each `stride` long and the last one perhaps shorter. */
  send(bytes: Buffer, stride: number): void;
  close(): void;
}

export interface TransferSocketEvents {
  packet(bytes: Buffer): void;
  /** ICMP port unreachable: the client has closed its port. */
  portClosed(): void;
  /** Anything else that went wrong, by its system code; the retransmission timer is the remedy. */
  trouble(code: string): void;
}

export interface TransferSocketOptions {
  readonly local: Ipv4;
  readonly remote: { readonly address: Ipv4; readonly port: number };
  /** Bytes of a full packet, and how many of them go out at once: with this a socket may choose how it sends. */
  readonly stride: number;
  readonly windowsize: number;
}

/** @throws system errors of socket, bind and connect */
export type OpenTransferSocket = (
  options: TransferSocketOptions,
  events: TransferSocketEvents,
) => Promise<TransferSocket>;

/** A plain datagram socket: one system call for each packet. */
export const openPlainSocket: OpenTransferSocket = async ({ local, remote }, events) => {
  const socket = createSocket('udp4');
  await settled(socket, 'listening', () => socket.bind({ address: local, port: 0, exclusive: true }));
  const { close } = await connectSocket(socket, remote, events);
  return { send: (bytes, stride) => sendEach(socket, bytes, stride), close };
};

/** Connects a bound socket and wires its events; `failed` takes the errors of single sends. The socket is closed when connecting fails. */
export async function connectSocket(
  socket: Socket,
  remote: TransferSocketOptions['remote'],
  events: TransferSocketEvents,
): Promise<{ readonly failed: (error: Error) => void; readonly close: () => void }> {
  await settled(socket, 'connect', () => socket.connect(remote.port, remote.address));
  const failed = (error: Error) => {
    const code = systemCode(error) ?? 'unknown';
    if (code === 'ECONNREFUSED') events.portClosed();
    else events.trouble(code);
  };
  socket.on('message', (bytes) => events.packet(bytes));
  socket.on('error', failed);
  return { failed, close: () => socket.close() };
}

export function sendEach(socket: Socket, bytes: Buffer, stride: number): void {
  for (let at = 0; at < bytes.length; at += stride) socket.send(bytes.subarray(at, at + stride));
}

/** Waits for `event`; on an error before it the socket is closed and the error thrown. */
export async function settled(socket: Socket, event: 'listening' | 'connect', start: () => void): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      // bind({ fd }) emits 'listening' before it returns: listen first.
      socket.once(event, () => {
        socket.off('error', reject);
        resolve();
      });
      start();
    });
  } catch (error) {
    socket.close();
    throw error;
  }
}
