/** The listening sockets of an app: one per address, so that other networks of this host are not served by accident. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTls, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { bindError } from '../net/port-holder.ts';

/** An `import` of node:http would load Node's WebSocket and fetch with it: 60 ms and 5 MB for what nobody here uses. */
const { createServer: createPlain } = process.getBuiltinModule('node:http');

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Listeners {
  /** The port that all of them listen on (the chosen one where 0 was asked for). */
  readonly port: number;
  /** An interface got another address: listens there with the same port, and no longer on the old one. */
  move(before: string, after: string): Promise<void>;
  /** New connections meet this certificate; those that are open stay as they are. */
  present(identity: Identity): void;
  /** Takes no new connections and lets those that are in the middle of a request finish. */
  close(): Promise<void>;
  /** Stops listening and ends what is left, at once. May be called twice, and after `close`. */
  destroy(): void;
}

/**
 * @param port 0 lets the kernel choose one, the same for all addresses
 * @throws IronwakeError naming the process that holds the port
 */
export async function listen(
  app: FastifyInstance,
  addresses: readonly string[],
  port: number,
  identity?: Identity,
): Promise<Listeners> {
  const servers = new Map<string, Served>();
  let presented = identity;
  let chosen = port;

  async function open(address: string): Promise<void> {
    const server =
      presented === undefined
        ? createPlain(app.routing)
        : createTls({ cert: presented.certPem, key: presented.keyPem }, app.routing);
    // An installer image may take longer to upload than Node's default of five minutes for a whole request.
    server.requestTimeout = 0;
    server.headersTimeout = 20_000;
    const idle = watchConnections(server);
    chosen = await bind(server, address, chosen);
    servers.set(address, { server, idle });
  }

  function destroy(): void {
    for (const { server, idle } of servers.values()) {
      server.close();
      server.closeAllConnections();
      idle.end();
    }
  }

  try {
    for (const address of new Set(addresses)) await open(address);
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    port: chosen,
    async move(before, after) {
      if (before === after) return;
      const old = servers.get(before);
      servers.delete(before);
      old?.server.close();
      if (!servers.has(after)) await open(after);
    },
    present(next) {
      presented = next;
      for (const { server } of servers.values())
        if (server instanceof TlsServer) server.setSecureContext({ cert: next.certPem, key: next.keyPem });
    },
    async close() {
      await Promise.all(
        [...servers.values()].map(
          ({ server, idle }) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              idle.end();
            }),
        ),
      );
    },
    destroy,
  };
}

interface Served {
  readonly server: Server;
  readonly idle: { end(): void };
}

/**
 * Node's own `closeIdleConnections` knows only those that have had a request. A connection on which none was ever made (opened ahead, kept, or
 * held open by somebody who wants to be in the way) would hold up the end of the daemon until its time limit.
 */
function watchConnections(server: Server): { end(): void } {
  /** By the peer's address and port: TLS hands requests another socket than the one that was accepted. */
  const open = new Map<string, { readonly socket: Socket; requests: number }>();
  let ending = false;
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    const entry = { socket, requests: 0 };
    open.set(name, entry);
    socket.once('close', () => {
      if (open.get(name) === entry) open.delete(name);
    });
    if (ending) socket.destroy();
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const entry = open.get(nameOf(socket));
    if (entry === undefined) return;
    entry.requests += 1;
    response.once('close', () => {
      entry.requests -= 1;
      // A turn later, so that the last bytes of the answer are on their way.
      if (ending && entry.requests === 0) setImmediate(() => entry.socket.end());
    });
  });
  return {
    end() {
      ending = true;
      for (const { socket, requests } of open.values()) if (requests === 0) socket.destroy();
    },
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      bindError('tcp', port, `TCP ${host}:${port}`, error).then(reject, reject);
    });
    server.listen({ host, port }, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}
