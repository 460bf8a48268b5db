import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Histogram, Tally } from '../../src/observe/tally.ts';
import { addCounts, CountsReporter, summedGauges } from '../../src/observe/thread-counts.ts';

const server = () => ({
  latency: new Histogram([0.1, 1]),
  unanswered: new Tally(),
  dead: false,
  serial: false,
});

test('what a thread counts is added once, report by report', async (t) => {
  const [first, second] = [createMetrics({ version: '1' }), createMetrics({ version: '1' })];
  const reporter = new CountsReporter(second);
  first.listen.queries.add('udp', 'A', 2);
  second.listen.queries.add('udp', 'A', 3);
  second.listen.latency.observe('cache', 0.002, 4);
  addCounts(first, reporter.take());
  second.listen.queries.add('udp', 'A');
  addCounts(first, reporter.take());
  addCounts(first, reporter.take());
  t.equal(first.listen.queries.get('udp', 'A'), 6);
  const latency = first.listen.latency.histogram('cache');
  t.equal(latency.count, 4);
  t.ok(Math.abs(latency.sum - 0.008) < 1e-9, `${latency.sum}`);
});

test('servers are told apart by name; one that is not known here is nobody’s', async (t) => {
  const [first, second] = [createMetrics({ version: '1' }), createMetrics({ version: '1' })];
  first.upstream.servers.set('a', server());
  for (const name of ['b', 'a']) second.upstream.servers.set(name, server());
  second.upstream.servers.get('a')?.unanswered.add(5);
  second.upstream.servers.get('b')?.unanswered.add(7);
  second.upstream.servers.get('a')?.latency.observe(3);
  addCounts(first, new CountsReporter(second).take());
  t.equal(first.upstream.servers.get('a')?.unanswered.value, 5);
  t.strictSame([...(first.upstream.servers.get('a')?.latency.counts ?? [])], [0, 0, 1]);
  t.notOk(first.upstream.servers.has('b'));
});

test('gauges that add up are told without what others have of them', async (t) => {
  const metrics = createMetrics({ version: '1' });
  const [open] = summedGauges(metrics);
  metrics.listen.tcpOpen.readBy(() => 2);
  open?.alsoBy(() => 3);
  t.equal(metrics.listen.tcpOpen.read(), 5);
  t.equal(new CountsReporter(metrics).take().gauges[0], 2);
});
