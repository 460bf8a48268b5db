import type { Milliseconds } from '../../src/clock.ts';
import type { BenchProcess } from './bench-process.ts';
import type { Bench, Contestant } from './bench-servers.ts';
import { interleaved, readOptions, withServer } from './interleaved.ts';
import { loadServer } from './load.ts';

/** A cluster DNS that has to ask further, and one at the other end of a country. */
const NEAR: Milliseconds = 2;
const FAR: Milliseconds = 20;
/** Seconds; a run ends where names would begin to repeat. */
const BOUND = 20;

/**
 * Names that nobody has asked before: one at a time, and 5,000 of them at once.
 *
 * What a contestant adds is its time less that of the same questions straight at the upstream, a moment before.
 *
 * @param args - As `readOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const columns = [
    { name: 'added p50 us, 2 ms', digits: 0 },
    { name: 'us CPU', digits: 1 },
    { name: 'k/s, 5,000 out, 20 ms', digits: 1 },
    { name: 'us CPU ', digits: 1 },
    { name: 'lost', digits: 0 },
  ];
  const figures = { name: 'misses', title: 'Names that are not cached', columns, drawn: 2 };
  await interleaved(readOptions(args), figures, async (bench, contestant) => [
    ...(await behind(bench, contestant, NEAR, (server, upstream) =>
      oneByOne(bench, server, upstream),
    )),
    ...(await behind(bench, contestant, FAR, (server) => atOnce(bench, server))),
  ]);
}

/** A contestant in front of an upstream that is so far away, and the upstream. */
async function behind(
  bench: Bench,
  contestant: Contestant,
  delay: Milliseconds,
  use: (server: BenchProcess, upstream: BenchProcess) => Promise<readonly number[]>,
): Promise<readonly number[]> {
  const upstream = await bench.startDelayed(delay);
  try {
    const place = { upstream: upstream.endpoint.port };
    return await withServer(bench, contestant, (server) => use(server, upstream), place);
  } finally {
    await upstream.stop();
  }
}

async function oneByOne(
  bench: Bench,
  server: BenchProcess,
  upstream: BenchProcess,
): Promise<readonly number[]> {
  const load = { names: 1_500, seconds: BOUND, window: 1, order: 'once' } as const;
  // Names of their own: what is measured has seen its code before, as a daemon has after its rehearsal.
  await loadServer(bench, server, { ...load, first: 50_000 });
  const direct = await loadServer(bench, upstream, load);
  const through = await loadServer(bench, server, load);
  return [through.p50 - direct.p50, through.cpu];
}

async function atOnce(bench: Bench, server: BenchProcess): Promise<readonly number[]> {
  const load = { names: 50_000, seconds: BOUND, window: 5_000, order: 'once' } as const;
  const { perSecond, cpu, lost, failures } = await loadServer(bench, server, load);
  return [perSecond / 1_000, cpu, lost + failures];
}
