/**
 * How often one address or one token may be wrong. In memory and bounded: a daemon that starts anew forgets, which costs an attacker more time
 * than it gives. What is guessed here has 256 bits; the limits keep a flood from being work, and noticed.
 */
import type { Clock } from '../clock.ts';
import { IronwakeError } from '../errors.ts';

/** Failures of one key within a time; at the limit the key is shut out until that time has passed. */
export interface FailureLimit {
  /** Milliseconds until the key may try again; 0 when it may now. */
  blockedFor(key: string): number;
  /** Counts one failure. @returns true when this one reached the limit */
  fail(key: string): boolean;
}

export interface Limits {
  /** Requests to the API with no valid token, by address. */
  readonly logins: FailureLimit;
  /** Requests beyond the role of a token, by id of the token. */
  readonly roles: FailureLimit;
  /** Refusals on the routes of machines, by address. */
  readonly refusals: FailureLimit;
  /**
   * Tokens that were valid from an address lately: they are let through while that address is shut out, so that nobody who shares the
   * address with an administrator (another user of this machine, a gateway) can lock him out.
   */
  readonly known: { remember(address: string, hash: string): void; has(address: string, hash: string): boolean };
}

const MINUTE = 60_000;

export function createLimits(clock: Clock): Limits {
  const known = new Map<string, true>();
  return {
    logins: failureLimit(clock, 20, MINUTE),
    roles: failureLimit(clock, 30, MINUTE),
    refusals: failureLimit(clock, 60, MINUTE),
    known: {
      remember(address, hash) {
        const key = `${address} ${hash}`;
        known.delete(key);
        known.set(key, true);
        forgetOldest(known, 1000);
      },
      has: (address, hash) => known.has(`${address} ${hash}`),
    },
  };
}

/** @param most failures within `periodMs`; the oldest of `capacity` keys is forgotten first */
export function failureLimit(clock: Clock, most: number, periodMs: number, capacity = 10_000): FailureLimit {
  const seen = new Map<string, { readonly from: number; count: number }>();
  return {
    blockedFor(key) {
      const entry = seen.get(key);
      if (entry === undefined || entry.count < most) return 0;
      // A clock that was set back shuts nobody out for longer than the period.
      return Math.max(0, Math.min(periodMs, entry.from + periodMs - clock.now()));
    },
    fail(key) {
      const now = clock.now();
      const entry = seen.get(key);
      const running = entry !== undefined && now - entry.from < periodMs && now >= entry.from;
      const counted = running ? entry : { from: now, count: 0 };
      counted.count += 1;
      seen.delete(key);
      seen.set(key, counted);
      forgetOldest(seen, capacity);
      return counted.count === most;
    },
  };
}

function forgetOldest(map: Map<string, unknown>, capacity: number): void {
  if (map.size <= capacity) return;
  const oldest = map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
}

/** @param waitMs until the next attempt */
export function tooManyAttempts(waitMs: number): IronwakeError {
  return new IronwakeError({
    kind: 'limited',
    code: 'api.too-many-attempts',
    message: 'too many refused attempts from here',
    remedy: `Try again in ${Math.max(1, Math.ceil(waitMs / 1000))} s.`,
  });
}
