/**
 * TFTP packets: bytes <-> values. Pure; whatever arrives decodes to a packet or to a reason, nothing is thrown.
 * Sources: RFC 1350 (packets), RFC 2347 (options), RFC 2348 (blksize), RFC 2349 (timeout, tsize), RFC 7440 (windowsize).
 */

export const OPCODE = { read: 1, write: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** Error codes of RFC 1350, section 5, and RFC 2347. */
export const ERROR_CODE = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransferId: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

/** Option names in lower case (RFC 2347: case does not matter), first mention wins. */
export type Options = ReadonlyMap<string, string>;

export interface ReadRequest {
  readonly kind: 'read';
  /** The name as it came, one character a byte (latin1): quirks such as a trailing 0xff are still visible (file.ts strips them). */
  readonly file: string;
  /** Lower case: `octet`, `netascii`, or what the client invented. */
  readonly mode: string;
  readonly options: Options;
}

export type Packet =
  | ReadRequest
  | { readonly kind: 'write'; readonly file: string; readonly mode: string; readonly options: Options }
  | { readonly kind: 'data'; readonly block: number; readonly data: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'oack'; readonly options: Options };

export type Malformed =
  | 'too-short'
  | 'unknown-opcode'
  | 'request-too-long'
  | 'file-unterminated'
  | 'file-empty'
  | 'mode-unterminated';

export type Decoded =
  | { readonly ok: true; readonly packet: Packet }
  | { readonly ok: false; readonly because: Malformed };

/** RFC 2347 allows 512 bytes; some ROMs send their whole buffer, padded with NUL. */
export const MAX_REQUEST_BYTES = 1500;

/** Reads one datagram. Bytes after what the packet needs are ignored (ROMs send padding); an option without a value is dropped. */
export function decodePacket(bytes: Uint8Array): Decoded {
  if (bytes.byteLength < 4) return malformed('too-short');
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const opcode = view.readUInt16BE(0);
  switch (opcode) {
    case OPCODE.read:
    case OPCODE.write:
      return decodeRequest(view, opcode === OPCODE.read ? 'read' : 'write');
    case OPCODE.data:
      return { ok: true, packet: { kind: 'data', block: view.readUInt16BE(2), data: view.subarray(4) } };
    case OPCODE.ack:
      return { ok: true, packet: { kind: 'ack', block: view.readUInt16BE(2) } };
    case OPCODE.error: {
      const end = view.indexOf(0, 4);
      const message = view.toString('latin1', 4, end === -1 ? view.length : end);
      return { ok: true, packet: { kind: 'error', code: view.readUInt16BE(2), message } };
    }
    case OPCODE.oack:
      return { ok: true, packet: { kind: 'oack', options: readOptions(view, 2) } };
    default:
      return malformed('unknown-opcode');
  }
}

function malformed(because: Malformed): Decoded {
  return { ok: false, because };
}

function decodeRequest(view: Buffer, kind: 'read' | 'write'): Decoded {
  if (view.length > MAX_REQUEST_BYTES) return malformed('request-too-long');
  const fileEnd = view.indexOf(0, 2);
  if (fileEnd === -1) return malformed('file-unterminated');
  if (fileEnd === 2) return malformed('file-empty');
  // A name that came out of DHCP with its terminator counted in ends in two NULs: the mode starts at the next byte that is none.
  let modeStart = fileEnd + 1;
  while (view[modeStart] === 0) modeStart++;
  const modeEnd = view.indexOf(0, modeStart);
  if (modeEnd === -1) return malformed('mode-unterminated');
  const packet = {
    kind,
    file: view.toString('latin1', 2, fileEnd),
    mode: view.toString('latin1', modeStart, modeEnd).toLowerCase(),
    options: readOptions(view, modeEnd + 1),
  };
  return { ok: true, packet };
}

function readOptions(view: Buffer, start: number): Options {
  const options = new Map<string, string>();
  let position = start;
  while (position < view.length) {
    const nameEnd = view.indexOf(0, position);
    const valueEnd = nameEnd === -1 ? -1 : view.indexOf(0, nameEnd + 1);
    if (valueEnd === -1) break;
    const name = view.toString('latin1', position, nameEnd).toLowerCase();
    if (name !== '' && !options.has(name)) options.set(name, view.toString('latin1', nameEnd + 1, valueEnd));
    position = valueEnd + 1;
  }
  return options;
}

/** A packet's bytes. Strings are written as latin1, so that what was decoded is encoded back byte for byte. */
export function encodePacket(packet: Packet): Buffer {
  switch (packet.kind) {
    case 'read':
    case 'write':
      return Buffer.concat([
        header(packet.kind === 'read' ? OPCODE.read : OPCODE.write),
        zeroTerminated(packet.file),
        zeroTerminated(packet.mode),
        optionBytes(packet.options),
      ]);
    case 'data':
      return Buffer.concat([header(OPCODE.data, packet.block), packet.data]);
    case 'ack':
      return header(OPCODE.ack, packet.block);
    case 'error':
      return Buffer.concat([header(OPCODE.error, packet.code), zeroTerminated(packet.message)]);
    case 'oack':
      return Buffer.concat([header(OPCODE.oack), optionBytes(packet.options)]);
  }
}

function header(...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 2);
  words.forEach((word, index) => {
    bytes.writeUInt16BE(word & 0xffff, index * 2);
  });
  return bytes;
}

function zeroTerminated(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

function optionBytes(options: Options): Buffer {
  return Buffer.concat([...options].flatMap(([name, value]) => [zeroTerminated(name), zeroTerminated(value)]));
}
