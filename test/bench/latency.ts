import { interleaved, readOptions, withServer } from './interleaved.ts';
import { loadServer, warm } from './load.ts';

/**
 * Cached hits with one query out at a time: what a client waits.
 *
 * @param args - As `readOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  const columns = [
    { name: 'p50 us', digits: 0 },
    { name: 'p99 us', digits: 0 },
  ];
  const figures = { name: 'latency', title: 'One query at a time', columns, drawn: 0 };
  await interleaved(options, figures, (bench, contestant) =>
    withServer(bench, contestant, async (server) => {
      const load = { names: 1_000, window: 1, seconds: options.seconds };
      await warm(bench, server, load.names);
      const { p50, p99 } = await loadServer(bench, server, load);
      return [p50, p99];
    }),
  );
}
