/**
 * Lets one event of a kind through per interval, so that a flood of packets or refusals does not become a flood of rows. Bounded: the
 * oldest key is forgotten first.
 */
import type { Clock } from '../clock.ts';

export interface Throttle {
  /** True when `key` has not passed within `intervalMs`; then it passes now. */
  passes(key: string, intervalMs: number): boolean;
}

export function createThrottle(clock: Clock, capacity = 10_000): Throttle {
  const last = new Map<string, number>();
  return {
    passes(key, intervalMs) {
      const now = clock.now();
      const before = last.get(key);
      if (before !== undefined && now - before < intervalMs) return false;
      last.delete(key);
      last.set(key, now);
      if (last.size > capacity) {
        const oldest = last.keys().next().value;
        if (oldest !== undefined) last.delete(oldest);
      }
      return true;
    },
  };
}
