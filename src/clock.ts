/** Time is passed in, so that tests need no sleeps and a restart can be replayed. All times are epoch milliseconds (UTC). */
import { uptime } from 'node:os';

export interface Clock {
  /** Now, in epoch milliseconds. */
  now(): number;
  /** Milliseconds that have passed since some moment, whatever happens to the time of day: for lengths, and to notice that the clock was set. */
  monotonic(): number;
  /** Milliseconds that this host has been suspended, counted from some moment: time that passed, and that `monotonic` and timers do not count. */
  suspended(): number;
  /** Calls back once after `delayMs`; the returned function cancels. Never keeps the process alive by itself. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // The kernel's uptime goes on while it is suspended (CLOCK_BOOTTIME), performance.now() does not (CLOCK_MONOTONIC).
  suspended: () => uptime() * 1000 - performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A clock for tests: stands still until it is advanced, and then fires what is due in order. */
export class ManualClock implements Clock {
  #now: number;
  #passed = 0;
  #suspended = 0;
  #sequence = 0;
  /** Timers count passed time, as the kernel's do: setting the clock fires none. */
  readonly #timers = new Map<number, { readonly at: number; readonly callback: () => void }>();

  constructor(startMs = 1_800_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#passed;
  }

  suspended(): number {
    return this.#suspended;
  }

  after(delayMs: number, callback: () => void): () => void {
    const id = ++this.#sequence;
    this.#timers.set(id, { at: this.#passed + Math.max(0, delayMs), callback });
    return () => this.#timers.delete(id);
  }

  /** Somebody sets the clock: the time of day is another one, no time has passed. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** The host sleeps: time goes on, and no timer counts it. */
  suspend(ms: number): void {
    this.#now += ms;
    this.#suspended += ms;
  }

  /** Moves time forward by `ms`, firing every timer that falls due on the way, earliest first. */
  advance(ms: number): void {
    const target = this.#passed + ms;
    for (;;) {
      let next: { id: number; at: number; callback: () => void } | undefined;
      for (const [id, timer] of this.#timers) {
        if (timer.at <= target && (next === undefined || timer.at < next.at)) next = { id, ...timer };
      }
      if (next === undefined) break;
      this.#timers.delete(next.id);
      this.#pass(next.at - this.#passed);
      next.callback();
    }
    this.#pass(target - this.#passed);
  }

  #pass(ms: number): void {
    this.#now += ms;
    this.#passed += ms;
  }
}
