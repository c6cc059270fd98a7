/**
 * Lets one event of a kind through per interval, so that a flood of packets or refusals does not become a flood of rows. Bounded: the
 * oldest key is forgotten first.
 */
import type { Clock } from '../clock.ts';

export interface Throttle {
  /** True when `key` has not passed within `intervalMs`; then it passes now. */
  passes(key: string, intervalMs: number): boolean;
  /** The same for what is to be told apart: those that are held back share the name of the one that passed. */
  named(key: string, intervalMs: number, makeName: () => string): Named;
}

export interface Named {
  readonly passes: boolean;
  readonly name: string;
  /** Held back since the one that passed before this one. */
  readonly leftOut: number;
}

export function createThrottle(clock: Clock, capacity = 10_000): Throttle {
  const last = new Map<string, { readonly at: number; readonly name: string; leftOut: number }>();
  const named: Throttle['named'] = (key, intervalMs, makeName) => {
    const now = clock.now();
    const before = last.get(key);
    // A clock that was set back must not keep a key silent until the old time comes again.
    if (before !== undefined && before.at <= now && now - before.at < intervalMs) {
      before.leftOut += 1;
      return { passes: false, name: before.name, leftOut: before.leftOut };
    }
    const name = makeName();
    last.delete(key);
    last.set(key, { at: now, name, leftOut: 0 });
    if (last.size > capacity) {
      const oldest = last.keys().next().value;
      if (oldest !== undefined) last.delete(oldest);
    }
    return { passes: true, name, leftOut: before?.leftOut ?? 0 };
  };
  return { named, passes: (key, intervalMs) => named(key, intervalMs, () => '').passes };
}
