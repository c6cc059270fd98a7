/** Keeps the data directory bounded: old events, ended runs, deliveries and old entries of the audit log go, a few at a time, so that nobody waits for it. */
import { messageOf } from '../errors.ts';
import type { Journey } from './journey.ts';
import type { PruneRule } from './ports.ts';

export interface RetentionSettings {
  readonly eventDays: number;
  readonly events: number;
  readonly runDays: number;
  readonly runs: number;
  readonly auditDays: number;
  readonly audit: number;
  readonly deliveryDays: number;
  readonly deliveries: number;
}

export interface Removed {
  readonly events: number;
  readonly runs: number;
  readonly audit: number;
  readonly deliveries: number;
}

const DAY = 86_400_000;
/** Rows of one transaction: some milliseconds. */
const BATCH = 100;
/** Between two of them everything else has its turn. */
const PAUSE_MS = 50;
const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;

export interface Retention {
  stop(): Promise<void>;
}

export function startRetention(journey: Journey, settings: RetentionSettings): Retention {
  const { clock, log } = journey;
  let stopped = false;
  let cancel = (): void => {};
  let pass: Promise<void> = Promise.resolve();

  const pause = () =>
    new Promise<void>((resolve) => {
      if (stopped) return resolve();
      const callOff = clock.after(PAUSE_MS, resolve);
      cancel = () => {
        callOff();
        resolve();
      };
    });

  async function sweep(): Promise<void> {
    try {
      const removed = await prune(journey, settings, async () => {
        await pause();
        return !stopped;
      });
      if (Object.values(removed).some((rows) => rows > 0))
        log.info(
          { ...removed, databaseBytes: journey.store.sizeBytes() },
          'old events, runs, audit entries and deliveries were removed',
        );
    } catch (error) {
      log.error({ err: messageOf(error) }, 'removing old events failed; it is tried again in an hour');
    }
    schedule(EVERY_MS);
  }

  function schedule(delayMs: number): void {
    if (stopped) return;
    cancel = clock.after(delayMs, () => {
      pass = sweep();
    });
  }

  schedule(FIRST_MS);
  return {
    async stop() {
      stopped = true;
      cancel();
      await pass;
    },
  };
}

/** Removes everything that the settings let go. `goOn` is asked between two steps. @returns how many rows went */
export async function prune(
  { store, clock }: Pick<Journey, 'store' | 'clock'>,
  settings: RetentionSettings,
  goOn: () => Promise<boolean> = async () => true,
): Promise<Removed> {
  const all = async (step: (rule: PruneRule) => Promise<number>, days: number, keep: number): Promise<number> => {
    const rule = { before: clock.now() - days * DAY, keep, limit: BATCH };
    let removed = 0;
    for (;;) {
      const now = await step(rule);
      removed += now;
      if (now < BATCH || !(await goOn())) return removed;
    }
  };
  return {
    events: await all((rule) => store.events.prune(rule), settings.eventDays, settings.events),
    runs: await all((rule) => store.runs.prune(rule), settings.runDays, settings.runs),
    audit: await all((rule) => store.audit.prune(rule), settings.auditDays, settings.audit),
    deliveries: await all((rule) => store.webhooks.prune(rule), settings.deliveryDays, settings.deliveries),
  };
}
