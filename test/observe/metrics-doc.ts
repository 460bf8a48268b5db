import { readFileSync, writeFileSync } from 'node:fs';
import { createMetrics } from '../../src/observe/metrics.ts';
import { metricsTable } from '../../src/observe/metrics-table.ts';

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
  return { found, expected: `${before}${BEGIN}\n${table}\n${END}${after}` };
}

// `npx node test/observe/metrics-doc.ts` writes the table anew.
if (import.meta.main) writeFileSync(file, metricsDoc().expected);
