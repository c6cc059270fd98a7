/**
 * The certificate in use and the one that follows it. The next one is made beforehand, so that its pin can be given out beside the present one; it
 * takes its place by one rename, so that a daemon that is killed at any moment starts with one whole pair or the other.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CERTIFICATE_FILE,
  type CertificateOptions,
  loadCertificate,
  NEXT_CERTIFICATE_FILE,
  readCertificate,
  type ServerCertificate,
} from './certificate.ts';
import { syncDirectory } from './private-file.ts';

export interface CertificateKeeper {
  readonly current: ServerCertificate;
  /** Prepared and not in use yet. */
  readonly next: ServerCertificate | undefined;
  /** Makes the next one, unless there is one. */
  prepare(now: number): Promise<ServerCertificate>;
  /** The next one becomes the present one, on disk and for new connections. Nothing happens when there is none. */
  adopt(): Promise<void>;
  /** Called with the new present one after each change. */
  onAdopted(listener: (certificate: ServerCertificate) => void): void;
}

/** @throws what `loadCertificate` throws */
export async function openCertificates(options: CertificateOptions): Promise<CertificateKeeper> {
  const nextPath = join(options.directory, NEXT_CERTIFICATE_FILE);
  let current = await loadCertificate(options);
  let next = await readCertificate(options, NEXT_CERTIFICATE_FILE);
  const listeners: Array<(certificate: ServerCertificate) => void> = [];
  return {
    get current() {
      return current;
    },
    get next() {
      return next;
    },
    async prepare(now) {
      next ??= await loadCertificate({ ...options, now }, NEXT_CERTIFICATE_FILE);
      return next;
    },
    async adopt() {
      if (next === undefined) return;
      await rename(nextPath, join(options.directory, CERTIFICATE_FILE));
      await syncDirectory(options.directory);
      current = next;
      next = undefined;
      for (const listener of listeners) listener(current);
    },
    onAdopted(listener) {
      listeners.push(listener);
    },
  };
}
