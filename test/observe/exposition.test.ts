import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'tap';
import { createExposition, negotiate, rehearseScrapes } from '../../src/observe/exposition.ts';
import { MetricRegistry } from '../../src/observe/metric-registry.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Histogram, Tally } from '../../src/observe/tally.ts';
import { productEnv } from '../support/product-env.ts';
import { type Family, parseExposition, seriesKey } from './exposition-parser.ts';

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';

function configured() {
  const metrics = createMetrics();
  metrics.conformance.verdicts.set('cluster.local.', 'conforming');
  metrics.upstream.servers.set('udp://10.96.0.10', {
    latency: new Histogram([0.001, 1]),
    unanswered: new Tally(),
    dead: true,
    serial: false,
  });
  return { metrics, exposition: createExposition(metrics.registry) };
}

function valuesOf(families: ReadonlyMap<string, Family>): Record<string, number> {
  const samples = [...families.values()].flatMap((family) => family.samples);
  return Object.fromEntries(samples.map((sample) => [seriesKey(sample), sample.value]));
}

test('both formats say what the registry holds, and nothing else', async (t) => {
  const { metrics, exposition } = configured();
  const expected = metrics.registry.metrics.flatMap((metric) =>
    Array.from(metric.samples(), ({ suffix, labels }) =>
      seriesKey({ name: metric.name + suffix, labels: new Map(Object.entries(labels)), value: 0 }),
    ),
  );
  for (const [accept, format] of [
    [undefined, 'text'],
    [OPENMETRICS, 'openmetrics'],
    // Again: rendering OpenMetrics must leave no trace in the other format's names.
    ['text/plain', 'text'],
    [OPENMETRICS, 'openmetrics'],
  ] as const) {
    const { body } = await exposition.render(accept);
    const families = parseExposition(body, format);
    t.strictSame(Object.keys(valuesOf(families)), expected, format);
    for (const { name, help, type } of metrics.registry.metrics) {
      const family = families.get(format === 'text' ? name : name.replace(/_total$/, ''));
      t.match(family, { help, type }, name);
    }
  }
});

test('queries that come during a scrape get their turns, and it still tells one moment', async (t) => {
  const { metrics, exposition } = configured();
  await exposition.render();
  let turns = 0;
  let scraping = true;
  const query = () => {
    turns++;
    metrics.listen.queries.add('udp', 'AAAA');
    metrics.flights.coalesced.add();
    if (scraping) setImmediate(query);
  };
  setImmediate(query);
  const { body } = await exposition.render();
  scraping = false;
  t.ok(turns > metrics.registry.metrics.length / 10, `${turns} turns`);
  const values = valuesOf(parseExposition(body, 'text'));
  const told = Object.entries(values).filter(([key]) => /queries_total.*AAAA|coalesced/.test(key));
  t.ok(told.length >= 2);
  for (const [key, value] of told) t.equal(value, 0, key);
});

test('a scrape shows what was counted since the one before', async (t) => {
  const { metrics, exposition } = configured();
  const scrape = async () => valuesOf(parseExposition((await exposition.render()).body, 'text'));
  const before = await scrape();
  metrics.listen.queries.add('udp', 'AAAA', 3);
  metrics.flights.inProgress.readBy(() => 5);
  metrics.listen.latency.observe('cache', 0.0004);
  metrics.listen.latency.observe('cache', 30);
  const after = await scrape();
  const changed = Object.keys(after).filter(
    (key) => after[key] !== before[key] && !key.startsWith('process_'),
  );
  t.strictSame(
    changed.filter((key) => !key.includes('_bucket')).map((key) => `${key} ${after[key]}`),
    [
      'sidestub_queries_total [["transport","udp"],["type","AAAA"]] 3',
      'sidestub_response_duration_seconds_sum [["source","cache"]] 30.0004',
      'sidestub_response_duration_seconds_count [["source","cache"]] 2',
      'sidestub_flights [] 5',
    ],
  );
  const bucket = (le: string) =>
    after[`sidestub_response_duration_seconds_bucket [["le","${le}"],["source","cache"]]`];
  t.strictSame(['0.0001', '0.0005', '5', '+Inf'].map(bucket), [0, 1, 1, 2]);
});

test('label values are escaped, so that a configured name cannot make a line', async (t) => {
  const registry = new MetricRegistry();
  const hostile = 'a"b\\c\nsidestub_bugs_total 9';
  registry.readGauges({ name: 'sidestub_x', help: 'X.', query: 'x', label: 'upstream' }, () => [
    [hostile, 1],
  ]);
  for (const [accept, format] of [
    ['', 'text'],
    [OPENMETRICS, 'openmetrics'],
  ] as const) {
    const { body } = await createExposition(registry).render(accept);
    const [sample] = parseExposition(body, format).get('sidestub_x')?.samples ?? [];
    t.equal(sample?.labels.get('upstream'), hostile);
  }
});

test('OpenMetrics is for those who name it', (t) => {
  for (const [accept, expected] of [
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html', 'text'],
    [OPENMETRICS, 'openmetrics'],
    ['application/openmetrics-text;q=0.3, text/plain;q=0.5', 'text'],
    ['application/openmetrics-text;q=0, text/plain;q=0', 'text'],
    ['APPLICATION/OPENMETRICS-TEXT ; Q=0.5 , text/plain;q=0.5', 'openmetrics'],
    ['application/openmetrics-text;q=nonsense', 'text'],
    ['application/openmetrics-text;q=9', 'text'],
    [',,;;=,', 'text'],
    // Prometheus 2.45 and 3.0.
    [
      'application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1',
      'openmetrics',
    ],
    [
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
  ] as const) {
    t.equal(negotiate(accept), expected, accept);
  }
  t.end();
});

test('the content type is that of the format', async (t) => {
  const { exposition } = configured();
  t.match((await exposition.render()).contentType, /^text\/plain; version=0\.0\.4;/);
  t.match(
    (await exposition.render(OPENMETRICS)).contentType,
    /^application\/openmetrics-text; version=1\.0\.0;/,
  );
});

test('scrapes are rehearsed in slices, in every format that Prometheus asks for', async (t) => {
  const asked: (string | undefined)[] = [];
  let turns = 0;
  const count = () => {
    turns++;
    if (turns < 20) setImmediate(count);
  };
  setImmediate(count);
  const turnOf: number[] = [];
  await rehearseScrapes({
    render: (accept) => {
      asked.push(accept);
      turnOf.push(turns);
      return Promise.resolve({ contentType: '', body: '' });
    },
  });
  t.strictSame(
    new Set(asked.map((accept) => negotiate(accept ?? ''))),
    new Set(['openmetrics', 'text']),
  );
  t.equal(new Set(turnOf).size, turnOf.length, 'others have their turn between them');
});

test('prom-client is not loaded before the first scrape, and then its registry alone', async (t) => {
  const src = new URL('../../src/observe/', import.meta.url).href;
  const program = `
    import { createRequire } from 'node:module';
    const { createMetrics } = await import('${src}metrics.ts');
    const { createExposition } = await import('${src}exposition.ts');
    await import('${src}status-server.ts');
    await import('${src}log.ts');
    const { cache } = createRequire('${src}x.js');
    const loaded = () => Object.keys(cache).filter((path) => path.includes('prom-client'));
    const exposition = createExposition(createMetrics().registry);
    const before = loaded();
    await exposition.render();
    console.log(JSON.stringify([before, loaded()]));
  `;
  const env = productEnv();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { env },
  );
  const [before, after] = JSON.parse(stdout) as [string[], string[]];
  t.strictSame(before, []);
  t.strictSame(after.map((path) => path.split('/').at(-1)).sort(), ['registry.js', 'util.js']);
});
