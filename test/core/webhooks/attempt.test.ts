/** What becomes of a delivery and its endpoint: every answer, the schedule, and the ends of it. */
import fc from 'fast-check';
import { test } from 'tap';
import {
  type Answer,
  delayAfter,
  FURTHEST_MS,
  judge,
  MAX_AGE_MS,
  MAX_TRIES,
  pauseAfter,
  retryAfterOf,
} from '../../../src/webhooks/attempt.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const middle = () => 0.5;
const fresh = { tries: 0, queuedAt: NOW };
const well = { failures: 0, failingSince: undefined };
const answered = (status: number, retryAfterMs?: number): Answer => ({ kind: 'answered', status, retryAfterMs });
const failed: Answer = { kind: 'failed', reason: 'connection refused' };

test('one answer each', (t) => {
  const again = { state: 'waiting', dueAt: NOW + 5000 };
  for (const [name, answer, delivery, pause, failure] of [
    ['200', answered(200), { state: 'delivered' }, undefined, undefined],
    ['204', answered(204), { state: 'delivered' }, undefined, undefined],
    ['299', answered(299), { state: 'delivered' }, undefined, undefined],
    ['a redirect', answered(302), again, 5000, 'answered 302: redirects are not followed'],
    ['it refuses this one', answered(400), again, undefined, 'answered 400'],
    ['it does not know the secret', answered(401), again, undefined, 'answered 401'],
    ['too slow', answered(408), again, 5000, 'answered 408'],
    ['broken', answered(500), again, 5000, 'answered 500'],
    ['nobody there', failed, again, 5000, 'connection refused'],
    ['gone', answered(410), { state: 'dead' }, undefined, 'answered 410 Gone: it wants no more'],
    ['patience is asked for', answered(429, 60_000), { state: 'waiting', dueAt: NOW + 60_000 }, 60_000, 'answered 429'],
    ['too much patience', answered(503, 9e9), { state: 'waiting', dueAt: NOW + HOUR }, HOUR, 'answered 503'],
  ] as const) {
    const verdict = judge(answer, fresh, well, NOW, middle);
    t.same(verdict.delivery, delivery, name);
    t.equal(verdict.health.pausedUntil, pause === undefined ? undefined : NOW + pause, `${name}: the endpoint`);
    t.equal(verdict.failure, failure, `${name}: the words`);
    t.equal(verdict.off, name === 'gone' ? 'gone' : undefined, `${name}: switched off`);
  }
  t.end();
});

test('the schedule', (t) => {
  const seconds = Array.from({ length: MAX_TRIES - 1 }, (_, i) => delayAfter(i + 1) / 1000);
  t.same(seconds, [5, 20, 80, 320, 1280, 5120, 20480, 21600, 21600, 21600, 21600]);
  t.same(
    [1, 2, 3, 6, 7, 50, 5000].map((failures) => pauseAfter(failures) / 1000),
    [5, 10, 20, 160, 300, 300, 300],
  );
  t.equal(judge(failed, fresh, well, NOW, () => 0).delivery.state, 'waiting');
  t.same(
    [0, 1].map((random) => judge(failed, fresh, well, NOW, () => random).delivery),
    [
      { state: 'waiting', dueAt: NOW + 4000 },
      { state: 'waiting', dueAt: NOW + 6000 },
    ],
    'spread by a fifth to both sides',
  );
  t.end();
});

test('the ends', (t) => {
  const last = { tries: MAX_TRIES - 1, queuedAt: NOW };
  t.same(judge(failed, last, well, NOW, middle).delivery, { state: 'dead' }, 'too many attempts');
  t.equal(judge(failed, { ...last, tries: MAX_TRIES - 2 }, well, NOW, middle).delivery.state, 'waiting');
  const old = { tries: 1, queuedAt: NOW - MAX_AGE_MS };
  t.same(judge(failed, old, well, NOW, middle).delivery, { state: 'dead' }, 'too old');
  t.same(judge(answered(200), old, well, NOW, middle).delivery, { state: 'delivered' }, 'too old, and yet delivered');
  for (const [name, failures, hours, off] of [
    ['for long, and often', 19, 72, 'failing'],
    ['often, not for long', 500, 71, undefined],
    ['for long, not often', 18, 1000, undefined],
  ] as const)
    t.equal(judge(failed, fresh, { failures, failingSince: NOW - hours * HOUR }, NOW, middle).off, off, `off: ${name}`);
  t.end();
});

test('an outage that ends makes all that waited due; a single failure does not', (t) => {
  for (const [failures, recovered] of [
    [0, false],
    [2, false],
    [3, true],
  ] as const)
    t.match(judge(answered(200), fresh, { failures, failingSince: NOW - 1 }, NOW, middle), {
      recovered,
      health: { failures: 0, failingSince: undefined, pausedUntil: undefined },
    });
  t.end();
});

test('nothing is put further ahead than is said, and never into the past', (t) => {
  const anAnswer = fc.oneof(
    fc.constant(failed),
    fc.record({
      kind: fc.constant('answered' as const),
      status: fc.integer({ min: 100, max: 999 }),
      retryAfterMs: fc.option(fc.nat({ max: 10 ** 12 }), { nil: undefined }),
    }),
  );
  fc.assert(
    fc.property(anAnswer, fc.nat(MAX_TRIES), fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }), (...given) => {
      const [answer, tries, failures, random] = given;
      const verdict = judge(answer, { tries, queuedAt: NOW }, { failures, failingSince: NOW }, NOW, () => random);
      const { delivery, health } = verdict;
      const times = [delivery.state === 'waiting' ? delivery.dueAt : NOW + 1, health.pausedUntil ?? NOW + 1];
      return times.every((at) => at > NOW && at <= NOW + FURTHEST_MS);
    }),
  );
  t.end();
});

test('Retry-After', (t) => {
  for (const [header, expected] of [
    [undefined, undefined],
    ['120', 120_000],
    ['0', 0],
    ['-5', undefined],
    ['soon', undefined],
    ['99999999999', undefined],
    [new Date(NOW + 60_000).toUTCString(), 60_000],
    [new Date(NOW - 60_000).toUTCString(), 0],
  ] as const)
    t.equal(retryAfterOf(header, NOW), expected, String(header));
  t.end();
});
