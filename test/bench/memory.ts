import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import type { BenchProcess } from './bench-process.ts';
import { interleaved, readOptions, withServer } from './interleaved.ts';
import { loadServer, warm } from './load.ts';

/** Whatever a contestant does on its own account after its first answer is over by then. */
const SETTLED: Milliseconds = 3_000;

/**
 * Memory when idle, after a second of hits, and with 10,000 and 100,000 names, all of them asked.
 *
 * @param args - As `readOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  const columns = ['idle', 'after load', '10,000 names', '100,000 names'].flatMap((when) =>
    [`${when}: RSS`, 'PSS', 'anonymous'].map((name) => ({ name, digits: 0 })),
  );
  const figures = { name: 'memory', title: 'Memory in MiB', columns, drawn: 0, ratios: false };
  const of = (server: BenchProcess): number[] => {
    const { rss, pss, anonymous } = server.memory();
    return [rss, pss, anonymous];
  };
  await interleaved(options, figures, (bench, contestant) =>
    withServer(bench, contestant, async (server) => {
      await wait(SETTLED);
      const values = of(server);
      await loadServer(bench, server, { seconds: 1, window: 50, names: 100 });
      values.push(...of(server));
      for (const names of [10_000, 100_000]) {
        await warm(bench, server, names);
        values.push(...of(server));
      }
      return values;
    }),
  );
}
