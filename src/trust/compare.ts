/** The one place where secrets are compared: the linter refuses others (biome.json, scripts/lint/one-place-for-secrets.grit). */
import { timingSafeEqual } from 'node:crypto';

/** Whether both are equal, in a time that tells nothing but their lengths. Text is compared as UTF-8. */
export function sameSecret(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const left = typeof a === 'string' ? Buffer.from(a) : a;
  const right = typeof b === 'string' ? Buffer.from(b) : b;
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}
