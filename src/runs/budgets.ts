/** How long a run may stay in each state before it counts as stalled. Milliseconds; settings may change every one of them. */
import type { RunState } from './run.ts';

const MINUTE = 60_000;

export interface Budgets {
  /** From arming to the answer; then the run expires. */
  readonly armed: number;
  readonly states: Readonly<Partial<Record<RunState, number>>>;
  /** A run that stays stalled for this long after its answer was handed out has failed. */
  readonly giveUp: number;
}

/** Start values: answer within 5 min of the image, hook within 1 min of the answer, webhook within 30, first boot within 15. */
export const DEFAULT_BUDGETS: Budgets = {
  armed: 60 * MINUTE,
  states: {
    booting: 3 * MINUTE,
    loading: 15 * MINUTE,
    live: 5 * MINUTE,
    claimed: 2 * MINUTE,
    installing: 30 * MINUTE,
    installed: 15 * MINUTE,
    configuring: 30 * MINUTE,
  },
  giveUp: 120 * MINUTE,
};
