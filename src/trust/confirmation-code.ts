/**
 * The code by which a person says that the machine at whose screen he stands is the one that asks for secrets. Node (shell/agent.sh) and daemon make it
 * of the same three things, each from what it knows itself: host key, the server keys that the node was told, run.
 *
 * 48 bits: a stranger would have to find a host key of his own with the same code while the run lasts, and each one he tries costs him a key pair.
 */
import { createHash } from 'node:crypto';
import { sameSecret } from './compare.ts';

/** No vowels, nothing that looks like something else: it is read off a screen. */
const ALPHABET = 'bcdfghjkmnpqrstv';
const DIGITS = 12;

export interface ConfirmationSubject {
  /** The host key that the node proved, `SHA256:...`. */
  readonly hostKeyFingerprint: string;
  /** The server keys as the node has them written down: `sha256//...;sha256//...`. */
  readonly pins: string;
  readonly runId: string;
}

/** `bcdf-ghjk-mnpq` */
export function confirmationCode({ hostKeyFingerprint, pins, runId }: ConfirmationSubject): string {
  const hash = createHash('sha256')
    .update(`ironwake confirmation\n${hostKeyFingerprint}\n${pins}\n${runId}\n`)
    .digest('hex');
  const letters = [...hash.slice(0, DIGITS)].map((digit) => ALPHABET[Number.parseInt(digit, 16)]).join('');
  return letters.replaceAll(/(.{4})(?=.)/g, '$1-');
}

/** Whether somebody typed the code of the subject; case, spaces and dashes do not matter. */
export function isConfirmationCode(typed: string, subject: ConfirmationSubject): boolean {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[\s-]/g, '');
  return sameSecret(plain(typed), plain(confirmationCode(subject)));
}
