import fc from 'fast-check';
import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { quantile, type StatusSources } from '../../src/observe/status-view.ts';
import { Histogram, Tally } from '../../src/observe/tally.ts';
import { serverTallies } from '../../src/upstream/upstream-tallies.ts';
import { HandClock } from '../support/hand-clock.ts';
import { plainStatus } from './plain-status.ts';

function setup(more: Partial<StatusSources> = {}) {
  const clock = new HandClock();
  const metrics = createMetrics();
  const view = plainStatus(metrics, clock, more);
  const answer = (count: number) => {
    metrics.listen.queries.add('udp', 'A', count);
    metrics.listen.responses.add('NOERROR', 'cache', count);
    metrics.lookups.duration.observe(0.02, count);
  };
  return { clock, metrics, view, answer };
}

test('the first look shows the averages of the whole life', async (t) => {
  const { clock, view, answer } = setup();
  answer(40);
  await clock.advance(20_000);
  const { stretch, totals } = view();
  t.match(stretch, { seconds: 20, isWhole: true, queries: 40 });
  t.equal(stretch.answered.get('cache'), 40);
  t.equal(stretch.lookups.count, 40);
  t.equal(totals.uptimeSeconds, 20);
  t.equal(clock.timers, 0, 'nothing runs while nobody looks');
});

test('then it shows the last ten seconds', async (t) => {
  const { clock, view, answer } = setup();
  answer(1_000);
  for (let n = 0; n < 20; n++) {
    view();
    await clock.advance(2_000);
    answer(4);
  }
  const { stretch, history } = view();
  t.match(stretch, { seconds: 10, isWhole: false, queries: 20 });
  t.equal(stretch.lookups.count, 20);
  t.equal(history.at(-1), 2);
});

test('what is remembered of looks is bounded, and many at once are one (S1)', async (t) => {
  const { clock, view } = setup();
  for (let n = 0; n < 500; n++) {
    view();
    view();
    await clock.advance(1_000);
  }
  t.ok(view().history.length < 60);
  const { view: fresh } = setup();
  for (let n = 0; n < 50; n++) fresh();
  t.strictSame(fresh().history, [], 'no time has passed');
});

test('a look in the moment of the start divides by nothing', (t) => {
  const { view, answer } = setup();
  answer(3);
  const { stretch } = view();
  t.equal(stretch.seconds, 0.001);
  t.end();
});

test('upstreams, zones and cache are as they are now', (t) => {
  const { metrics, view } = setup();
  const latency = new Histogram([0.01, 0.1]);
  latency.observe(0.005, 4);
  metrics.upstream.servers.set('udp://10.96.0.10', {
    latency,
    unanswered: new Tally(),
    dead: true,
    serial: false,
  });
  metrics.conformance.verdicts.set('cluster.local.', 'conforming');
  metrics.cache.octets.readBy('negative', () => 7);
  metrics.cache.hits.add(3);
  metrics.cache.misses.add(1);
  t.match(view(), {
    upstreams: [{ name: 'udp://10.96.0.10', dead: true, answers: 4, median: 0.005 }],
    zones: [{ zone: 'cluster.local.', state: 'conforming' }],
    cache: [{ part: 'positive' }, { part: 'negative', octets: 7 }],
    hitRatio: 0.75,
  });
  t.end();
});

test('a quantile lies within the bucket of its value, and rises with the share', (t) => {
  t.equal(quantile(new Histogram([1]), 0.5), undefined);
  const beyond = new Histogram([1, 2]);
  beyond.observe(9);
  t.equal(quantile(beyond, 0.99), 2, 'no more is known');
  const bounds = [0.001, 0.01, 0.1, 1];
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.0001, max: 1, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, share) => {
          const histogram = new Histogram(bounds);
          for (const value of values) histogram.observe(value);
          const estimate = quantile(histogram, share) ?? Number.NaN;
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[Math.ceil(share * values.length - 1e-9) - 1] ?? Number.NaN;
          const bucket = (value: number) => bounds.findIndex((bound) => value <= bound + 1e-9);
          const lower = quantile(histogram, share / 2) ?? Number.NaN;
          return bucket(estimate) === bucket(exact) && lower <= estimate;
        },
      ),
    ),
  );
  t.end();
});

test('an upstream shows what it takes now, and before that what it took in its life', async (t) => {
  const { clock, metrics, view } = setup();
  const server = serverTallies(metrics.upstream, 'udp://10.96.0.10');
  server.latency.observe(0.5, 10);
  server.unanswered.add(4);
  t.match(view().upstreams, [{ isNow: false, answers: 10, unanswered: 4, median: 0.35 }]);
  await clock.advance(20_000);
  view();
  await clock.advance(10_000);
  t.match(view().upstreams, [{ isNow: false, median: 0.35, unansweredNow: 0 }], 'not asked lately');
  server.latency.observe(0.001, 2);
  server.unanswered.add(1);
  t.match(view().upstreams, [{ isNow: true, answers: 12, median: 0.0005, unansweredNow: 1 }]);
});

test('the configuration is the one of this moment: a reload changes it', (t) => {
  let value = 'prove';
  const { view } = setup({
    configuration: () => [{ key: 'search.mode', value, origin: 'default' }],
  });
  t.match(view().configuration, [{ value: 'prove' }]);
  value = 'off';
  t.match(view().configuration, [{ value: 'off' }]);
  t.end();
});
