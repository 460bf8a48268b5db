import { test } from 'tap';
import type { Metric } from '../../src/observe/metric-registry.ts';
import { MetricRegistry } from '../../src/observe/metric-registry.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Histogram, Tally } from '../../src/observe/tally.ts';

/** What a sidecar with three servers and one zone costs its Prometheus; a change here is a decision. */
const MOST_SERIES = 380;

function seriesOf(metric: Metric): string[] {
  return Array.from(metric.samples(), ({ suffix, labels }) =>
    JSON.stringify([metric.name + suffix, labels]),
  );
}

function configured() {
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.conformance.verdicts.set('cluster.local.', 'unknown');
  for (const name of ['udp://10.96.0.10', 'udp://10.96.0.11', 'tcp://192.0.2.1']) {
    metrics.upstream.servers.set(name, {
      latency: new Histogram([0.001, 1]),
      unanswered: new Tally(),
      dead: false,
      serial: false,
    });
  }
  return metrics;
}

test('names follow the practices of Prometheus', (t) => {
  for (const { name, type, labels } of createMetrics().registry.metrics) {
    t.match(name, /^(sidestub|process)_[a-z]+(_[a-z]+)*$/, name);
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`);
    t.notMatch(name, /_(ms|milliseconds|octets|count|sum|bucket)(_total)?$/, `${name}: base units`);
    if (type === 'histogram') t.match(name, /_(seconds|steps)$/, name);
    for (const label of labels) {
      t.match(label.name, /^[a-z]+$/, `${name}: ${label.name}`);
      t.notMatch(label.name, /^(le|qname|name|client|address)$/, `${name}: no user data (S4)`);
    }
  }
  t.end();
});

test('each help is one sentence that both formats can carry', (t) => {
  for (const { name, help } of createMetrics().registry.metrics) {
    t.match(help, /^[A-Z][^"\\\n]*\.$/, name);
  }
  t.end();
});

test('each query asks for its metric, and for none that is not declared', (t) => {
  const { metrics } = createMetrics().registry;
  const known = new Set(
    metrics.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  for (const { name, query } of metrics) {
    const asked = query.match(/\b(?:sidestub|process)_\w+/g) ?? [];
    t.ok(
      asked.some((each) => each.startsWith(name)),
      name,
    );
    t.strictSame(
      asked.filter((each) => !known.has(each)),
      [],
      name,
    );
  }
  t.end();
});

test('every closed series is there at 0 from the start (S1)', (t) => {
  const { metrics } = createMetrics().registry;
  for (const metric of metrics) {
    const samples = [...metric.samples()];
    const isConfigured = metric.labels.some(({ values }) => values === 'configured');
    const isSteps = metric.name === 'sidestub_lookup_steps';
    const perSeries = metric.type === 'histogram' ? (isSteps ? 10 : 17) : 1;
    const combinations = metric.labels.reduce(
      (all, { values, deprecated = [] }) => all * (values.length + deprecated.length),
      1,
    );
    if (isConfigured) continue;
    t.equal(samples.length, combinations * perSeries, metric.name);
    if (metric.name.startsWith('process_')) continue;
    t.ok(
      samples.every(({ value }) => value === 0),
      metric.name,
    );
  }
  t.end();
});

test('what the configuration names has its series from then on', (t) => {
  const { registry } = configured();
  const series = registry.metrics.flatMap(seriesOf);
  t.ok(series.includes('["sidestub_upstream_dead",{"upstream":"udp://10.96.0.11"}]'));
  t.ok(
    series.includes('["sidestub_zone_conformance",{"zone":"cluster.local.","state":"unknown"}]'),
  );
  t.ok(series.includes(`["sidestub_build_info",{"version":"1.2.3","node":"${process.version}"}]`));
  t.ok(series.length <= MOST_SERIES, `${series.length} series`);
  t.end();
});

test('one state of a zone reads 1, the others 0 (N2)', (t) => {
  const { registry, conformance } = configured();
  const states = () =>
    registry.metrics
      .filter(({ name }) => name === 'sidestub_zone_conformance')
      .flatMap((metric) => [...metric.samples()])
      .map(({ labels: { state }, value }) => `${state} ${value}`);
  t.strictSame(states(), ['unknown 1', 'conforming 0', 'nonconforming 0']);
  conformance.verdicts.set('cluster.local.', 'nonconforming');
  t.strictSame(states(), ['unknown 0', 'conforming 0', 'nonconforming 1']);
  t.end();
});

test('no label that is not declared makes a series (S1, S4)', (t) => {
  const metrics = configured();
  const before = metrics.registry.metrics.flatMap(seriesOf);
  for (let n = 0; n < 1_000; n++) {
    const hostile = `${n}.evil.example.com"} 1\nsidestub_bugs_total 9` as never;
    metrics.listen.queries.add(hostile, 'A');
    metrics.listen.queries.add('udp', hostile);
    metrics.listen.responses.add(hostile, hostile);
    metrics.listen.latency.observe(hostile, 1);
    metrics.search.fates.add(hostile);
    metrics.families.repairs.add(hostile);
    metrics.upstream.failures.add(hostile);
    metrics.cache.entries.readBy(hostile, () => 1);
    metrics.lookups.steps.observe(hostile, 1);
  }
  t.strictSame(metrics.registry.metrics.flatMap(seriesOf), before);
  t.end();
});

test('even what the configuration names is bounded (S1)', (t) => {
  const { registry, upstream, conformance } = createMetrics();
  for (let n = 0; n < 1_000; n++) {
    upstream.servers.set(`udp://server-${n}`, {
      latency: new Histogram([1]),
      unanswered: new Tally(),
      dead: false,
      serial: false,
    });
    conformance.verdicts.set(`zone-${n}.`, 'unknown');
  }
  const lengths = registry.metrics
    .filter(({ name }) => /upstream_(dead|duration|unanswered)|zone_conformance$/.test(name))
    .map(({ name, samples }) => [name, [...samples()].length]);
  t.strictSame(lengths, [
    ['sidestub_zone_conformance', 64 * 3],
    ['sidestub_upstream_duration_seconds', 64 * 4],
    ['sidestub_upstream_unanswered_total', 64],
    ['sidestub_upstream_dead', 64],
  ]);
  t.end();
});

test('two programs in one process do not share a number', (t) => {
  const one = createMetrics();
  const other = createMetrics();
  one.daemon.bugs.add();
  t.equal(other.daemon.bugs.value, 0);
  t.end();
});

test('a registry takes no name twice, nor a counter and a gauge of one family', (t) => {
  const registry = new MetricRegistry();
  const text = { help: 'Help.', query: 'x' };
  registry.tally({ name: 'sidestub_x_total', ...text });
  const twice = (name: string) => new Error(`metric declared twice: ${name}`);
  t.throws(() => registry.tally({ name: 'sidestub_x_total', ...text }), twice('sidestub_x_total'));
  t.throws(() => registry.gauge({ name: 'sidestub_x', ...text }), twice('sidestub_x'));
  t.end();
});

test('a limit that was renamed is counted under its old name too, for one version', (t) => {
  const { registry, limits } = createMetrics();
  limits.reached.add('silent_route_full', 3);
  const metric = registry.metrics.find(({ name }) => name === 'sidestub_limits_reached_total');
  const samples = new Map(
    Array.from(metric?.samples() ?? [], ({ labels, value }) => [labels['limit'], value]),
  );
  t.equal(samples.get('silent_route_full'), 3);
  t.equal(samples.get('unheard'), 3);
  t.equal(samples.get('waiting'), 0);
  t.equal(samples.get('backlog'), 0);
  t.end();
});
