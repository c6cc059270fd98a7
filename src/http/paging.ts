/** Lists in pages: an opaque cursor, and the address of the next page in `next` and in a Link header (RFC 8288). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../errors.ts';

/** Where a page ended: the key of its last row. Opaque for the client; whoever forges one reads from another place, no more. */
function cursorOf(key: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * @param shape names of the key's parts, and what each must be
 * @throws IronwakeError `request.cursor`
 */
export function keyOf<S extends Readonly<Record<string, 'string' | 'number'>>>(
  cursor: string | undefined,
  shape: S,
): { readonly [K in keyof S]: S[K] extends 'number' ? number : string } | undefined {
  if (cursor === undefined) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (typeof key === 'object' && key !== null) {
      const parts = key as Record<string, unknown>;
      const good = Object.entries(shape).every(
        ([name, type]) => typeof parts[name] === type && parts[name] !== Infinity,
      );
      if (good) return parts as never;
    }
  } catch {
    // The one sentence below.
  }
  throw invalid('request.cursor', 'cursor', 'it is none that this list gave out', 'Take `next` of the page before.');
}

/**
 * The page out of one row more than it shows: its rows, and the cursor of the next one.
 * @param rows `limit + 1` of them, when there are so many
 */
export function pageOf<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly T[],
  limit: number,
  key: (row: T) => Readonly<Record<string, string | number>>,
): { readonly rows: readonly T[]; readonly next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  if (rows.length <= limit || last === undefined) return { rows: shown, next: null };
  const next = cursorOf(key(last));
  const [path = '', query = ''] = request.url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', next);
  reply.header('Link', `<${path}?${parameters}>; rel="next"`);
  return { rows: shown, next };
}
