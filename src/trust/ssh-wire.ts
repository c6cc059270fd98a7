/** The data types of SSH (RFC 4251, section 5) that keys and signatures are made of. */

/** A reader over SSH data. Every method throws RangeError when the data ends too early. */
export class SshReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Buffer {
    if (this.#offset + length > this.#bytes.length) throw new RangeError('SSH data ends too early');
    const part = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return part;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  /** `string`: a length and that many bytes. */
  bytes(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** A positive `mpint` without its leading zero. */
  positive(): Buffer {
    const value = this.bytes();
    if (value.length === 0 || (value[0] ?? 0) > 0x7f) throw new RangeError('SSH number is not positive');
    return value[0] === 0 ? value.subarray(1) : value;
  }

  /** Throws RangeError when something is left over. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw new RangeError('SSH data goes on after its end');
  }
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `string`: the length, then the bytes. */
export function sshString(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([sshUint32(bytes.byteLength), bytes]);
}
