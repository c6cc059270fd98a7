/**
 * The daemon as an SSH client: proves that a node lets an administrator in, and that it is the node (host key of the webhook). Through the ssh2
 * library; nothing is run on the node but the forced command of the probe key.
 */
import { messageOf } from '../errors.ts';
import type { SshProber } from '../journey/ports.ts';

const TIMEOUT_MS = 20_000;

export interface ProberOptions {
  readonly port?: number;
}

export function createSshProber(options: ProberOptions = {}): SshProber {
  const port = options.port ?? 22;
  return {
    async probe(target) {
      // Imported here: most of a daemon's life passes without a probe, and the library costs some 10 MB.
      const { Client } = await import('ssh2');
      const wanted = new Set(target.hostKeys.map((line) => line.trim().split(/\s+/)[1]));
      return new Promise((resolve) => {
        const client = new Client();
        let hostKeyMatches: boolean | undefined;
        let settled = false;
        const settle = (result: 'ok' | 'failed', detail: string): void => {
          if (settled) return;
          settled = true;
          client.end();
          resolve({ result, detail });
        };
        client.on('ready', () =>
          settle('ok', `host key as recorded by the installer, logged in as ${target.user} with the probe key`),
        );
        client.on('error', (error) => {
          settle(
            'failed',
            hostKeyMatches === false ? 'the host key is not the one that the installer reported' : messageOf(error),
          );
        });
        client.on('close', () => settle('failed', 'the connection was closed'));
        try {
          client.connect({
            host: target.address,
            port,
            username: target.user,
            privateKey: target.privateKey,
            readyTimeout: TIMEOUT_MS,
            // Only the types that an installer reports, so that the server offers a key that can be compared.
            algorithms: { serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'] },
            hostVerifier: (key: Buffer) => {
              hostKeyMatches = wanted.has(key.toString('base64'));
              return hostKeyMatches;
            },
          });
        } catch (error) {
          settle('failed', messageOf(error));
        }
      });
    },
  };
}
