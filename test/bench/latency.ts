import type { LoadResult } from './load.ts';
import { paired, readPairedOptions } from './paired.ts';
import { reportPaired } from './paired-report.ts';

/**
 * Cached hits with one query out at a time: what a client waits.
 *
 * @param args - As `readPairedOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const options = readPairedOptions(args);
  const situation = { name: 'one query at a time', load: { names: 1_000, window: 1 } };
  const courses = await paired(options, [situation]);
  const column = (name: string, of: (result: LoadResult) => number) => ({
    name,
    situation,
    digits: 0,
    of,
  });
  const columns = [column('p50', ({ p50 }) => p50), column('p99', ({ p99 }) => p99)];
  const tables = [{ heading: 'Latency, microseconds', columns }];
  reportPaired({ name: 'latency', tables, courses }, options);
}
