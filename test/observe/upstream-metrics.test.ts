import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { serverTallies, type UpstreamTallies } from '../../src/upstream/upstream-tallies.ts';

test('the upstream side counts into its group as it is', (t) => {
  const { registry, upstream } = createMetrics();
  const tallies: UpstreamTallies = upstream;
  const server = serverTallies(tallies, 'udp://10.96.0.10');
  server.latency.observe(0.003);
  server.dead = true;
  const read = (name: string) =>
    registry.metrics
      .filter((metric) => metric.name === name)
      .flatMap((metric) => [...metric.samples()].map(({ value }) => value))
      .at(-1);
  t.equal(read('sidestub_upstream_duration_seconds'), 1);
  t.equal(read('sidestub_upstream_dead'), 1);
  t.end();
});
