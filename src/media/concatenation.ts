import { type ByteSource, bytesSource } from './source.ts';

/** Zeros are only ever read: one block serves every padding. */
const ZEROS = new Uint8Array(64 * 1024);

/** `sizeBytes` zero bytes. */
export function zeros(sizeBytes: number): ByteSource {
  if (sizeBytes <= ZEROS.byteLength) return bytesSource(ZEROS.subarray(0, sizeBytes));
  return {
    sizeBytes,
    read: (offset, maxBytes) => ZEROS.subarray(0, Math.min(maxBytes, sizeBytes - offset, ZEROS.byteLength)),
  };
}

/** How many bytes are missing from `sizeBytes` to the next multiple of `alignment`. */
export function paddingTo(alignment: number, sizeBytes: number): number {
  return (alignment - (sizeBytes % alignment)) % alignment;
}

/** Sources one after another, as one. A read never crosses the border of a part, so nothing is copied. */
export function concatenate(parts: readonly ByteSource[]): ByteSource {
  const sources = parts.filter((part) => part.sizeBytes > 0);
  const starts: number[] = [];
  let sizeBytes = 0;
  for (const source of sources) {
    starts.push(sizeBytes);
    sizeBytes += source.sizeBytes;
  }
  return {
    sizeBytes,
    read(offset, maxBytes) {
      const index = lastAtOrBefore(starts, offset);
      const source = sources[index];
      const start = starts[index];
      if (source === undefined || start === undefined || offset >= sizeBytes) {
        throw new RangeError(`offset ${offset} lies outside a source of ${sizeBytes} bytes`);
      }
      return source.read(offset - start, Math.min(maxBytes, start + source.sizeBytes - offset));
    },
  };
}

/** Index of the last start that is not beyond `offset`; -1 when there is none. */
function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? Number.POSITIVE_INFINITY) <= offset) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}
