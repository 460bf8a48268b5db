import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { serverTallies } from '../../src/upstream/upstream-tallies.ts';

function readings(metrics: ReturnType<typeof createMetrics>): Map<string, number> {
  const found = metrics.registry.metrics.filter(({ name }) => name.includes('_saved_'));
  return new Map(
    found.flatMap(({ name, samples }) =>
      Array.from(samples(), ({ labels, value }) => [
        [name, ...Object.values(labels)].join(' '),
        value,
      ]),
    ),
  );
}

test('what cuts, pins and denials spared is read where it is counted', (t) => {
  const metrics = createMetrics();
  metrics.listen.responses.add('NXDOMAIN', 'cut', 6);
  metrics.listen.responses.add('NOERROR', 'cut', 1);
  metrics.listen.responses.add('NXDOMAIN', 'pin', 2);
  metrics.listen.responses.add('NXDOMAIN', 'cache', 100);
  metrics.search.fates.add('stale_cut');
  metrics.families.repairs.add('shared_nxdomain', 3);
  t.match(Object.fromEntries(readings(metrics)), {
    'sidestub_search_saved_queries_total cut': 7,
    'sidestub_search_saved_queries_total pin': 2,
    'sidestub_search_saved_queries_total stale_cut': 1,
    'sidestub_search_saved_queries_total shared_nxdomain': 3,
  });
  t.end();
});

test('each pair that was spared counts as the round trip of that time, and the sum never falls', (t) => {
  const metrics = createMetrics();
  const seconds = () => readings(metrics).get('sidestub_search_saved_seconds_total') ?? Number.NaN;
  t.equal(seconds(), 0);
  const server = serverTallies(metrics.upstream, 'udp://10.96.0.10');
  server.latency.observe(0.04);
  metrics.listen.responses.add('NXDOMAIN', 'cut', 4);
  t.equal(seconds(), 0.08);
  t.equal(seconds(), 0.08, 'reading it counts nothing');
  // The server became quick: what was saved before is not worth less for that.
  for (let n = 0; n < 1_000; n++) server.latency.observe(0);
  t.equal(seconds(), 0.08);
  metrics.families.repairs.add('shared_nxdomain', 9);
  t.equal(seconds(), 0.08, 'an AAAA would have travelled beside its A');
  t.end();
});

test('with no word from upstream yet, nothing can be said of time', (t) => {
  const metrics = createMetrics();
  metrics.listen.responses.add('NXDOMAIN', 'pin', 4);
  t.equal(readings(metrics).get('sidestub_search_saved_seconds_total'), 0);
  t.end();
});
