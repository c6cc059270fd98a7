/** Numbers for many new nodes in one transaction. */
import type { ClaimRepository } from './ports.ts';

/**
 * The same numbers as without it. The lowest free number of a pool is found by walking over those that are not free; ten thousand nodes would walk
 * fifty million times. In a transaction that gives nothing back all below the last number is not free, so each search begins behind it.
 *
 * @param claims of a transaction in which numbers are only taken, and only by nodes that held none when it began
 */
export function claimsInARow(claims: ClaimRepository): ClaimRepository {
  const reached = new Map<string, number>();
  return {
    ...claims,
    async take(request) {
      const { scope, from, to, except } = request;
      // What one node may not get, another may: only among those with the same exceptions all below is known.
      const key = JSON.stringify([scope, from, to, except]);
      const last = reached.get(key);
      const number = await claims.take(last === undefined ? request : { ...request, searchFrom: last + 1 });
      if (number !== undefined) reached.set(key, number);
      return number;
    },
  };
}
