import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BenchProcess } from './bench-process.ts';
import { CLIENT_CORE } from './bench-process.ts';
import { type Bench, ZONE } from './bench-servers.ts';

/** What clients do in one run. */
export interface Load {
  readonly seconds: number;
  readonly names: number;
  /** Queries that are out at once. */
  readonly window: number;
  readonly edns?: boolean;
  /** Each name once, or any until the time is over. */
  readonly order?: 'once' | 'random';
  /** Queries per second; as many as the window allows where it is absent. */
  readonly rate?: number;
}

/** What came of it. */
export interface LoadResult {
  readonly perSecond: number;
  readonly lost: number;
  readonly failures: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** The server's, in microseconds for each query. */
  readonly cpu: number;
}

/** Asks a server from the other core. @throws {Error} If the generator fails. */
export async function loadServer(
  bench: Bench,
  server: BenchProcess,
  load: Load,
): Promise<LoadResult> {
  const { address, port } = server.endpoint;
  const { seconds, window, names, edns = false, rate = 0, order = 'random' } = load;
  const argv = [address, port, seconds, window, names, ZONE, edns ? 1 : 0, rate, order].map(String);
  const before = server.cpu();
  const child = spawn('taskset', ['-c', CLIENT_CORE, bench.compiled('load'), ...argv]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`load: exit code ${code}`);
  const { received, ...result } = JSON.parse(text) as LoadResult & { received: number };
  return { ...result, cpu: ((server.cpu() - before) * 1e6) / received };
}

/** Seconds that the slowest server has for 100,000 misses. */
const WARM_BOUND = 20;

/** Has every name asked twice, so that what follows is hits. */
export async function warm(bench: Bench, server: BenchProcess, names: number): Promise<void> {
  const load = { seconds: WARM_BOUND, window: 50, names, order: 'once' } as const;
  for (let round = 0; round < 2; round++) await loadServer(bench, server, load);
}

/** The middle one; of an even number the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
