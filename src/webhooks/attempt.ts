/** What becomes of a delivery and of its endpoint after an attempt. Pure. */
import type { Delivery, Health, OffReason } from './webhook.ts';

/** What the endpoint said, or why it said nothing. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Verdict {
  readonly delivery: { readonly state: 'delivered' | 'dead' } | { readonly state: 'waiting'; readonly dueAt: number };
  readonly health: Pick<Health, 'failures' | 'failingSince' | 'pausedUntil'>;
  /** The endpoint is switched off. */
  readonly off: OffReason | undefined;
  /** It answers again after an outage: what waited for it is due. */
  readonly recovered: boolean;
  /** What went wrong, in a line; undefined: nothing. */
  readonly failure: string | undefined;
}

const SECOND = 1000;
const HOUR = 3_600_000;

/** Twelve attempts in about a day and a quarter: after 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 5.7 h, then every 6 h. */
export const MAX_TRIES = 12;
const FIRST_DELAY_MS = 5 * SECOND;
const FACTOR = 4;
const LONGEST_DELAY_MS = 6 * HOUR;
/** What has waited longer is given up, however many attempts are left. */
export const MAX_AGE_MS = 72 * HOUR;
/** An endpoint that fails is left alone for so long, twice as long each time: one attempt then finds out for all that wait. */
const FIRST_PAUSE_MS = 5 * SECOND;
const LONGEST_PAUSE_MS = 5 * 60 * SECOND;
/** An endpoint may ask for patience (Retry-After), up to this. */
const LONGEST_PATIENCE_MS = HOUR;
/** So many failures in a row, over so long: nobody is there any more. */
const OFF_FAILURES = 20;
const OFF_AFTER_MS = 72 * HOUR;
/** From so many on it counts as an outage of the endpoint, and not as trouble with single events. */
const OUTAGE_FAILURES = 3;

const JITTER = 0.2;
/** Further ahead than this nothing is ever put: what is, was written before the clock was set back. */
export const FURTHEST_MS = LONGEST_DELAY_MS * (1 + JITTER);

/** Spread around a length of time, so that what failed together does not come again together. @param random from 0 to 1 */
const spread = (ms: number, random: number): number => Math.round(ms * (1 - JITTER + 2 * JITTER * random));

/** How long after attempt number `tries` the next one is made, without spread. */
export function delayAfter(tries: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * FACTOR ** (tries - 1));
}

/** How long an endpoint is left alone after so many failures in a row, without spread. */
export function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

/** @param delivery as it was before this attempt @param random from 0 to 1, a new one each time */
export function judge(
  answer: Answer,
  delivery: Pick<Delivery, 'tries' | 'queuedAt'>,
  health: Pick<Health, 'failures' | 'failingSince'>,
  now: number,
  random: () => number,
): Verdict {
  if (answer.kind === 'answered' && answer.status >= 200 && answer.status < 300) {
    return {
      delivery: { state: 'delivered' },
      health: { failures: 0, failingSince: undefined, pausedUntil: undefined },
      off: undefined,
      recovered: health.failures >= OUTAGE_FAILURES,
      failure: undefined,
    };
  }
  const tries = delivery.tries + 1;
  const failures = health.failures + 1;
  const failingSince = health.failingSince ?? now;
  const gone = answer.kind === 'answered' && answer.status === 410;
  const over = tries >= MAX_TRIES || now - delivery.queuedAt >= MAX_AGE_MS;
  const always = failures >= OFF_FAILURES && now - failingSince >= OFF_AFTER_MS;
  const patience = answer.kind === 'answered' ? Math.min(answer.retryAfterMs ?? 0, LONGEST_PATIENCE_MS) : 0;
  const pause = refusesThisOne(answer) ? 0 : Math.max(patience, spread(pauseAfter(failures), random()));
  return {
    delivery:
      gone || over
        ? { state: 'dead' }
        : { state: 'waiting', dueAt: now + Math.max(patience, spread(delayAfter(tries), random())) },
    health: { failures, failingSince, pausedUntil: pause === 0 ? undefined : now + pause },
    off: gone ? 'gone' : always ? 'failing' : undefined,
    recovered: false,
    failure: wordsFor(answer),
  };
}

/** The endpoint is there and does not want this event: the others need not wait. */
function refusesThisOne(answer: Answer): boolean {
  if (answer.kind === 'failed') return false;
  const { status } = answer;
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

function wordsFor(answer: Answer): string {
  if (answer.kind === 'failed') return answer.reason;
  if (answer.status === 410) return 'answered 410 Gone: it wants no more';
  return answer.status >= 300 && answer.status < 400
    ? `answered ${answer.status}: redirects are not followed`
    : `answered ${answer.status}`;
}

/** The value of a Retry-After header (RFC 9110, 10.2.3) as milliseconds from now; undefined when it is none. */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND;
  const at = /GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
