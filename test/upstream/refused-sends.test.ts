import { test } from 'tap';
import { RefusedSends } from '../../src/upstream/refused-sends.ts';
import { HandClock } from '../support/hand-clock.ts';

/** A question whose datagrams this machine refuses for as long as `refuses` says so. */
function scene(refuses: () => boolean, pace?: number) {
  const clock = new HandClock();
  const sentAt: number[] = [];
  const sends: RefusedSends = new RefusedSends(
    clock,
    () => {
      sentAt.push(clock.now());
      if (refuses()) sends.note();
    },
    pace,
  );
  return { clock, sends, sentAt };
}

test('U2: it is sent again after 200 ms, then 400, then every 800, while each is refused', async (t) => {
  const { clock, sends, sentAt } = scene(() => true);
  sends.note();
  await clock.advance(4_000);
  t.strictSame(sentAt, [200, 600, 1_400, 2_200, 3_000, 3_800]);
});

test('U2: at a pace of its own it is sent again six times', async (t) => {
  const { clock, sends, sentAt } = scene(() => true, 30);
  sends.note();
  await clock.advance(4_000);
  t.strictSame(sentAt, [30, 60, 90, 120, 150, 180]);
  t.equal(clock.timers, 0);
});

test('U2: one that passes ends it, and refusals of two datagrams at once are one', async (t) => {
  const { clock, sends, sentAt } = scene(() => false);
  sends.note();
  await clock.advance(100);
  sends.note();
  t.equal(sends.isDue, true);
  await clock.advance(4_000);
  t.strictSame(sentAt, [200]);
  t.equal(sends.isDue, false);
  sends.note();
  await clock.advance(4_000);
  t.strictSame(sentAt, [200, 4_100 + 400], 'the next pause is the longer one');
});

test('U2: an answered question sends no more', async (t) => {
  const { clock, sends, sentAt } = scene(() => true);
  t.equal(sends.isDue, false);
  sends.cancel();
  sends.note();
  sends.cancel();
  t.equal(sends.isDue, false);
  t.equal(clock.timers, 0);
  await clock.advance(4_000);
  t.strictSame(sentAt, []);
});
