import { interleaved, readOptions, withServer } from './interleaved.ts';
import { loadServer } from './load.ts';

/** Names that are asked one at a time, and then ten times as many at once. */
const COUNT = 5_000;
const BOUND = 20;

/**
 * Names that nobody has asked before: one at a time, and many at once.
 *
 * @param args - As `readOptions`; each run stops where names would begin to repeat.
 */
export async function run(args: string[]): Promise<void> {
  const columns = [
    { name: 'p50 us', digits: 0 },
    { name: 'p99 us', digits: 0 },
    { name: 'us CPU', digits: 1 },
    { name: 'k/s at once', digits: 1 },
    { name: 'lost', digits: 0 },
  ];
  const figures = { name: 'misses', title: 'Names that are not cached', columns, drawn: 2 };
  await interleaved(readOptions(args), figures, (bench, contestant) =>
    withServer(bench, contestant, async (server) => {
      const load = { names: COUNT, seconds: BOUND, order: 'once' } as const;
      const one = await loadServer(bench, server, { ...load, window: 1 });
      const many = await loadServer(bench, server, { ...load, names: 10 * COUNT, window: 1_000 });
      return [one.p50, one.p99, one.cpu, many.perSecond / 1_000, one.lost + many.lost];
    }),
  );
}
