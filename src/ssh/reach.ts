/** The daemon as a stranger at the node's ports: does a connection open, does it answer to ping. Nothing is said on the connection. */
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { Reach } from '../journey/ports.ts';

const TIMEOUT_MS = 5000;

/** No route, or an address that is not ours (any more): nothing was learned about the port. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EINVAL', 'EADDRINUSE']);

export function createReach(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Reach {
  const { signal, timeoutMs = TIMEOUT_MS } = options;
  return {
    connect: ({ address, port, from }) =>
      new Promise((resolve) => {
        const socket = connect({ host: address, port, ...(from === undefined ? {} : { localAddress: from }) });
        const end = (result: 'open' | 'refused' | 'silent' | 'unreachable'): void => {
          signal?.removeEventListener('abort', abort);
          socket.destroy();
          resolve(result);
        };
        const abort = (): void => end('silent');
        signal?.addEventListener('abort', abort);
        socket.setTimeout(timeoutMs, () => end('silent'));
        socket.once('connect', () => end('open'));
        socket.once('error', (error: NodeJS.ErrnoException) =>
          end(UNREACHABLE.has(error.code ?? '') ? 'unreachable' : error.code === 'ETIMEDOUT' ? 'silent' : 'refused'),
        );
      }),
    // The kernel gives raw sockets to nobody who may bind only ports; the program of the distribution has the right.
    ping: (address) =>
      new Promise((resolve) => {
        execFile(
          'ping',
          ['-n', '-q', '-c', '3', '-i', '0.3', '-W', '2', address],
          { timeout: timeoutMs * 2, ...(signal === undefined ? {} : { signal }) },
          (error) => {
            // 1: no answer. Everything else (2, ENOENT) says something about this host.
            if (error === null) resolve('answered');
            else resolve(error.code === 1 ? 'silent' : 'untried');
          },
        );
      }),
  };
}
