import { test } from 'tap';
import type { Clock } from '../../src/clock.ts';
import { afterSockets } from '../../src/upstream/after-sockets.ts';
import { HandClock } from '../support/hand-clock.ts';

/** A clock whose timers fire `lag` too late. */
function setup() {
  const hand = new HandClock();
  let lag = 0;
  const clock: Clock = {
    now: () => hand.now() + lag,
    after: (delay, fire) => hand.after(delay, fire),
  };
  const seen: string[] = [];
  const timer = afterSockets(clock, 100, () => seen.push('timer'));
  hand.after(100, () => seen.push('reply'));
  const run = (late: number) => {
    lag = late;
    return hand.advance(100);
  };
  return { hand, timer, seen, run };
}

test('a timer that fires in time comes first', async (t) => {
  const { seen, run } = setup();
  await run(9);
  t.same(seen, ['timer', 'reply']);
});

test('one that is late lets sockets be read, and then fires once', async (t) => {
  const { hand, seen, run } = setup();
  await run(10);
  t.same(seen, ['reply', 'timer']);
  t.equal(hand.timers, 0);
});

test('it is cancelled before its time, and while sockets are read', async (t) => {
  const early = setup();
  early.timer.cancel();
  await early.run(0);
  t.same(early.seen, ['reply']);
  const late = setup();
  late.hand.after(100, () => late.timer.cancel());
  await late.run(50);
  t.same(late.seen, ['reply']);
  t.equal(late.hand.timers, 0);
});
