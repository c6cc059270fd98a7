/**
 * The one file that makes sockets through the C library, by koffi. Node's dgram can neither bind to a device nor tell where a broadcast came in, so
 * `socket`, SO_BINDTODEVICE and `bind` are called here and the descriptor is handed to dgram. A wrong pointer would crash the daemon: every
 * native call of this room stands in `loadKernel`.
 */
import { createSocket, type Socket } from 'node:dgram';
import { fstatSync } from 'node:fs';
import { IronwakeError } from '../errors.ts';
import { indexOfInterface } from './interfaces.ts';
import { type Ipv4, ipv4ToBytes } from './ipv4.ts';
import { bindError, portInUse } from './port-holder.ts';
import { readUdpSockets, type UdpSocket, udpSocketsRequest } from './socket-diag.ts';

/** The few calls that Node lacks. */
export interface Kernel {
  /**
   * A non-blocking UDP socket, bound to a device and to `address:port`, with SO_REUSEADDR and SO_BROADCAST.
   * @throws Error with `code` (`ENODEV`, `EADDRINUSE`, `EACCES`, ...) and `syscall`
   */
  udpSocketOnDevice(device: string, address: Ipv4, port: number, receiveBufferBytes: number): number;
  /** All IPv4 UDP sockets of this network namespace on a port, other processes' too; undefined where the kernel does not tell. */
  udpSockets(port: number): readonly UdpSocket[] | undefined;
}

export interface UdpMessage {
  readonly bytes: Uint8Array;
  readonly address: Ipv4;
  readonly port: number;
}

/** A bound UDP socket. `close` may be called twice. */
export interface UdpPort {
  readonly port: number;
  /** False where packets of other interfaces arrive too (no koffi). */
  readonly deviceBound: boolean;
  /** What the kernel granted, as it counts (twice the payload). */
  readonly receiveBufferBytes: number;
  /** Resolves when the kernel has taken the datagram. @throws the system's error (`ENETUNREACH`, `ENETDOWN`, ...) */
  send(bytes: Uint8Array, address: Ipv4, port: number): Promise<void>;
  close(): Promise<void>;
}

export interface UdpHandlers {
  readonly onMessage: (message: UdpMessage) => void;
  /** An error of the open socket; it goes on listening. */
  readonly onError: (error: Error) => void;
}

const LIMITED_BROADCAST = '255.255.255.255' as Ipv4;
/** 500 machines powered on together fit; the kernel's usual 208 KiB hold some 170 DISCOVERs (measured). */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

const AF_INET = 2;
const AF_NETLINK = 16;
const NETLINK_SOCK_DIAG = 4;
const MSG_DONTWAIT = 0x40;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;

/** The C library through koffi, or undefined where koffi does not load (another platform, a missing prebuilt file). Loaded once. */
export function loadKernel(): Promise<Kernel | undefined> {
  loading ??= importKernel().catch(() => undefined);
  return loading;
}
let loading: Promise<Kernel | undefined> | undefined;

async function importKernel(): Promise<Kernel> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)');
  const bind = libc.func('int bind(int fd, const void *address, uint32_t length)');
  const close = libc.func('int close(int fd)');
  const send = libc.func('int64_t send(int fd, const void *bytes, size_t length, int flags)');
  const recv = libc.func('int64_t recv(int fd, void *bytes, size_t length, int flags)');
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  const check = (result: number, syscall: string): number => {
    if (result >= 0) return result;
    const number = koffi.errno();
    const code = names.get(number) ?? `errno ${number}`;
    throw Object.assign(new Error(`${syscall}: ${code}`), { code, syscall });
  };
  const int = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  return {
    udpSocketOnDevice(device, address, port, receiveBufferBytes) {
      const fd: number = check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
      try {
        const name = Buffer.from(`${device}\0`);
        check(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length), 'setsockopt(SO_BINDTODEVICE)');
        check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4), 'setsockopt(SO_REUSEADDR)');
        check(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, int(1), 4), 'setsockopt(SO_BROADCAST)');
        // Beyond net.core.rmem_max only with CAP_NET_ADMIN; the plain option takes what is allowed.
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int(receiveBufferBytes), 4) < 0)
          check(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int(receiveBufferBytes), 4), 'setsockopt(SO_RCVBUF)');
        // struct sockaddr_in: family in host order, port and address in network order.
        const name4 = Buffer.alloc(16);
        name4.writeUInt16LE(AF_INET, 0);
        name4.writeUInt16BE(port, 2);
        name4.set(ipv4ToBytes(address), 4);
        check(bind(fd, name4, name4.length), 'bind');
        return fd;
      } catch (error) {
        close(fd);
        throw error;
      }
    },
    udpSockets(port) {
      const fd: number = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
      if (fd < 0) return undefined;
      try {
        const request = udpSocketsRequest(port);
        // To the kernel: no address is needed. It has answered before this returns, part by part as they are read.
        if (Number(send(fd, request, request.length, 0)) !== request.length) return undefined;
        const found: UdpSocket[] = [];
        const answer = Buffer.alloc(64 * 1024);
        for (;;) {
          const length = Number(recv(fd, answer, answer.length, MSG_DONTWAIT));
          const part = length > 0 ? readUdpSockets(answer.subarray(0, length)) : undefined;
          if (part === undefined) return undefined;
          found.push(...part.sockets);
          if (part.last) return found;
        }
      } finally {
        close(fd);
      }
    },
  };
}

export interface BroadcastPortOptions {
  readonly interfaceName: string;
  /** The interface's own address. */
  readonly address: Ipv4;
  readonly port: number;
  readonly handlers: UdpHandlers;
  /** From `loadKernel`; undefined takes the way without koffi. */
  readonly kernel: Kernel | undefined;
  /**
   * Refuse to stand beside another socket for the broadcasts of this interface: two of us would both answer every machine. SO_REUSEADDR, which is there for the
   * DHCP servers that listen on all addresses, lets it in. Not seen without koffi.
   */
  readonly alone?: boolean;
}

/**
 * The socket for a server of broadcasts (DHCP, port 67): hears the limited broadcasts of one interface, answers out of it without any
 * route, and leaves unicast to a DHCP server on the same host, because it is bound to 255.255.255.255 (node-stack.md 3.1).
 *
 * Without koffi two plain sockets stand in: a receiver on 255.255.255.255, which hears every interface, and a sender on the interface's address, which
 * makes the kernel choose the interface. The sender then takes unicast from a DHCP server on the same host, so the caller must say so loudly.
 *
 * On loopback, which has no broadcast, it is bound to the address itself (tests).
 * @throws IronwakeError `net.interface-missing`, and what `bindError` makes
 */
export async function openBroadcastPort(options: BroadcastPortOptions): Promise<UdpPort> {
  const { interfaceName, address, port, handlers, kernel } = options;
  const where = `UDP port ${port} on ${interfaceName}`;
  if (address.startsWith('127.')) return openUdpPort({ address, port, handlers });
  if (kernel === undefined) {
    const receiver = await bound({ address: LIMITED_BROADCAST, port, reuseAddr: true }, handlers, where);
    try {
      const deaf = { onMessage: () => {}, onError: handlers.onError };
      const sender = await bound({ address, port, reuseAddr: true }, deaf, where);
      sender.setBroadcast(true);
      return {
        ...portOver(sender, false),
        receiveBufferBytes: receiver.getRecvBufferSize(),
        close: async () => {
          await Promise.all([closed(receiver), closed(sender)]);
        },
      };
    } catch (error) {
      await closed(receiver);
      throw error;
    }
  }
  let fd: number;
  try {
    fd = kernel.udpSocketOnDevice(interfaceName, LIMITED_BROADCAST, port, RECEIVE_BUFFER_BYTES);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENODEV')
      throw new IronwakeError({
        kind: 'unavailable',
        code: 'net.interface-missing',
        field: 'interface',
        message: `this host has no interface '${interfaceName}'`,
        remedy: 'Check the name with: ip -br address.',
        cause,
      });
    throw await bindError('udp', port, where, cause);
  }
  const broadcast = portOver(await bound({ fd }, handlers, where), true);
  // After the bind, so that of two that start at the same time none goes on unseen.
  const rival = options.alone === true ? await rivalOf(fd, interfaceName, broadcast.port, kernel) : undefined;
  if (rival === undefined) return broadcast;
  await broadcast.close();
  throw await portInUse('udp', port, where, String(rival.inode));
}

/** Another socket that hears the same broadcasts. */
async function rivalOf(
  fd: number,
  interfaceName: string,
  port: number,
  kernel: Kernel,
): Promise<UdpSocket | undefined> {
  const own = fstatSync(fd).ino;
  const index = await indexOfInterface(interfaceName);
  return kernel
    .udpSockets(port)
    ?.find(
      (socket) =>
        socket.address === LIMITED_BROADCAST &&
        socket.inode !== own &&
        (socket.interfaceIndex === 0 || socket.interfaceIndex === index),
    );
}

/**
 * A plain UDP socket on one address of ours: unicast, answers come from this address and port.
 * @throws IronwakeError, see `bindError`
 */
export async function openUdpPort(options: {
  readonly address: Ipv4;
  readonly port: number;
  readonly handlers: UdpHandlers;
}): Promise<UdpPort> {
  const { address, port, handlers } = options;
  return portOver(await bound({ address, port, reuseAddr: false }, handlers, `UDP ${address}:${port}`), false);
}

type Binding = { readonly fd: number } | { readonly address: Ipv4; readonly port: number; readonly reuseAddr: boolean };

async function bound(binding: Binding, handlers: UdpHandlers, where: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: 'reuseAddr' in binding && binding.reuseAddr });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      // bind({ fd }) emits 'listening' before it returns: listen first.
      socket.once('listening', () => {
        socket.off('error', reject);
        resolve();
      });
      socket.bind(binding);
    });
  } catch (cause) {
    await closed(socket);
    throw await bindError('udp', 'port' in binding ? binding.port : 0, where, cause);
  }
  if (!('fd' in binding)) {
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch {
      // Some kernels refuse instead of capping; the default then stays, and the caller sees its size.
    }
  }
  socket.on('error', handlers.onError);
  socket.on('message', (bytes, from) => handlers.onMessage({ bytes, address: from.address as Ipv4, port: from.port }));
  return socket;
}

function portOver(socket: Socket, deviceBound: boolean): UdpPort {
  return {
    port: socket.address().port,
    deviceBound,
    receiveBufferBytes: socket.getRecvBufferSize(),
    send: (bytes, address, port) =>
      new Promise((resolve, reject) => {
        socket.send(bytes, port, address, (error) => (error === null ? resolve() : reject(error)));
      }),
    close: () => closed(socket),
  };
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      // Closed already.
      resolve();
    }
  });
}
