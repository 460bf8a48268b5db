import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import type { BenchProcess } from './bench-process.ts';
import { interleaved, positive, readOptions, withServer } from './interleaved.ts';
import { loadServer, warm } from './load.ts';

/** Whatever a contestant does on its own account after its first answer is over by then. */
const SETTLED: Milliseconds = 3_000;

const LATER = '--later=';

/**
 * Memory when idle, after a second of hits, and with 10,000 and 100,000 names, all of them asked.
 *
 * @param args - As `readOptions`; with `--later=SECONDS` also what 10,000 names take that much later.
 */
export async function run(args: string[]): Promise<void> {
  const said = args.find((word) => word.startsWith(LATER))?.slice(LATER.length);
  const later = said === undefined ? 0 : positive('later', said);
  const options = readOptions(args.filter((word) => !word.startsWith(LATER)));
  const moments = ['idle', 'after load', '10,000 names', '100,000 names'];
  if (later > 0) moments.splice(3, 0, `${later} s later`);
  const columns = moments.flatMap((when) =>
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
        if (names > 10_000 || later === 0) continue;
        await wait(1_000 * later);
        values.push(...of(server));
      }
      return values;
    }),
  );
}
