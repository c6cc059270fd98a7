/**
 * The one writer of big bodies. DHCP and TFTP live in the same event loop, so fairness is a matter of correctness: on a fast receiver a
 * write completes at once and its callback comes before the loop gets a turn, and a loop of writes (also one that waits for `drain`)
 * starves everything else for seconds. So: one slice, its callback, one turn of the loop, the next slice.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { ByteSource } from '../media/source.ts';
import { type ByteRange, selectRange } from './range.ts';

/** Bigger slices make other requests wait longer, smaller ones cost processor time. */
const SLICE_BYTES = 512 * 1024;
/** Encrypting a slice blocks the loop as well. */
const TLS_SLICE_BYTES = 64 * 1024;

export interface SendOptions {
  readonly contentType: string;
  /** Strong entity tag, with its quotes. Without one a client cannot ask for the rest of what it has. */
  readonly etag?: string | undefined;
  /** Called after every slice that the kernel took: bytes of this response so far, and the body's offset where it began. */
  readonly onProgress?: ((sentBytes: number, startOffset: number) => void) | undefined;
  /** Cuts the stream: the daemon stops, or the run ended. */
  readonly signal?: AbortSignal | undefined;
}

export interface SendResult {
  /** 200, 206, 304, 412 or 416. */
  readonly status: number;
  /** Where in the body this response began. */
  readonly startOffset: number;
  readonly sentBytes: number;
  /** True when all that was asked for went out; false when the client went away or the signal came. */
  readonly complete: boolean;
}

/**
 * Answers a GET or HEAD request with a source: whole, or the one range that it asks for. Header names are capitalised, because GRUB
 * compares them by case. With fastify: `reply.hijack()` first, then `request.raw` and `reply.raw`.
 *
 * @throws what the source throws: before anything is sent, the response is still untouched; later the connection is cut, so that the
 *   client sees that the body is not whole
 */
export async function sendSource(
  request: IncomingMessage,
  response: ServerResponse,
  source: ByteSource,
  options: SendOptions,
): Promise<SendResult> {
  const { headers, method = 'GET' } = request;
  const selection = selectRange(
    {
      method,
      range: headers.range,
      ifRange: single(headers['if-range']),
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
    },
    source.sizeBytes,
    options.etag,
  );
  const common = { 'Accept-Ranges': 'bytes', ...(options.etag === undefined ? {} : { ETag: options.etag }) };
  switch (selection.kind) {
    case 'not-modified':
      return endWithout(response, 304, common);
    case 'precondition-failed':
      return endWithout(response, 412, { ...common, 'Content-Length': 0 });
    case 'unsatisfiable':
      return endWithout(response, 416, {
        ...common,
        'Content-Range': `bytes */${source.sizeBytes}`,
        'Content-Length': 0,
      });
    case 'whole':
    case 'part': {
      const range = selection.kind === 'part' ? selection.range : { start: 0, end: source.sizeBytes };
      const status = selection.kind === 'part' ? 206 : 200;
      const head = {
        'Content-Type': options.contentType,
        'Content-Length': range.end - range.start,
        ...common,
        ...(status === 206 ? { 'Content-Range': `bytes ${range.start}-${range.end - 1}/${source.sizeBytes}` } : {}),
      };
      if (method === 'HEAD' || range.start === range.end) return endWithout(response, status, head);
      return sendRange(response, source, range, status, head, options);
    }
  }
}

async function endWithout(
  response: ServerResponse,
  status: number,
  head: Record<string, string | number>,
): Promise<SendResult> {
  response.writeHead(status, head);
  response.end();
  return { status, startOffset: 0, sentBytes: 0, complete: true };
}

async function sendRange(
  response: ServerResponse,
  source: ByteSource,
  range: ByteRange,
  status: number,
  head: Record<string, string | number>,
  options: SendOptions,
): Promise<SendResult> {
  const sliceBytes = response.socket !== null && 'encrypted' in response.socket ? TLS_SLICE_BYTES : SLICE_BYTES;
  const cut = () => response.destroy();
  let sentBytes = 0;
  const result = (complete: boolean): SendResult => ({ status, startOffset: range.start, sentBytes, complete });
  const total = range.end - range.start;

  // The first bytes before the header: a source that fails at once can still be answered with an error.
  let slice = await source.read(range.start, Math.min(sliceBytes, total));
  if (options.signal?.aborted === true) cut();
  if (response.destroyed) return result(false);
  options.signal?.addEventListener('abort', cut, { once: true });
  try {
    response.writeHead(status, head);
    for (;;) {
      if (!(await written(response, slice))) return result(false);
      sentBytes += slice.byteLength;
      options.onProgress?.(sentBytes, range.start);
      if (sentBytes === total) break;
      await turnOfTheLoop();
      if (response.destroyed) return result(false);
      slice = await source.read(range.start + sentBytes, Math.min(sliceBytes, total - sentBytes));
      if (slice.byteLength === 0)
        throw new RangeError(`a source of ${source.sizeBytes} bytes ended at ${range.start + sentBytes}`);
    }
    response.end();
    return result(true);
  } catch (error) {
    cut();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', cut);
  }
}

/** Writes a slice. @returns true once the kernel has it, false when the connection closed before */
function written(response: ServerResponse, slice: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = () => resolve(false);
    response.once('close', closed);
    response.write(slice, (error) => {
      response.off('close', closed);
      resolve(error === null || error === undefined);
    });
  });
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
