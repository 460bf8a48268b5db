import type { Metric, MetricLabel } from './metric-registry.ts';

/** The metrics as a Markdown table, for docs/metrics.md: it ends with a line end. */
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
