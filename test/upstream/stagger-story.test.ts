// What `families.order: auto` is worth on ways that lose datagrams, beside `serial`, in virtual time (F2).
import { test } from 'tap';
import { lossOf, middlebox } from '../support/losses.ts';
import { askPairs } from './lossy-path.ts';

const TEN_MINUTES = 10 * 60_000;

function percentile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.ceil(share * times.length) - 1] ?? Number.NaN;
}

for (const rtt of [5, 20]) {
  test(`F2: at 5 % loss, ${rtt} ms away, auto loses no pair that serial does not lose, and is no later`, async (t) => {
    const interval = 500;
    const pairs = TEN_MINUTES / interval;
    for (const seed of [1, 2, 3]) {
      const [auto, serial] = await Promise.all(
        (['auto', 'serial'] as const).map((kind) =>
          askPairs({ order: { kind }, loss: lossOf(0.05, seed), rtt, pairs, interval }),
        ),
      );
      if (auto === undefined || serial === undefined) throw new Error('no result');
      const lost = ({ times }: typeof auto) => times.filter((time) => time === Infinity).length;
      t.equal(lost(auto), 0);
      t.equal(lost(serial), 0);
      const [autoP99, serialP99] = [auto, serial].map(({ times }) => percentile(times, 0.99));
      t.ok(Number(autoP99) <= Number(serialP99), `p99: ${autoP99} ms, serial ${serialP99} ms`);
      t.ok(percentile(auto.times, 0.5) <= percentile(serial.times, 0.5), 'p50');
      t.ok(auto.changes.length <= 10, `${auto.changes.length} changes in ten minutes`);
    }
  });
}

test('F2: without loss auto takes one round trip where that is longer than a millisecond, and nothing changes', async (t) => {
  const { times, changes } = await askPairs({
    order: { kind: 'auto' },
    loss: () => false,
    rtt: 20,
    pairs: 100,
    interval: 100,
  });
  t.ok(times.every((time) => time <= 21));
  t.same(changes, []);
});

test('F2: behind a middlebox that drops the second datagram of a name, pairs are serial within 16, and none is late', async (t) => {
  for (const rtt of [2, 5, 20, 60]) {
    const { times, changes, changedAfter } = await askPairs({
      order: { kind: 'auto' },
      loss: middlebox(),
      rtt,
      pairs: 200,
      interval: 100,
    });
    t.equal(changes[0], 'serial', `${rtt} ms away`);
    t.ok(Number(changedAfter[0]) <= 16, `after ${changedAfter[0]} pairs`);
    t.ok(Math.max(...times) <= 1_000, `${Math.max(...times)} ms`);
  }
});
