/**
 * What becomes of a run's times when the clock of the server is set. A run keeps moments, but means lengths: how long it has been armed, how long
 * it may still wait. All its times that lengths are taken from move together, so no length changes; and what has happened stays in the past,
 * so that no run lives longer from now on than the time it was armed for.
 */
import type { Run } from './run.ts';

/** A smaller step harms no budget, and time synchronisation that slews stays far below. Milliseconds. */
export const JUMP_MS = 5000;

/** The last thing that a run says has happened to it: at that moment the clock showed this. Epoch milliseconds. */
export function newestMomentOf({ armedAt, stateSince, data }: Run): number {
  return Math.max(
    armedAt,
    stateSince,
    data.stalledSince ?? armedAt,
    data.waitingForCodeSince ?? armedAt,
    data.codeFailedAt ?? armedAt,
  );
}

/**
 * How far the times of a run move after the clock was set by `byMs`: less far forward, or further back, where what has happened would come to
 * lie in the future otherwise. Then it was written by the new clock already, or the clock was set while nobody looked.
 */
export function shiftOf(run: Run, byMs: number, now: number): number {
  return byMs - Math.max(0, newestMomentOf(run) + byMs - now);
}

/** The run with all its times moved. */
export function shifted(run: Run, byMs: number): Run {
  const { data } = run;
  const moved = (at: number | undefined): number | undefined => (at === undefined ? undefined : at + byMs);
  return {
    ...run,
    armedAt: run.armedAt + byMs,
    stateSince: run.stateSince + byMs,
    deadlineAt: moved(run.deadlineAt),
    data: {
      ...data,
      expiresAt: data.expiresAt + byMs,
      ...(data.stalledSince !== undefined && { stalledSince: data.stalledSince + byMs }),
      ...(data.waitingForCodeSince !== undefined && { waitingForCodeSince: data.waitingForCodeSince + byMs }),
      ...(data.codeFailedAt !== undefined && { codeFailedAt: data.codeFailedAt + byMs }),
    },
  };
}
