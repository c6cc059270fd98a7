/** An edit is meant for what its author has seen. */
import { IronwakeError } from '../errors.ts';

/**
 * @param asked the revision that was seen; undefined: whatever is there
 * @throws IronwakeError `request.outdated` (412)
 */
export function demandRevision(asked: number | undefined, present: number, name: string): void {
  if (asked === undefined || asked === present) return;
  throw new IronwakeError({
    kind: 'outdated',
    code: 'request.outdated',
    field: 'If-Match',
    message: `${name} was changed meanwhile: it has revision ${present}, you have seen ${asked}`,
    remedy: 'Get it again, look at what changed, and send your change with the new ETag.',
  });
}
