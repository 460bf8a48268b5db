import { test } from 'tap';
import { MetricRegistry } from '../../src/observe/metric-registry.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { metricsDoc, metricsTable } from './metrics-doc.ts';

test('docs/metrics.md has the table that the declarations make', (t) => {
  const { found, expected } = metricsDoc();
  t.equal(found, expected, 'run: npx node test/observe/metrics-doc.ts');
  t.end();
});

test('docs/metrics.md tells of every metric, and of none that is not declared', (t) => {
  const declared = createMetrics().registry.metrics;
  const told = new Set(metricsDoc().found.match(/\b(?:sidestub|process)_\w+/g));
  const names = declared.flatMap(({ name, type }) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  t.strictSame(
    [...told].filter((name) => !names.includes(name)),
    [],
    'told, not declared',
  );
  t.strictSame(
    declared.map(({ name }) => name).filter((name) => !told.has(name)),
    [],
    'declared, not told',
  );
  t.end();
});

test('docs/metrics.md says how many series a sidecar has', (t) => {
  t.match(metricsDoc().expected, /has [1-9]\d+ series/, 'the place that is filled in');
  t.end();
});

test('a row says what a metric is, and no bar in it ends a cell', (t) => {
  const registry = new MetricRegistry();
  registry.tallySet({
    name: 'sidestub_x_total',
    help: 'This|that.',
    query: 'x{by=~"a|b"}',
    label: ['by', ['a', 'b']],
  });
  t.equal(
    metricsTable(registry.metrics).split('\n')[2],
    '| `sidestub_x_total` | counter | `by`: a, b | This\\|that. | `x{by=~"a\\|b"}` |',
  );
  t.end();
});
