/**
 * `/auto-installer-mode.toml` in the root of the image: tells the installer where its answer is, and what proves that it may have it. Only keys that
 * every release from 8.2.2 on reads, since an unknown one at the top is fatal to some. The fingerprint is spelled with an underscore here, always:
 * with a hyphen it is silently ignored, and nothing is pinned.
 *
 * The token stands in one place only. Where the installer puts it into the Authorization header the URL is the same for all machines: the installer
 * writes the URL on the screen and into its log, and servers write URLs into theirs.
 */
import { stringify } from 'smol-toml';
import { invalid } from '../errors.ts';
import type { Dialect } from './dialect.ts';
import { isFingerprint, isServerUrl } from './formats.ts';

/** The file's name in the root directory of the image. */
export const MODE_FILE_NAME = 'auto-installer-mode.toml';

export interface AnswerPlace {
  /** Of this server, without a slash at the end: `https://10.0.0.2:8443`. */
  readonly baseUrl: string;
  /** SHA-256 of the certificate there. */
  readonly certFingerprint: string;
  /** Of this run, for the answer only. */
  readonly token: string;
}

/**
 * The same bytes for the same input.
 * @param dialect of the image's installer
 * @throws IronwakeError `mode-file.url`, `mode-file.fingerprint`, `mode-file.token`: the live system could not tell anyone
 */
export function renderModeFile({ baseUrl, certFingerprint, token }: AnswerPlace, dialect: Dialect): string {
  // What stands in an URL and in a header as it is; anything else fails on the machine.
  if (!/^[\w.~-]+$/.test(token)) {
    throw invalid('mode-file.token', 'token', 'The token of the answer cannot be sent as it is', 'Arm the run again.');
  }
  const url = dialect.sendsBearerToken ? `${baseUrl}/installer/answer` : `${baseUrl}/installer/${token}/answer`;
  if (!isServerUrl(url)) {
    throw invalid(
      'mode-file.url',
      'url',
      'The address for the answer is not an http or https URL',
      'Correct the advertised URL.',
    );
  }
  if (!isFingerprint(certFingerprint)) {
    throw invalid(
      'mode-file.fingerprint',
      'certFingerprint',
      'The fingerprint is not a SHA-256 in hex',
      'Renew the certificate.',
    );
  }
  const header = dialect.sendsBearerToken ? { token } : {};
  return stringify({ mode: 'http', http: { url, cert_fingerprint: certFingerprint, ...header } });
}
