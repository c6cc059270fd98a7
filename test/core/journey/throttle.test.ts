import { test } from 'tap';
import { ManualClock } from '../../../src/clock.ts';
import { createThrottle } from '../../../src/journey/throttle.ts';

test('one in an interval, each key for itself, and the rest are counted', (t) => {
  const clock = new ManualClock(1_000_000);
  const throttle = createThrottle(clock);
  t.equal(throttle.passes('a', 10_000), true);
  t.equal(throttle.passes('a', 10_000), false);
  t.equal(throttle.passes('b', 10_000), true);
  let made = 0;
  const named = () => throttle.named('c', 10_000, () => `name ${++made}`);
  t.same(named(), { passes: true, name: 'name 1', leftOut: 0 });
  t.match(
    [named(), named()],
    [
      { passes: false, name: 'name 1' },
      { passes: false, name: 'name 1' },
    ],
  );
  clock.advance(9_999);
  t.equal(named().passes, false);
  clock.advance(1);
  t.same(named(), { passes: true, name: 'name 2', leftOut: 3 });
  t.equal(throttle.passes('a', 10_000), true);
  t.end();
});

test('a clock that is set back silences nobody', (t) => {
  let now = 1_000_000_000;
  const clock = Object.assign(new ManualClock(), { now: () => now });
  const throttle = createThrottle(clock);
  t.equal(throttle.passes('a', 10_000), true);
  now -= 86_400_000;
  t.equal(throttle.passes('a', 10_000), true, 'not silent for a day');
  t.equal(throttle.passes('a', 10_000), false, 'and throttled from the new time on');
  now += 10_000;
  t.equal(throttle.passes('a', 10_000), true);
  t.end();
});

test('of more keys than it holds the oldest is forgotten', (t) => {
  const throttle = createThrottle(new ManualClock(), 2);
  for (const key of ['a', 'b', 'c']) throttle.passes(key, 10_000);
  t.equal(throttle.passes('c', 10_000), false);
  t.equal(throttle.passes('a', 10_000), true);
  t.end();
});
