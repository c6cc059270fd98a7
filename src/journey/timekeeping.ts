/**
 * Notices that the clock of this host was set, and moves the runs along. Asked before anything is written to a run or decided by its times, so
 * that no run ever holds times of two clocks: those written before were moved, those written later are by the new one.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Budgets } from '../runs/budgets.ts';
import { JUMP_MS, newestMomentOf } from '../runs/set-clock.ts';
import { transition } from '../runs/transition.ts';
import type { Changes } from './changes.ts';
import type { NewEvent, Repositories, Store } from './ports.ts';

export interface Timekeeping {
  /**
   * Done at once while nobody has set the clock. Else all runs are moved in one transaction, or none and the next call tries again. The first
   * call looks for runs that are younger than the clock: it was set back while the daemon was off.
   */
  follow(): Promise<void>;
}

export interface TimekeepingParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly budgets: Budgets;
  readonly changes: Changes;
}

export function createTimekeeping({ store, clock, log, budgets, changes }: TimekeepingParts): Timekeeping {
  /** Time of day minus passed time: constant until somebody sets the clock. */
  let reference: number | undefined;
  /** Time of day minus the time that this host was awake, which is quickly asked: changes when the clock is set, or the host was suspended. */
  let awake = 0;
  let moving: Promise<void> | undefined;
  const whileAwake = (): number => clock.now() - clock.monotonic();

  async function moveRuns(): Promise<void> {
    const seenAwake = whileAwake();
    const seen = seenAwake - clock.suspended();
    const byMs = Math.round(reference === undefined ? 0 : seen - reference);
    if (reference !== undefined && Math.abs(byMs) < JUMP_MS) {
      // What waits has waited: its time is up when it would have been.
      log.warn({ ms: Math.round(seenAwake - awake) }, 'this host was suspended; deadlines stay where they are');
      awake = seenAwake;
      return;
    }
    const moved = await store.transaction((repositories) => moveAll(repositories, byMs));
    reference = reference === undefined ? seen : reference + byMs;
    awake = seenAwake;
    if (moved === 0 && byMs === 0) return;
    log.warn({ byMs, runs: moved }, 'the clock of this host was set; deadlines move along');
    if (moved > 0) changes.notify();
  }

  async function moveAll({ runs, nodes, events }: Repositories, byMs: number): Promise<number> {
    const now = clock.now();
    const told: NewEvent[] = [];
    for (const run of await runs.active()) {
      if (byMs === 0 && newestMomentOf(run) - now < JUMP_MS) continue;
      const result = transition(run, { kind: 'clock-jumped', byMs }, now, budgets);
      if (result.run === run) continue;
      if (!(await runs.update(result.run, run.revision))) throw new Error(`run ${run.id} changed inside a transaction`);
      const mac = run.data.boundMac ?? (await nodes.byId(run.nodeId))?.macs[0];
      told.push(...result.events.map((event) => ({ at: now, mac, nodeId: run.nodeId, runId: run.id, ...event })));
    }
    if (told.length > 0) await events.append(told);
    return told.length;
  }

  return {
    async follow() {
      if (moving === undefined) {
        if (reference !== undefined && Math.abs(whileAwake() - awake) < JUMP_MS) return;
        moving = moveRuns().finally(() => {
          moving = undefined;
        });
      }
      await moving;
    },
  };
}
