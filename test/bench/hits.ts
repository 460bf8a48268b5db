import type { BenchProcess } from './bench-process.ts';
import { interleaved, readOptions, withServer } from './interleaved.ts';
import { loadServer, warm } from './load.ts';

/** Queries that are out at once: enough for full batches, too few for a full socket buffer. */
const WINDOW = 200;
const SLOW = 10_000;

/**
 * Cached hits: throughput and CPU time with 1,000 and 10,000 names, with EDNS, at 10,000 queries/s and over IPv6.
 *
 * @param args - As `readOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  const { seconds } = options;
  const columns = [
    { name: 'k/s, 1,000 names', digits: 1 },
    { name: 'us CPU', digits: 2 },
    { name: 'k/s, 10,000 names', digits: 1 },
    { name: 'us CPU ', digits: 2 },
    { name: 'k/s, EDNS', digits: 1 },
    { name: 'us CPU at 10 k/s', digits: 2 },
    { name: 'k/s, IPv6', digits: 1 },
  ];
  const figures = { name: 'hits', title: 'Cached hits on one core', columns, drawn: 1 };
  const load = { seconds, window: WINDOW };
  await interleaved(options, figures, async (bench, contestant) => {
    const plain = await withServer(bench, contestant, async (server) => {
      await warm(bench, server, 10_000);
      const few = await loadServer(bench, server, { ...load, names: 1_000 });
      const many = await loadServer(bench, server, { ...load, names: 10_000 });
      const edns = await loadServer(bench, server, { ...load, names: 1_000, edns: true });
      const slow = await loadServer(bench, server, { ...load, names: 1_000, rate: SLOW });
      return [
        few.perSecond / 1_000,
        few.cpu,
        many.perSecond / 1_000,
        many.cpu,
        edns.perSecond / 1_000,
        slow.cpu,
      ];
    });
    const over6 = async (server: BenchProcess): Promise<number> => {
      await warm(bench, server, 1_000);
      return (await loadServer(bench, server, { ...load, names: 1_000 })).perSecond / 1_000;
    };
    return [...plain, await withServer(bench, contestant, over6, '::1')];
  });
}
