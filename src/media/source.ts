/**
 * Bytes that can be served: a size, and reading at an offset. Everything that goes out by TFTP or HTTP is one of these, however it is put
 * together (a mapped file, a buffer, an overlay, a concatenation).
 */
export interface ByteSource {
  readonly sizeBytes: number;
  /**
   * At least one and at most `maxBytes` bytes from `offset`, as a view without a copy where that is possible. Fewer than asked for is
   * normal (a part ends there): callers loop. `offset` must lie in [0, sizeBytes). Mapped and in-memory sources answer at once,
   * without a promise, so that a writer does not pay for one.
   */
  read(offset: number, maxBytes: number): Uint8Array | Promise<Uint8Array>;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.byteLength,
    read: (offset, maxBytes) => bytes.subarray(offset, Math.min(offset + maxBytes, bytes.byteLength)),
  };
}
