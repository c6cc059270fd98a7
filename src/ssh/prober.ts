/**
 * The daemon as an SSH client: proves that a node lets an administrator in, and that it is the node (host key of the webhook). Through the ssh2
 * library; nothing is run on the node but the forced command of the probe key.
 */
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { IronwakeError, messageOf } from '../errors.ts';
import type { SshProber } from '../journey/ports.ts';

const TIMEOUT_MS = 20_000;

export interface ProberOptions {
  readonly port?: number;
  /** Ends the probes that are under way: the daemon stops. */
  readonly signal?: AbortSignal;
}

/**
 * `probe` throws IronwakeError `daemon.stopping` once the signal was given: that says nothing about the node, which asks again (503) and is
 * then probed by the next daemon.
 */
export function createSshProber(options: ProberOptions = {}): SshProber {
  const { port = 22, signal } = options;
  return {
    async probe(target) {
      // Imported here: most of a daemon's life passes without a probe, and the library costs some 10 MB.
      const { Client } = await import('ssh2');
      if (signal?.aborted === true) throw stopping();
      const wanted = new Set(target.hostKeys.map((line) => line.trim().split(/\s+/)[1]));
      return new Promise((resolve, reject) => {
        const client = new Client();
        let hostKeyMatches: boolean | undefined;
        let settled = false;
        /** @returns whether this was the first word; later ones change nothing */
        const settle = (): boolean => {
          const first = !settled;
          settled = true;
          signal?.removeEventListener('abort', abort);
          return first;
        };
        const tell = (result: 'ok' | 'failed', detail: string): void => {
          if (!settle()) return;
          client.end();
          resolve({ result, detail });
        };
        const abort = (): void => {
          if (!settle()) return;
          client.destroy();
          reject(stopping());
        };
        signal?.addEventListener('abort', abort);
        client.on('ready', () =>
          tell('ok', `host key as recorded by the installer, logged in as ${target.user} with the probe key`),
        );
        client.on('error', (error) => {
          tell(
            'failed',
            hostKeyMatches === false ? 'the host key is not the one that the installer reported' : messageOf(error),
          );
        });
        client.on('close', () => tell('failed', 'the connection was closed'));
        try {
          client.connect({
            host: target.address,
            port,
            username: target.user,
            privateKey: target.privateKey,
            readyTimeout: TIMEOUT_MS,
            // Only the types that were reported, so that the server shows a key that can be compared.
            algorithms: { serverHostKey: algorithmsOf(target.hostKeys) },
            hostVerifier: (key: Buffer) => {
              hostKeyMatches = wanted.has(key.toString('base64'));
              return hostKeyMatches;
            },
          });
        } catch (error) {
          tell('failed', messageOf(error));
        }
      });
    },
  };
}

const ALGORITHMS = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const;

/** All that an installer may report where none of them is known: the connection then fails by the comparison of the keys, which says why. */
function algorithmsOf(hostKeys: readonly string[]): ServerHostKeyAlgorithm[] {
  const types = hostKeys.map((line) => line.trim().split(/\s+/)[0]);
  const known = Object.entries(ALGORITHMS).filter(([type]) => types.includes(type));
  return (known.length === 0 ? Object.entries(ALGORITHMS) : known).flatMap(([, algorithms]) => [...algorithms]);
}

function stopping(): IronwakeError {
  return new IronwakeError({
    kind: 'unavailable',
    code: 'daemon.stopping',
    message: 'the daemon is stopping',
    remedy: 'Ask again in a moment.',
  });
}
