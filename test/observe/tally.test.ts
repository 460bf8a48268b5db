import fc from 'fast-check';
import { test } from 'tap';
import { Histogram, HistogramSet, Tally, TallyGrid, TallySet } from '../../src/observe/tally.ts';

test('a tally grows by one, or by what it is told', (t) => {
  const tally = new Tally();
  tally.add();
  tally.add(41);
  t.equal(tally.value, 42);
  t.end();
});

test('a set holds every label from the start, and takes no other (S1, S4)', (t) => {
  const set = new TallySet(['hit', 'miss']);
  set.add('miss', 2);
  set.add('evil.example.com' as 'hit');
  t.strictSame(
    [...set.entries()].map(([label, { value }]) => [label, value]),
    [
      ['hit', 0],
      ['miss', 2],
    ],
  );
  t.equal(set.get('evil.example.com' as 'hit'), 0);
  t.end();
});

test('a tally that is held adds to its set, and there is none outside it', (t) => {
  const set = new TallySet(['hit', 'miss']);
  set.tally('hit').add();
  t.equal(set.get('hit'), 1);
  t.throws(() => set.tally('x' as 'hit'), new RangeError('label outside its set: x'));
  t.end();
});

test('a grid holds every combination from the start, and takes no other (S1, S4)', (t) => {
  const grid = new TallyGrid(['udp', 'tcp'], ['A', 'AAAA']);
  grid.add('tcp', 'A');
  grid.tally('udp', 'AAAA').add(3);
  grid.add('quic' as 'udp', 'A');
  grid.add('udp', 'ANY' as 'A');
  t.strictSame(
    Array.from(grid.entries(), ([row, column, { value }]) => [row, column, value]),
    [
      ['udp', 'A', 0],
      ['udp', 'AAAA', 3],
      ['tcp', 'A', 1],
      ['tcp', 'AAAA', 0],
    ],
  );
  t.equal(grid.get('udp', 'AAAA'), 3);
  t.equal(grid.get('quic' as 'udp', 'A'), 0);
  t.throws(() => grid.tally('quic' as 'udp', 'A'), RangeError);
  t.throws(() => grid.tally('udp', 'ANY' as 'A'), RangeError);
  t.end();
});

test('a histogram counts a value where its bound is the first that is not below it', (t) => {
  const histogram = new Histogram([1, 5]);
  for (const value of [0, 1, 1.1, 5, 6]) histogram.observe(value);
  t.strictSame([...histogram.counts], [2, 2, 1]);
  t.equal(histogram.count, 5);
  t.equal(histogram.sum, 13.1);
  t.equal(histogram.max, 6);
  t.equal(histogram.countAbove(1), 3);
  t.equal(histogram.countAbove(5), 1);
  t.equal(new Histogram([1]).max, 0);
  t.end();
});

test('whatever a histogram sees, it counts once', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        const histogram = new Histogram([0.1, 1, 10]);
        for (const value of values) histogram.observe(value);
        const upTo = (bound: number) => values.filter((value) => value <= bound).length;
        const cumulated = [...histogram.counts].map((_, index, counts) =>
          counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0),
        );
        return [...cumulated].join() === [upTo(0.1), upTo(1), upTo(10), values.length].join();
      }),
    ),
  );
  t.end();
});

test('histograms by label share their bounds and nothing else', (t) => {
  const set = new HistogramSet(['cache', 'upstream'], [1]);
  set.observe('cache', 0.5);
  set.histogram('upstream').observe(2);
  set.observe('x' as 'cache', 1);
  t.strictSame(
    Array.from(set.entries(), ([label, { counts }]) => [label, ...counts]),
    [
      ['cache', 1, 0],
      ['upstream', 0, 1],
    ],
  );
  t.throws(() => set.histogram('x' as 'cache'), RangeError);
  t.end();
});
