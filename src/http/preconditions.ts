/**
 * Entity tags (RFC 9110, 8.8.3 and 13.1). The tag of a resource begins with its revision; what else an answer shows (run, timeline) follows after
 * a dot, so that the whole tag is a strong validator of the answer and the revision alone decides whether an edit is too late.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../errors.ts';

/** `"3.17.240"`: the revision of the resource, then whatever else makes the answer another one. */
export function etagOf(revision: number | string, ...rest: ReadonlyArray<number | string>): string {
  return `"${[revision, ...rest].join('.')}"`;
}

/**
 * Sets the tag of an answer.
 * @returns whether the client has this very answer already; then 304 has been sent
 */
export function isKnown(request: FastifyRequest, reply: Pick<FastifyReply, 'header' | 'code'>, etag: string): boolean {
  reply.header('ETag', etag);
  const asked = request.headers['if-none-match'];
  if (asked === undefined) return false;
  // Weak comparison, as 13.1.2 asks: proxies make strong tags weak.
  const known = asked.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (!known.includes(etag) && asked.trim() !== '*') return false;
  reply.code(304).send();
  return true;
}

/**
 * The revision that an edit is meant for.
 * @returns undefined where the client does not say, or says `*`: whatever is there
 * @throws IronwakeError `request.if-match`
 */
export function revisionAsked(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return undefined;
  const revision = /^"(\d{1,15})(?:\.[\w.-]*)?"$/.exec(header.trim())?.[1];
  if (revision !== undefined) return Number(revision);
  throw invalid(
    'request.if-match',
    'If-Match',
    'it is no entity tag that this API gave out',
    'Send the ETag of the answer, quotes and all.',
  );
}
