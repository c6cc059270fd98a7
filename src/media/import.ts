/**
 * A new image on its way into the catalogue: written to `<random>.part` while its SHA-256 is taken, checked, looked into, and only then
 * named `<sha256>.iso`. Whatever happens before, the catalogue holds nothing of it; a part left by a crash is swept at the next start.
 */

import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';
import { parseSha256 } from './checksums.ts';
import { readFileSource } from './file.ts';
import { type ImageFacts, inspectImage } from './product.ts';
import type { MediaRecord } from './record.ts';

const PART = '.part';
/** Kinds of errors that are the image's: the disk's are no fault of the field. */
const IMAGE_FAULTS: ReadonlySet<string> = new Set(['invalid', 'not-found']);
/** A checksum of this many bytes takes the loop half a millisecond or less. */
const READ_BYTES = 256 * 1024;
/** Stays free whatever is imported: the database and the logs of the machines that are installing write to the same disk. */
const RESERVE_BYTES = 256 * 1024 * 1024;

export interface ImportRequest {
  /** Bytes as they arrive (an upload), or the path of a file on this machine. */
  readonly source: AsyncIterable<Uint8Array> | string;
  /** Of an upload: what the sender says it has (Content-Length); fewer or more bytes are an error. */
  readonly sizeBytes?: number | undefined;
  /** SHA-256, hex. */
  readonly expectedSha256?: string | undefined;
  /** Bytes so far, and how many there will be if that is known. Called for every chunk: cheap work only. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number | undefined) => void) | undefined;
  /** Ends the import; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

export interface ImportPlace {
  /** The folder of the images. Made if it is missing. */
  readonly directory: string;
  readonly now: () => number;
  /** Free bytes of the disk that holds a folder. */
  readonly freeBytes?: (directory: string) => Promise<number>;
  /** Told when the file of an image is another one than before: what is read out of the old one ends there. */
  readonly onReplaced?: (sha256: string) => void;
}

/**
 * Imports an image; an image that is there already is recognised by its checksum, and its record comes back unchanged.
 *
 * @throws IronwakeError `media.unreadable`, `media.no-space`, `media.incomplete`, `media.checksum-mismatch`, and what `inspectImage`
 *   throws; `field` is `path` for a file of this machine, `body` for an upload, `sha256` for the checksum. The part file is gone then.
 */
export async function importImage(request: ImportRequest, place: ImportPlace): Promise<MediaRecord> {
  const expected = request.expectedSha256 === undefined ? undefined : parseSha256(request.expectedSha256);
  await mkdir(place.directory, { recursive: true, mode: 0o750 });
  const { source, sizeBytes } = await openSource(request);
  const freeBytes = await (place.freeBytes ?? freeBytesOf)(place.directory);
  if ((sizeBytes ?? 1) + RESERVE_BYTES > freeBytes) throw noSpace(place.directory, sizeBytes, freeBytes);

  const part = join(place.directory, `${randomUUID()}${PART}`);
  try {
    if (request.signal !== undefined && source instanceof Readable) addAbortSignal(request.signal, source);
    const written = await writePart(part, source, sizeBytes, request);
    if (sizeBytes !== undefined && written.sizeBytes !== sizeBytes) throw incomplete(written.sizeBytes, sizeBytes);
    if (expected !== undefined && written.sha256 !== expected) throw mismatch(written.sha256, expected);
    const facts = await inspectPart(part);
    return await keep(part, written, facts, place);
  } catch (error) {
    await rm(part, { force: true });
    if (systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT') throw noSpace(place.directory, sizeBytes, 0);
    // What is wrong with the image is wrong with what was sent: with the file of that path, or with the body.
    const aboutImage = error instanceof IronwakeError && error.field === undefined && IMAGE_FAULTS.has(error.kind);
    throw aboutImage ? error.about(typeof request.source === 'string' ? 'path' : 'body') : error;
  }
}

/** Removes what interrupted imports left. For the start of the daemon: not while an import runs. @returns how many there were */
export async function sweepPartials(directory: string): Promise<number> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const parts = names.filter((name) => name.endsWith(PART));
  for (const name of parts) await rm(join(directory, name), { force: true });
  return parts.length;
}

/** The record of an image; when it was added stands in the file's own time, so that it does not depend on a database. */
export function recordOf(sha256: string, sizeBytes: number, addedAt: number, facts: ImageFacts): MediaRecord {
  return {
    id: sha256,
    name: facts.name,
    product: facts.product,
    release: facts.release,
    isoRelease: facts.isoRelease,
    sizeBytes,
    kernelPath: facts.kernelPath,
    initrdPath: facts.initrdPath,
    addedAt,
  };
}

export function imagePath(directory: string, sha256: string): string {
  return join(directory, `${sha256}.iso`);
}

async function openSource(
  request: ImportRequest,
): Promise<{ readonly source: AsyncIterable<Uint8Array>; readonly sizeBytes: number | undefined }> {
  if (typeof request.source !== 'string') return { source: request.source, sizeBytes: request.sizeBytes };
  const path = request.source;
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new Error('it is not a plain file');
    await access(path, constants.R_OK);
    return { source: chunksOf(path), sizeBytes: about.size };
  } catch (error) {
    throw new IronwakeError({
      kind: 'invalid',
      code: 'media.unreadable',
      field: 'path',
      message: `${path} cannot be read: ${messageOf(error)}`,
      remedy: 'Give the path of an image file that this daemon may read, or upload it',
      cause: error,
    });
  }
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) return;
      // Written out before the next one is asked for, so one buffer is enough.
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

interface Written {
  readonly sha256: string;
  readonly sizeBytes: number;
}

async function writePart(
  part: string,
  source: AsyncIterable<Uint8Array>,
  totalBytes: number | undefined,
  request: ImportRequest,
): Promise<Written> {
  const hash = createHash('sha256');
  const handle = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  let sizeBytes = 0;
  try {
    for await (const chunk of source) {
      request.signal?.throwIfAborted();
      // More than announced: no need to fill the disk before saying so.
      if (totalBytes !== undefined && sizeBytes + chunk.byteLength > totalBytes) {
        throw incomplete(sizeBytes + chunk.byteLength, totalBytes);
      }
      hash.update(chunk);
      await writeAll(handle, chunk);
      sizeBytes += chunk.byteLength;
      request.onProgress?.(sizeBytes, totalBytes);
    }
    request.signal?.throwIfAborted();
    await handle.sync();
  } catch (error) {
    // The sender went away: what Node says of a request body that breaks off.
    const cut = systemCode(error) === 'ECONNRESET' || systemCode(error) === 'ERR_STREAM_PREMATURE_CLOSE';
    throw cut ? incomplete(sizeBytes, totalBytes) : error;
  } finally {
    await handle.close();
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    written += (await handle.write(chunk, written, chunk.byteLength - written)).bytesWritten;
  }
}

/** Read, not mapped: a part that turns out to be no image goes again at once. */
async function inspectPart(part: string): Promise<ImageFacts> {
  const source = await readFileSource(part);
  try {
    return await inspectImage(source);
  } finally {
    await source.close();
  }
}

async function keep(part: string, written: Written, facts: ImageFacts, place: ImportPlace): Promise<MediaRecord> {
  const { sha256, sizeBytes } = written;
  const path = imagePath(place.directory, sha256);
  const existing = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  // A copy that was damaged on this disk: the good one takes its place.
  if (existing !== undefined && existing.size === sizeBytes && (await sha256Of(path)) === sha256) {
    await rm(part, { force: true });
    return recordOf(sha256, existing.size, Math.round(existing.mtimeMs), facts);
  }
  const addedAt = place.now();
  const handle = await open(part, constants.O_RDONLY);
  try {
    await handle.chmod(0o400);
    await handle.utimes(addedAt / 1000, addedAt / 1000);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, path);
  place.onReplaced?.(sha256);
  // The name is durable only when its folder is.
  const directory = await open(place.directory, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return recordOf(sha256, sizeBytes, addedAt, facts);
}

/** Undefined when the disk does not give the bytes any more. */
async function sha256Of(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of chunksOf(path)) hash.update(chunk);
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function noSpace(directory: string, sizeBytes: number | undefined, freeBytes: number): IronwakeError {
  const needs = sizeBytes === undefined ? 'The image' : `The image has ${megabytes(sizeBytes)}, and it`;
  return new IronwakeError({
    kind: 'unavailable',
    code: 'media.no-space',
    message: `${needs} does not fit: ${directory} has ${megabytes(freeBytes)} free, and ${megabytes(RESERVE_BYTES)} must stay free`,
    remedy: 'Remove images that are not needed (npx ironwake media rm NAME), or give the data directory a bigger disk',
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_000_000)} MB`;
}

function incomplete(receivedBytes: number, announcedBytes: number | undefined): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.incomplete',
    message: `The upload is not whole: ${receivedBytes} bytes came, announced were ${announcedBytes ?? 'more'}`,
    remedy: 'Add the image again',
  });
}

function mismatch(actual: string, expected: string): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.checksum-mismatch',
    field: 'sha256',
    message: `The image has the checksum ${actual}, not ${expected}`,
    remedy: 'Download the image again, and take the checksum from the vendor over HTTPS',
  });
}
