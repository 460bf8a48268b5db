import { test } from 'tap';
import { Gauge, GaugeSet } from '../../src/observe/gauge.ts';

test('a gauge reads 0 until somebody says how to read it, and then what is there now', (t) => {
  const gauge = new Gauge();
  t.equal(gauge.read(), 0);
  const flights = new Set(['a']);
  gauge.readBy(() => flights.size);
  t.equal(gauge.read(), 1);
  flights.add('b');
  t.equal(gauge.read(), 2);
  t.end();
});

test('the last reader counts: a part that was built anew takes the place of the old', (t) => {
  const gauge = new Gauge();
  gauge.readBy(() => 1);
  gauge.readBy(() => 2);
  t.equal(gauge.read(), 2);
  t.end();
});

test('a set holds every label from the start, and takes no other (S1, S4)', (t) => {
  const set = new GaugeSet(['positive', 'negative']);
  set.readBy('negative', () => 7);
  set.readBy('x' as 'positive', () => 9);
  t.strictSame(
    Array.from(set.entries(), ([label, gauge]) => [label, gauge.read()]),
    [
      ['positive', 0],
      ['negative', 7],
    ],
  );
  t.end();
});
