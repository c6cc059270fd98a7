import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ByteSource } from './source.ts';

/** One read of the thread pool; smaller ones cost more processor time per byte, bigger ones more memory. */
const READ_BYTES = 512 * 1024;
/** Reads under way at once, for all files: the pool has four threads, and each read under way holds a buffer. */
const READS_AT_ONCE = 8;

let running = 0;
const waiting: Array<() => void> = [];

async function turn<T>(work: () => Promise<T>): Promise<T> {
  // The one that ends hands its place to the one that waits longest, so `running` never exceeds the limit.
  if (running >= READS_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

export interface FileSource extends ByteSource {
  /** Only once nobody reads any more; a source that is served stays open for the process's life. */
  close(): Promise<void>;
}

/**
 * A file read through the thread pool: the way for files that must not be mapped, and where mapping does not work. A buffer
 * per read, because a reader may hold it as long as its peer is slow.
 *
 * @throws the system error when the file cannot be opened, and from a read when it became shorter
 */
export async function readFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, constants.O_RDONLY);
  const sizeBytes = (await handle.stat()).size;
  return {
    sizeBytes,
    close: () => handle.close(),
    read: (offset, maxBytes) =>
      turn(async () => {
        const length = Math.min(maxBytes, READ_BYTES, sizeBytes - offset);
        const buffer = Buffer.allocUnsafeSlow(length);
        const { bytesRead } = await handle.read(buffer, 0, length, offset);
        if (bytesRead === 0) throw new Error(`${path} ended at ${offset}, before its ${sizeBytes} bytes`);
        return buffer.subarray(0, bytesRead);
      }),
  };
}
