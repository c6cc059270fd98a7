/** Which part of a body a request asks for, and whether it wants it at all (RFC 9110, sections 13 and 14). Pure. */

export interface ByteRange {
  /** First byte. */
  readonly start: number;
  /** After the last byte. */
  readonly end: number;
}

export type Selection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' }
  /** If-None-Match names what we have (304). */
  | { readonly kind: 'not-modified' }
  /** If-Match names something else (412). */
  | { readonly kind: 'precondition-failed' };

export interface Conditions {
  readonly method: string;
  readonly range?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/**
 * What to send of a body of `sizeBytes`. `etag` is a strong entity tag with its quotes, or undefined for a body without one. Several
 * ranges, other units, bad syntax and a Range of another method than GET are passed over, as RFC 9110 14.2 allows: the whole body is sent.
 */
export function selectRange(conditions: Conditions, sizeBytes: number, etag: string | undefined): Selection {
  const { method, range, ifRange, ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== undefined && !matches(ifMatch, etag, false)) return { kind: 'precondition-failed' };
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag, true)) return { kind: 'not-modified' };
  if (method !== 'GET' || range === undefined) return { kind: 'whole' };
  // A date never matches, because we state none; a weak tag never does (13.1.5).
  if (ifRange !== undefined && ifRange.trim() !== etag) return { kind: 'whole' };

  const asked = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(range.trim());
  const [, first = '', last = ''] = asked ?? [];
  if (asked === null || (first === '' && last === '')) return { kind: 'whole' };
  if (first === '') {
    const suffix = Number(last);
    if (suffix === 0 || sizeBytes === 0) return { kind: 'unsatisfiable' };
    return { kind: 'part', range: { start: Math.max(0, sizeBytes - suffix), end: sizeBytes } };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  if (start >= sizeBytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', range: { start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) } };
}

/** Is `etag` in the list of a conditional header? `*` is any body that exists. */
function matches(list: string, etag: string | undefined, weakly: boolean): boolean {
  const tags = list.split(',').map((tag) => tag.trim());
  if (tags.includes('*')) return true;
  return etag !== undefined && tags.some((tag) => tag === etag || (weakly && tag === `W/${etag}`));
}
