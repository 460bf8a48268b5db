import { chosenOf, scriptFlags } from '../../docker/script-flags.ts';
import type { BenchProcess } from './bench-process.ts';
import {
  available,
  type Bench,
  type Contestant,
  type StartPlace,
  startBench,
} from './bench-servers.ts';
import { median } from './load.ts';
import { type Figures, report } from './report.ts';

/** What the command line of a benchmark says: `--write`, `--runs=N`, `--seconds=S`, and whom to measure. */
export interface BenchOptions {
  readonly write: boolean;
  readonly runs: number;
  readonly seconds: number;
  readonly contestants: readonly Contestant[];
}

/** @throws {Error} If a number is none. */
export function readOptions(
  args: readonly string[],
  defaults: { readonly runs: number; readonly seconds: number } = { runs: 3, seconds: 3 },
): BenchOptions {
  const { values, positionals } = scriptFlags({
    args: [...args],
    allowPositionals: true,
    options: {
      write: { type: 'boolean', default: false },
      runs: { type: 'string', default: String(defaults.runs) },
      seconds: { type: 'string', default: String(defaults.seconds) },
    },
  });
  return {
    write: values.write,
    runs: positive('runs', values.runs),
    seconds: positive('seconds', values.seconds),
    contestants: chosenOf(positionals, available()),
  };
}

/** @throws {Error} If it is no number above 0; it names what it is for. */
export function positive(what: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${what}: ${text}`);
  return value;
}

/**
 * Measures contestants in turns, so that what happens to the machine happens to all of them, and reports medians.
 *
 * @param measure - Gives the figures of one run, in the order of the columns.
 */
export async function interleaved(
  { write, runs, contestants }: BenchOptions,
  figures: Omit<Figures, 'rows' | 'reference'>,
  measure: (bench: Bench, contestant: Contestant, run: number) => Promise<readonly number[]>,
): Promise<void> {
  const bench = await startBench();
  const samples = new Map<Contestant, (readonly number[])[]>(contestants.map((name) => [name, []]));
  try {
    for (let run = 0; run < runs; run++) {
      for (const [contestant, own] of samples) {
        const values = await measure(bench, contestant, run);
        own.push(values);
        process.stderr.write(
          `${contestant}: ${values.map((value) => value.toFixed(2)).join(' ')}\n`,
        );
      }
    }
  } finally {
    await bench.close();
  }
  const rows = [...samples].map(([name, own]) => ({
    name,
    values: figures.columns.map((_, i) => median(own.map((values) => values[i] ?? Number.NaN))),
  }));
  const reference = contestants.includes('unbound') ? 'unbound' : (contestants[0] ?? '');
  report({ ...figures, rows, reference }, { write });
}

/** Starts a contestant for one run. */
export async function withServer<T>(
  bench: Bench,
  contestant: Contestant,
  use: (server: BenchProcess) => Promise<T>,
  place?: StartPlace,
): Promise<T> {
  const server = await bench.start(contestant, place);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}
