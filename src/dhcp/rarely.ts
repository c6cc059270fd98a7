/** Log lines about things that anybody on the wire can cause: at most one a minute for each kind, with the number that was left out. */
import type { Clock } from '../clock.ts';

export const QUIET_MS = 60_000;
const MOST_KINDS = 10_000;

export class Rarely {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #kinds = new Map<string, { at: number; leftOut: number }>();

  constructor(clock: Clock, quietMs = QUIET_MS) {
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  /** Calls `write` with the number of earlier occasions that went unwritten, or counts this one. Of many kinds the oldest is forgotten. */
  say(kind: string, write: (leftOut: number) => void): void {
    const now = this.#clock.now();
    const known = this.#kinds.get(kind);
    // A clock that was set back silences nothing.
    if (known !== undefined && known.at <= now && now - known.at < this.#quietMs) {
      known.leftOut += 1;
      return;
    }
    this.#kinds.delete(kind);
    this.#kinds.set(kind, { at: now, leftOut: 0 });
    if (this.#kinds.size > MOST_KINDS) this.#forgetOldest();
    write(known?.leftOut ?? 0);
  }

  #forgetOldest(): void {
    const oldest = this.#kinds.keys().next().value;
    if (oldest !== undefined) this.#kinds.delete(oldest);
  }
}
