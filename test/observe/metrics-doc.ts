import { readFileSync, writeFileSync } from 'node:fs';
import type { Metric, MetricLabel } from '../../src/observe/metric-registry.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { serverTallies } from '../../src/upstream/upstream-tallies.ts';

const file = new URL('../../docs/metrics.md', import.meta.url);
const BEGIN = '<!-- begin of the table: made from src/observe/metrics.ts -->\n';
const END = '<!-- end of the table -->\n';

/** docs/metrics.md as it is, and as the declarations want it. */
export function metricsDoc(): { readonly found: string; readonly expected: string } {
  const found = readFileSync(file, 'utf8');
  const [before, rest] = found.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('docs/metrics.md: no markers');
  const table = metricsTable(createMetrics().registry.metrics);
  const counted = before.replace(/has \d+ series/, `has ${seriesOfSidecar()} series`);
  return { found, expected: `${counted}${BEGIN}\n${table}\n${END}${after}` };
}

/** How many series a sidecar with one upstream and one cluster zone has. */
function seriesOfSidecar(): number {
  const metrics = createMetrics();
  serverTallies(metrics.upstream, 'udp://10.96.0.10');
  metrics.conformance.verdicts.set('cluster.local.', 'conforming');
  return metrics.registry.metrics.flatMap(({ samples }) => [...samples()]).length;
}

/** The metrics as a Markdown table, ending in a line break. */
export function metricsTable(metrics: readonly Metric[]): string {
  const rows = metrics.map(({ name, type, labels, help, query }) => [
    code(name),
    type,
    labels.map(labelCell).join('; '),
    cell(help),
    code(query),
  ]);
  const head = ['Metric', 'Type', 'Labels', 'Meaning', 'A query that uses it'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
}

function labelCell({ name, values, deprecated = [] }: MetricLabel): string {
  const known = values === 'configured' ? 'as configured' : values.map(cell).join(', ');
  const old = deprecated.length === 0 ? '' : `; deprecated: ${deprecated.map(cell).join(', ')}`;
  return `${code(name)}: ${known}${old}`;
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

/** A bar ends a cell, even inside code (GitHub Flavored Markdown §4.10). */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

// `npx node test/observe/metrics-doc.ts` writes the table and the number of series.
if (import.meta.main) writeFileSync(file, metricsDoc().expected);
