import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BenchProcess } from './bench-process.ts';
import { CLIENT_CORE, spawnOn } from './bench-process.ts';
import { type Bench, DENIED_ZONE, ZONE } from './bench-servers.ts';

/** What clients do in one run. */
export interface Load {
  readonly seconds: number;
  readonly names: number;
  /** The number of the first of them; 0 where it is absent. */
  readonly first?: number;
  /** Queries that are out at once. */
  readonly window: number;
  readonly edns?: boolean;
  /** Each name once, or any until the time is over. */
  readonly order?: 'once' | 'random';
  /** Queries per second, at random moments; as many as the window allows where it is absent. */
  readonly rate?: number;
  /** So much of a hundred is asked below {@link DENIED_ZONE}, where nothing exists; in order `once` each name is asked twice. */
  readonly denied?: number;
  /** Over one connection. */
  readonly tcp?: boolean;
}

/** What came of it. */
export interface LoadResult {
  readonly perSecond: number;
  readonly lost: number;
  /** Answers that are neither NOERROR nor NXDOMAIN. */
  readonly failures: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** The server's, in microseconds for each query. */
  readonly cpu: number;
  /** The share of the answers that are {@link failures}, and of those that said NXDOMAIN. */
  readonly failed: number;
  readonly denied: number;
  /** The share of the time in which the server or the client could have run and others, or another machine, had its core. */
  readonly disturbed: number;
}

/** Whom to ask. */
type Asked = Pick<BenchProcess, 'endpoint' | 'cpu' | 'waited'>;

/** Asks a server from the clients' core. @throws {Error} If the generator fails. */
export async function loadServer(
  bench: Pick<Bench, 'compiled'>,
  server: Asked,
  load: Load,
): Promise<LoadResult> {
  const [cpuBefore, waitedBefore] = [server.cpu(), server.waited() + stolen()];
  const argv = [bench.compiled('load'), ...argvOf(server, load)];
  const child = spawnOn(CLIENT_CORE, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, problem] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    problem += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`load: exit code ${code}: ${problem}`);
  const { received, denials, seconds, waited, ...result } = JSON.parse(text) as Told;
  const cpu = ((server.cpu() - cpuBefore) * 1e6) / received;
  const disturbed = (waited + server.waited() + stolen() - waitedBefore) / seconds;
  const [failed, denied] = [result.failures / received, denials / received];
  return { ...result, cpu, disturbed, failed, denied };
}

/** What the generator prints. */
interface Told extends Omit<LoadResult, 'cpu' | 'failed' | 'denied' | 'disturbed'> {
  readonly received: number;
  readonly denials: number;
  readonly seconds: number;
  readonly waited: number;
}

/** Seconds so far in which the virtual machine had no processor, of all cores: in ticks of 10 ms. */
function stolen(): number {
  const [, , , , , , , , steal] = readFileSync('/proc/stat', 'utf8').split(/ +/, 9);
  return Number(steal) / 100;
}

function argvOf({ endpoint }: Asked, load: Load): string[] {
  const { order = 'random', edns = false, tcp = false, denied = 0 } = load;
  const values = {
    ...endpoint,
    zone: ZONE,
    seconds: load.seconds,
    window: load.window,
    names: load.names,
    first: load.first ?? 0,
    rate: load.rate ?? 0,
  };
  const flags = { once: order === 'once', edns, tcp };
  return [
    ...Object.entries(values).map(([name, value]) => `--${name}=${value}`),
    ...Object.entries(flags).flatMap(([name, isSet]) => (isSet ? [`--${name}`] : [])),
    ...(denied > 0 ? [`--denied=${DENIED_ZONE}`, `--share=${denied}`] : []),
  ];
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
