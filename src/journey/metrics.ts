/** What is counted while the daemon runs, for /metrics. Numbers only: names of machines and addresses never become labels. */
import { lengthOf, type Run } from '../runs/run.ts';

/** Upper bounds in seconds, from a DHCP round trip to a slow installation. */
export const DURATION_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200] as const;

export interface Histogram {
  /** One more than there are buckets: the last counts what is longer than all of them. Not cumulative. */
  readonly counts: number[];
  sumSeconds: number;
}

export interface Metrics {
  /** By reason. */
  readonly refusals: ReadonlyMap<string, number>;
  /** By protocol: `http`, `tftp`. */
  readonly servedBytes: ReadonlyMap<string, number>;
  /** Ended runs by state and failure (empty when none), as `state failure`. */
  readonly ended: ReadonlyMap<string, number>;
  /** How long runs stayed in a state that they left. */
  readonly stateDurations: ReadonlyMap<string, Histogram>;
  /** From arming to the end, by the state in which runs ended. */
  readonly runDurations: ReadonlyMap<string, Histogram>;
  /** Attempts to deliver a webhook, as `name result`. */
  readonly webhooks: ReadonlyMap<string, number>;
  attempted(webhook: string, result: 'delivered' | 'failed' | 'given-up'): void;
  refused(reason: string): void;
  served(protocol: 'http' | 'tftp', bytes: number): void;
  /** A run was stored anew. @param now epoch milliseconds */
  moved(before: Run, after: Run, now: number): void;
}

export function createMetrics(): Metrics {
  const refusals = new Map<string, number>();
  const servedBytes = new Map<string, number>([
    ['http', 0],
    ['tftp', 0],
  ]);
  const ended = new Map<string, number>();
  const stateDurations = new Map<string, Histogram>();
  const runDurations = new Map<string, Histogram>();
  const webhooks = new Map<string, number>();
  return {
    webhooks,
    attempted: (webhook, result) => add(webhooks, `${webhook} ${result}`, 1),
    refusals,
    servedBytes,
    ended,
    stateDurations,
    runDurations,
    refused: (reason) => add(refusals, reason, 1),
    served: (protocol, bytes) => add(servedBytes, protocol, bytes),
    moved(before, after, now) {
      if (before.state === after.state) return;
      record(stateDurations, before.state, lengthOf(before.stateSince, now));
      if (after.endedAt === undefined) return;
      add(ended, `${after.state} ${after.failure ?? ''}`, 1);
      record(runDurations, after.state, lengthOf(after.armedAt, after.endedAt));
    },
  };
}

function add(map: Map<string, number>, key: string, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount);
}

function record(map: Map<string, Histogram>, key: string, durationMs: number): void {
  const histogram = map.get(key) ?? { counts: new Array<number>(DURATION_BUCKETS.length + 1).fill(0), sumSeconds: 0 };
  map.set(key, histogram);
  // A clock that was set back must not make a sum fall.
  const seconds = Math.max(0, durationMs / 1000);
  const index = DURATION_BUCKETS.findIndex((bound) => seconds <= bound);
  const at = index === -1 ? DURATION_BUCKETS.length : index;
  histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
  histogram.sumSeconds += seconds;
}
