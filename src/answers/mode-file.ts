/**
 * `/auto-installer-mode.toml` in the root of the image: tells the installer where its answer is. Only keys that every release from 8.2.2 on
 * reads, since an unknown one at the top is fatal to some. The fingerprint is spelled with an underscore here, always: with a hyphen it is
 * silently ignored, and nothing is pinned.
 */
import { stringify } from 'smol-toml';
import { invalid } from '../errors.ts';
import type { PinnedUrl } from './build.ts';
import type { Dialect } from './dialect.ts';
import { isFingerprint, isServerUrl } from './formats.ts';

/** The file's name in the root directory of the image. */
export const MODE_FILE_NAME = 'auto-installer-mode.toml';

/**
 * The same bytes for the same input.
 * @param bearer the token that the installer sends in its Authorization header, from 9.2 on
 * @throws IronwakeError `mode-file.url`, `mode-file.fingerprint`: the live system could not tell anyone
 */
export function renderModeFile(
  { url, certFingerprint }: PinnedUrl,
  bearer?: { readonly token: string; readonly dialect: Dialect },
): string {
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
  // Older installers ignore it without a word, so that it must not be the only proof there.
  const token = bearer?.dialect.supportsJsonAnswer === true ? { token: bearer.token } : {};
  return stringify({ mode: 'http', http: { url, cert_fingerprint: certFingerprint, ...token } });
}
