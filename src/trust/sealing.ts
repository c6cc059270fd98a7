/** Secrets at rest: AES-256-GCM, bound to what they are for. Format `v1.<base64url(nonce 12 | ciphertext | tag 16)>`. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { IronwakeError } from '../errors.ts';
import type { InstanceKey } from './instance-key.ts';
import type { RandomBytes } from './random.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX = 'v1.';

/**
 * @param purpose what it is for and whose it is (`secret zabbix-psk`, `root password of RUN`): associated data, so that sealed text
 *   that was moved to another place does not open there
 */
export function seal(
  key: InstanceKey,
  purpose: string,
  plaintext: string | Uint8Array,
  randomBytes: RandomBytes,
): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.subkey('sealing'), nonce);
  cipher.setAAD(Buffer.from(purpose));
  const ciphertext = Buffer.concat([
    cipher.update(typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext),
    cipher.final(),
  ]);
  return PREFIX + Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]).toString('base64url');
}

/** @throws IronwakeError `seal.broken`: another key, another purpose, or changed text (which of them cannot be told) */
export function unseal(key: InstanceKey, purpose: string, sealed: string): Uint8Array {
  const body = Buffer.from(sealed.slice(PREFIX.length), 'base64url');
  if (!sealed.startsWith(PREFIX) || body.length < NONCE_BYTES + TAG_BYTES) throw broken(purpose);
  const decipher = createDecipheriv('aes-256-gcm', key.subkey('sealing'), body.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(purpose));
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw broken(purpose);
  }
}

/** As `unseal`, for text. */
export function unsealText(key: InstanceKey, purpose: string, sealed: string): string {
  return Buffer.from(unseal(key, purpose, sealed)).toString('utf8');
}

function broken(purpose: string): IronwakeError {
  return new IronwakeError({
    kind: 'internal',
    code: 'seal.broken',
    message: `The sealed value (${purpose}) does not open with the key of this installation`,
    remedy: 'Restore instance.key from the backup that belongs to this database, or set the secret again.',
  });
}
