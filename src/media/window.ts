import type { ByteSource } from './source.ts';

/**
 * The bytes [offset, offset + sizeBytes) of a source, as a source.
 *
 * @throws RangeError when the window does not lie inside the source
 */
export function windowOf(source: ByteSource, offset: number, sizeBytes: number): ByteSource {
  if (offset < 0 || sizeBytes < 0 || offset + sizeBytes > source.sizeBytes) {
    throw new RangeError(`a window of ${offset}+${sizeBytes} does not fit a source of ${source.sizeBytes} bytes`);
  }
  if (offset === 0 && sizeBytes === source.sizeBytes) return source;
  return {
    sizeBytes,
    read: (at, maxBytes) => source.read(offset + at, Math.min(maxBytes, sizeBytes - at)),
  };
}
