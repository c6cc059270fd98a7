/** Log lines about things that anybody on the wire can cause: at most one a minute for each kind, with the number that was left out. */
import type { Clock } from '../clock.ts';

export const QUIET_MS = 60_000;

export class Rarely {
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { at: number; leftOut: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `write` with the number of earlier occasions that went unwritten, or counts this one. `kind` must come from a small fixed set. */
  say(kind: string, write: (leftOut: number) => void): void {
    const now = this.#clock.now();
    const known = this.#kinds.get(kind);
    if (known !== undefined && now - known.at < QUIET_MS) {
      known.leftOut += 1;
      return;
    }
    this.#kinds.set(kind, { at: now, leftOut: 0 });
    write(known?.leftOut ?? 0);
  }
}
