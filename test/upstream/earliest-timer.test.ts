import { test } from 'tap';
import { EarliestTimer } from '../../src/upstream/earliest-timer.ts';
import { HandClock } from '../support/hand-clock.ts';

test('it fires once, at the earliest of its times, however often it is set', async (t) => {
  const clock = new HandClock();
  const fired: number[] = [];
  const timer = new EarliestTimer(clock, () => fired.push(clock.now()));
  for (const span of [300, 200, 200, 400]) timer.set(span);
  t.equal(clock.timers, 1);
  await clock.advance(1_000);
  t.same(fired, [200]);
});

test('cancelled, set or not, it does not fire', async (t) => {
  const clock = new HandClock();
  let fired = 0;
  const timer = new EarliestTimer(clock, () => fired++);
  timer.cancel();
  timer.set(100);
  timer.cancel();
  await clock.advance(200);
  t.equal(fired + clock.timers, 0);
});
