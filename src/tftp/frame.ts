/**
 * A file cut into ready DATA packets, `[0 3 block][data]` one behind the other: any window is one contiguous slice of it, without copying,
 * and it is shared by every transfer of the same file with the same blksize. Block numbers wrap in it by themselves.
 */
import type { ByteSource } from '../media/source.ts';
import { OPCODE } from './packet.ts';

const HEADER_BYTES = 4;

export interface Frame {
  readonly bytes: Buffer;
  readonly blksize: number;
  readonly sizeBytes: number;
}

/** How much room a frame takes. */
export function frameBytes(sizeBytes: number, blksize: number): number {
  return sizeBytes + (Math.floor(sizeBytes / blksize) + 1) * HEADER_BYTES;
}

/** Blocks `first` to `first + count - 1` (1-based, not wrapped), as they go on the wire. */
export function windowOf(frame: Frame, first: number, count: number): Buffer {
  const stride = frame.blksize + HEADER_BYTES;
  return frame.bytes.subarray((first - 1) * stride, (first - 1 + count) * stride);
}

/** Bytes of one full packet, by which `windowOf` is cut into datagrams. */
export function strideOf(frame: Frame): number {
  return frame.blksize + HEADER_BYTES;
}

/** Copying gives way to the event loop after so many bytes: DHCP must not wait for a big file. */
const TURN_BYTES = 1024 * 1024;

/** @throws whatever the source throws; RangeError when it ends before its size */
export async function buildFrame(source: ByteSource, blksize: number): Promise<Frame> {
  const { sizeBytes } = source;
  const bytes = Buffer.allocUnsafe(frameBytes(sizeBytes, blksize));
  const stride = blksize + HEADER_BYTES;
  const blocks = Math.floor(sizeBytes / blksize) + 1;
  for (let block = 1; block <= blocks; block++) {
    const at = (block - 1) * stride;
    bytes.writeUInt16BE(OPCODE.data, at);
    bytes.writeUInt16BE(block & 0xffff, at + 2);
  }
  let offset = 0;
  let turn = TURN_BYTES;
  while (offset < sizeBytes) {
    const answer = source.read(offset, Math.min(TURN_BYTES, sizeBytes - offset));
    const chunk = answer instanceof Promise ? await answer : answer;
    if (chunk.byteLength === 0) throw new RangeError(`source of ${sizeBytes} bytes ended at ${offset}`);
    let taken = 0;
    while (taken < chunk.byteLength) {
      const inBlock = (offset + taken) % blksize;
      const length = Math.min(blksize - inBlock, chunk.byteLength - taken);
      bytes.set(
        chunk.subarray(taken, taken + length),
        Math.floor((offset + taken) / blksize) * stride + HEADER_BYTES + inBlock,
      );
      taken += length;
    }
    offset += taken;
    if (offset >= turn && offset < sizeBytes) {
      turn = offset + TURN_BYTES;
      await new Promise(setImmediate);
    }
  }
  return { bytes, blksize, sizeBytes };
}
