/** Reading a source that may answer in parts. */

import type { ByteSource } from './source.ts';

/**
 * Exactly `lengthBytes` bytes from `offset`, however many parts the source answers in. A view of the source where one part suffices: not
 * to be written to.
 *
 * @throws RangeError when the range does not lie inside the source: callers check sizes that come from outside first
 */
export async function readExactly(source: ByteSource, offset: number, lengthBytes: number): Promise<Uint8Array> {
  if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > source.sizeBytes) {
    throw new RangeError(`bytes ${offset}+${lengthBytes} lie outside a source of ${source.sizeBytes} bytes`);
  }
  if (lengthBytes === 0) return new Uint8Array(0);
  const first = await source.read(offset, lengthBytes);
  if (first.byteLength === lengthBytes) return first;
  const whole = new Uint8Array(lengthBytes);
  whole.set(first);
  let filled = first.byteLength;
  while (filled < lengthBytes) {
    const part = await source.read(offset + filled, lengthBytes - filled);
    if (part.byteLength === 0)
      throw new RangeError(`a source of ${source.sizeBytes} bytes ended at ${offset + filled}`);
    whole.set(part, filled);
    filled += part.byteLength;
  }
  return whole;
}
