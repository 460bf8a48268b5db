import fc from 'fast-check';
import { test } from 'tap';
import { ResendBudget, RoundTrips } from '../../src/upstream/retransmission.ts';

test('150 ms with no samples (U2)', (t) => {
  t.equal(new RoundTrips().timeout, 150);
  t.equal(new RoundTrips().smoothed(0), undefined);
  t.end();
});

test('the first sample is the mean, half of it the deviation (RFC 6298 §2.2)', (t) => {
  const trips = new RoundTrips();
  trips.sample(40, 0);
  t.equal(trips.smoothed(0), 40);
  t.equal(trips.timeout, 40 + 4 * 20);
  t.end();
});

test('later samples weigh an eighth, their distance a quarter (RFC 6298 §2.3)', (t) => {
  const trips = new RoundTrips();
  trips.sample(40, 0);
  trips.sample(80, 0);
  // RTTVAR = 3/4 * 20 + 1/4 * 40 = 25, SRTT = 7/8 * 40 + 1/8 * 80 = 45.
  t.equal(trips.smoothed(0), 45);
  t.equal(trips.timeout, 45 + 4 * 25);
  t.end();
});

test('a steady server is asked again 10 ms after it should have answered, but never before 30 ms (U2)', (t) => {
  const near = new RoundTrips();
  const far = new RoundTrips();
  for (let i = 0; i < 100; i++) {
    near.sample(1, 0);
    far.sample(100, 0);
  }
  t.equal(near.timeout, 30);
  t.ok(far.timeout >= 110 && far.timeout < 110.001, `${far.timeout}`);
  t.end();
});

test('whatever is measured, the timeout stays between 30 and 400 ms, and above the mean (U2)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 4_500, noNaN: true }), { minLength: 1 }),
        (times) => {
          const trips = new RoundTrips();
          for (const time of times) trips.sample(time, 0);
          const mean = trips.smoothed(0) ?? Number.NaN;
          const { timeout } = trips;
          if (!(timeout >= 30 && timeout <= 400)) return false;
          return (
            timeout >= Math.min(400, mean + 10) &&
            mean >= Math.min(...times) - 1e-6 &&
            mean <= Math.max(...times) + 1e-6
          );
        },
      ),
    ),
  );
  t.end();
});

test('a measurement is forgotten after 30 s for the choice, and the next one replaces it', (t) => {
  const trips = new RoundTrips();
  trips.sample(300, 0);
  t.equal(trips.smoothed(30_000), 300);
  t.equal(trips.smoothed(30_001), undefined);
  t.equal(trips.timeout, 400, 'the timer still goes by it');
  trips.sample(340, 30_000);
  t.equal(trips.smoothed(30_000), 305, 'one in time is smoothed');
  trips.sample(345, 50_000);
  t.equal(trips.smoothed(50_000), 310);
  trips.sample(8, 80_001);
  t.equal(trips.smoothed(80_001), 8);
  t.equal(trips.timeout, 30);
  t.end();
});

test('a send that was given up is evidence only upwards', (t) => {
  const trips = new RoundTrips();
  trips.sample(100, 0);
  trips.sampleAtLeast(50, 0);
  t.equal(trips.smoothed(0), 100);
  trips.sampleAtLeast(180, 0);
  t.equal(trips.smoothed(0), 110);
  t.equal(trips.timeout, 100 + 4 * 50, 'of the choice, not of the timer');
  trips.sampleAtLeast(110, 30_000);
  t.equal(trips.smoothed(30_001), undefined, 'what was known is no news');
  t.end();
});

test('what a silence seemed to say ends with it: nearer replaces, farther does not', (t) => {
  const trips = new RoundTrips();
  trips.forgive(20);
  t.equal(trips.smoothed(0), undefined, 'nothing was said');
  trips.sampleAtLeast(100, 0);
  trips.forgive(20);
  t.equal(trips.smoothed(0), 20);
  trips.forgive(300);
  t.equal(trips.smoothed(0), 20);
  t.end();
});

test('the first answer decides, whatever a silence before it seemed to say', (t) => {
  const trips = new RoundTrips();
  trips.sampleAtLeast(150, 0);
  t.equal(trips.timeout, 150);
  trips.sample(40, 1_000);
  t.equal(trips.smoothed(1_000), 40);
  t.equal(trips.timeout, 40 + 4 * 20);
  t.end();
});

/** How many tokens are left: all of them are taken. */
function drain(budget: ResendBudget): number {
  let count = 0;
  while (count < 1_000 && budget.take()) count++;
  return count;
}

test('20 resends at once, then one for every ten questions (U2)', (t) => {
  const budget = new ResendBudget();
  t.equal(drain(budget), 20);
  for (let i = 0; i < 35; i++) budget.earn(0);
  t.equal(drain(budget), 3);
  budget.giveBack(2);
  t.equal(drain(budget), 2);
  t.end();
});

/** Asks so many questions in a second, from then on. */
function askFor(budget: ResendBudget, perSecond: number, from: number, seconds: number): void {
  for (let i = 0; i < perSecond * seconds; i++) budget.earn(from + (i * 1_000) / perSecond);
}

test('a busy server has a burst of what it is asked in 400 ms, saved up from one in ten (U2)', (t) => {
  const busy = new ResendBudget();
  askFor(busy, 1_000, 0, 2.005);
  t.equal(drain(busy), 20 + 100, 'a second to count, and one to save');
  askFor(busy, 1_000, 2_000, 10);
  t.equal(drain(busy), 400);
  busy.giveBack(1_000);
  t.equal(drain(busy), 400);
  const quiet = new ResendBudget();
  askFor(quiet, 50, 0, 60);
  t.equal(drain(quiet), 20, '400 ms of 50 a second');
  t.end();
});

test('what a server was asked long ago makes no burst (U2)', (t) => {
  const budget = new ResendBudget();
  askFor(budget, 1_000, 0, 10);
  budget.earn(60_000);
  budget.earn(61_000);
  t.equal(drain(budget), 20);
  t.end();
});

test('neither questions nor tokens that come back make more than the burst (U2)', (t) => {
  const steps = {
    earn: (budget: ResendBudget) => budget.earn(0),
    giveBack: (budget: ResendBudget) => budget.giveBack(1),
    take: (budget: ResendBudget) => budget.take(),
  };
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.values(steps))), (walk) => {
        const budget = new ResendBudget();
        for (const step of walk) step(budget);
        return drain(budget) <= 20;
      }),
    ),
  );
  t.end();
});
