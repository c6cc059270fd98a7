import type { RandomBytes } from '../../../src/trust/random.ts';

/** "Randomness" that a test can repeat: 1, 2, 3 ... through all calls. */
export function countingBytes(start = 1): RandomBytes {
  let next = start;
  return (size) => Uint8Array.from({ length: size }, () => next++ & 0xff);
}
