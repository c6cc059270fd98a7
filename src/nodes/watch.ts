/**
 * An installed node that is watched: it verifies its plan by a timer and reports. What a report means for what is known, and what an order to
 * apply the plan becomes. Pure.
 */

export interface Drift {
  /** When it was first seen not to hold. Epoch milliseconds by our clock. */
  readonly since: number;
  /** One line that says what. */
  readonly detail: string;
  readonly differences: ReadonlyArray<{ readonly what: string; readonly expected: string; readonly found: string }>;
  /** Packages that were changed between the last time that it held and now: `openssh-server 1:9.2 -> 1:9.3`. */
  readonly packages: readonly string[];
}

/** The plan that an administrator ordered. `fetchedAt`: the node has it. */
export interface Application {
  readonly by: string;
  readonly orderedAt: number;
  readonly fetchedAt?: number;
  /** The profile's `postInstall` that it was made from, secrets by reference. */
  readonly postInstall?: unknown;
  readonly profileVersion?: string;
  readonly modules?: readonly string[];
  /** How many reports were taken. */
  readonly reported?: number;
  /** Result of the last report of each step, by module. */
  readonly results?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Applied {
  readonly at: number;
  readonly by: string;
  readonly result: 'ok' | 'failed';
  readonly postInstall: unknown;
  readonly profileVersion: string;
}

export interface Watch {
  readonly nodeId: string;
  /** The run that installed it: its credential is the one that may report. */
  readonly runId: string;
  readonly seenAt: number;
  readonly verifiedAt: number | undefined;
  /** By module; empty: everything holds. */
  readonly drift: Readonly<Record<string, Drift>>;
  readonly application?: Application;
  /** The last plan that was applied after the installation; absent: that of the run still counts. */
  readonly applied?: Applied;
  /** Number of the last report of a plan that was taken. */
  readonly lastReportSeq?: number;
}

export interface Verification {
  readonly module: string;
  readonly result: 'ok' | 'failed';
  readonly detail: string;
  readonly differences?: Drift['differences'];
}

export interface WatchChange {
  readonly watch: Watch;
  /** Modules that began to drift, or do it in another way than before. */
  readonly began: readonly string[];
  readonly ended: readonly string[];
}

/** One look of the node at itself. A look names all modules of the plan: what it leaves out no longer drifts. */
export function afterVerification(
  watch: Watch,
  verifications: readonly Verification[],
  packages: readonly string[],
  now: number,
): WatchChange {
  const drift: Record<string, Drift> = {};
  const began: string[] = [];
  for (const { module, result, detail, differences = [] } of verifications) {
    if (result === 'ok') continue;
    // A node says what it likes, `constructor` too.
    const before = Object.hasOwn(watch.drift, module) ? watch.drift[module] : undefined;
    const same = before !== undefined && before.detail === detail && sameDifferences(before.differences, differences);
    if (!same) began.push(module);
    // What is broken since yesterday is not the fault of what was installed today.
    drift[module] = {
      since: before?.since ?? now,
      detail,
      differences,
      packages: before === undefined ? packages : before.packages,
    };
  }
  const ended = Object.keys(watch.drift).filter((module) => !Object.hasOwn(drift, module));
  return { watch: { ...watch, seenAt: now, verifiedAt: now, drift }, began, ended };
}

function sameDifferences(a: Drift['differences'], b: Drift['differences']): boolean {
  return (
    a.length === b.length &&
    a.every(({ what, expected, found }, i) => {
      const other = b[i];
      return other !== undefined && what === other.what && expected === other.expected && found === other.found;
    })
  );
}

/** An order that the node has not carried out by then is void: what nobody waits for any more must not happen on a machine that comes back. */
export const ORDER_MS = 24 * 3_600_000;

/** Reports of one order. A plan of every module with hundreds of scripts and all its restarts stays far below. */
export const MAX_REPORTS_OF_ORDER = 5000;

/** The order, while it may still be carried out. */
export function openOrder({ application }: Pick<Watch, 'application'>, now: number): Application | undefined {
  return application !== undefined && now - application.orderedAt < ORDER_MS ? application : undefined;
}

/** Whether the plan of the order runs: the node has it for certain, so nobody needs to fetch it again. */
export function hasBegun({ results = {} }: Application): boolean {
  return Object.keys(results).length > 0;
}

/**
 * What the node is told to do. An order of which it has reported something is under way: it is not told again, for it goes on by itself after a
 * restart. One that it has fetched may have been lost on the way.
 */
export function orderOf(watch: Watch, now: number): 'none' | 'apply' {
  const order = openOrder(watch, now);
  return order === undefined || hasBegun(order) ? 'none' : 'apply';
}
