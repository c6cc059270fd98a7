/**
 * The kernel's own list of UDP sockets (sock_diag(7), linux/inet_diag.h): unlike /proc/net/udp it tells which device a socket is bound to. Messages only,
 * in host byte order, which is little-endian on everything that Ironwake runs on; sending them is `net/socket.ts`'s part.
 */
import { type Ipv4, ipv4FromBytes } from './ipv4.ts';

export interface UdpSocket {
  readonly address: Ipv4;
  readonly port: number;
  /** Index of the interface that it is bound to, 0 for none. */
  readonly interfaceIndex: number;
  readonly inode: number;
}

const HEADER_BYTES = 16;
const SOCK_DIAG_BY_FAMILY = 20;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const AF_INET = 2;
const IPPROTO_UDP = 17;

/** Asks for all IPv4 UDP sockets of our network namespace that are bound to a port. */
export function udpSocketsRequest(port: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 56);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt8(AF_INET, 16);
  bytes.writeUInt8(IPPROTO_UDP, 17);
  // In every state.
  bytes.writeUInt32LE(0xffff_ffff, 20);
  bytes.writeUInt16BE(port, 24);
  return bytes;
}

/**
 * Reads one datagram of the answer.
 * @returns the sockets in it, and whether it was the last one; undefined when the kernel refused, or it cannot be read
 */
export function readUdpSockets(
  bytes: Buffer,
): { readonly sockets: readonly UdpSocket[]; readonly last: boolean } | undefined {
  const sockets: UdpSocket[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) return undefined;
    const type = bytes.readUInt16LE(at + 4);
    if (type === NLMSG_DONE) return { sockets, last: true };
    if (type === NLMSG_ERROR) return undefined;
    // struct inet_diag_msg, 72 bytes: 4 of state, then the ports, addresses and device of the socket.
    if (type === SOCK_DIAG_BY_FAMILY && length >= HEADER_BYTES + 72 && bytes.readUInt8(at + 16) === AF_INET)
      sockets.push({
        port: bytes.readUInt16BE(at + 20),
        address: ipv4FromBytes(bytes.subarray(at + 24, at + 28)),
        interfaceIndex: bytes.readUInt32LE(at + 56),
        inode: bytes.readUInt32LE(at + 84),
      });
    at += (length + 3) & ~3;
  }
  return { sockets, last: false };
}
