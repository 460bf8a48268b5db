import type { BenchProcess } from './bench-process.ts';
import { type Bench, type Contestant, STATUS_OFFSET, startBench } from './bench-servers.ts';
import { type BenchOptions, readOptions } from './interleaved.ts';
import { type Load, type LoadResult, loadServer } from './load.ts';

/** What clients do in one slice, and to whom. */
export interface Situation {
  /** The head of its column. */
  readonly name: string;
  readonly load: Omit<Load, 'seconds'>;
  /** Where the contestants listen: 127.0.0.1 where it is absent. */
  readonly address?: string;
  /** Who cannot take part. */
  readonly without?: readonly Contestant[];
}

/** As {@link BenchOptions}: `runs` are rounds, `seconds` is the length of a slice. */
export interface PairedOptions extends BenchOptions {
  /** Words of which a situation's name must have one; all situations where there is none. */
  readonly only: readonly string[];
}

/** One contestant in one situation, and what came of its slices: one result of each round, in their order. */
export interface Course {
  readonly contestant: Contestant;
  readonly situation: Situation;
  readonly results: readonly LoadResult[];
}

/** So short that a bad moment of the machine lasts for several of them. */
const SLICE = 0.3;
const ROUNDS = 9;

/**
 * Reads `--write`, `--runs=ROUNDS`, `--seconds=SLICE`, `--only=WORD,…`, and whom to measure.
 *
 * @throws {Error} If an argument means nothing.
 */
export function readPairedOptions(args: readonly string[]): PairedOptions {
  const isOnly = (arg: string) => arg.startsWith('--only=');
  const others = args.filter((arg) => !isOnly(arg));
  const options = readOptions(others, { runs: ROUNDS, seconds: SLICE });
  const only = args.filter(isOnly).flatMap((arg) => arg.slice('--only='.length).split(','));
  if (options.write && only.length > 0) throw new Error('--only: the page has every situation');
  return { ...options, only };
}

/** Those of the situations that the options want. @throws {Error} If there is none. */
export function chosen<T extends { readonly name: string }>(
  situations: readonly T[],
  { only }: PairedOptions,
): T[] {
  const found = situations.filter(
    ({ name }) => only.length === 0 || only.some((word) => name.includes(word)),
  );
  if (found.length === 0)
    throw new Error(`only: ${only.join()}; there are: ${namesOf(situations)}`);
  return found;
}

function namesOf(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join('; ');
}

/**
 * Measures contestants that all run at once, one after another in short slices, round after round.
 *
 * The slices of one situation follow each other, so that a bad moment of the machine hits all contestants; every other
 * round goes backwards. Before each slice every name is asked once, so that nothing in it is a miss and the code and the
 * caches of the core are warm. A first round does not count.
 *
 * @throws {Error} If a contestant fails more than now and then, or says NXDOMAIN to more or less than what does not exist.
 */
export async function paired(
  { runs, seconds, contestants }: BenchOptions,
  situations: readonly Situation[],
): Promise<Course[]> {
  const bench = await startBench();
  const servers = new Map<string, BenchProcess>();
  try {
    const lanes = await startLanes(bench, contestants, situations, servers);
    await runRound(bench, lanes, seconds);
    for (let round = 1; round <= runs; round++) {
      const began = performance.now();
      const order = round % 2 === 0 ? lanes : lanes.toReversed();
      const results = await runRound(bench, order, seconds);
      for (const [i, result] of results.entries()) order[i]?.results.push(result);
      const took = ((performance.now() - began) / 1_000).toFixed(0);
      process.stderr.write(`round ${round} of ${runs}: ${took} s\n`);
    }
    for (const lane of lanes) await checkCuts(lane);
    return lanes;
  } finally {
    for (const server of servers.values()) await server.stop();
    await bench.close();
  }
}

/** One slice for each, in this order. */
async function runRound(
  bench: Bench,
  lanes: readonly Lane[],
  seconds: number,
): Promise<LoadResult[]> {
  const results: LoadResult[] = [];
  for (const lane of lanes) {
    const result = await slice(bench, lane.server, { ...lane.situation.load, seconds });
    check(result, lane);
    results.push(result);
  }
  return results;
}

interface Lane extends Course {
  readonly server: BenchProcess;
  readonly results: LoadResult[];
}

/** Starts whoever takes part, once for each address, into `servers` as they come. @returns Situation by situation. */
async function startLanes(
  bench: Bench,
  contestants: readonly Contestant[],
  situations: readonly Situation[],
  servers: Map<string, BenchProcess>,
): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (const situation of situations) {
    const { address = '127.0.0.1', without = [] } = situation;
    for (const contestant of contestants.filter((name) => !without.includes(name))) {
      const place = `${contestant} at ${address}`;
      const server = servers.get(place) ?? (await bench.start(contestant, { address }));
      servers.set(place, server);
      lanes.push({ contestant, situation, server, results: [] });
    }
  }
  return lanes;
}

/** Seconds that the slowest server has to be asked every name once. */
const ONCE_BOUND = 20;

/** The share of a slice that others may have of a core, and how often it is tried. */
const DISTURBED = 0.1;
const TRIES = 2;

/** The less disturbed of at most two, the other left out before anybody knows what they say. */
async function slice(bench: Bench, server: BenchProcess, load: Load): Promise<LoadResult> {
  let best = await hits(bench, server, load);
  for (let tried = 1; tried < TRIES && best.disturbed > DISTURBED; tried++) {
    const next = await hits(bench, server, load);
    if (next.disturbed < best.disturbed) best = next;
  }
  return best;
}

async function hits(bench: Bench, server: BenchProcess, load: Load): Promise<LoadResult> {
  const { rate: _, ...unhurried } = load;
  await loadServer(bench, server, {
    ...unhurried,
    seconds: ONCE_BOUND,
    window: 50,
    order: 'once',
  });
  return loadServer(bench, server, load);
}

/** Of what is asked for: more than chance makes of a slice. */
const OFF = 0.25;
/** The share of failures with which a figure is still one of hits: what was lost on the way to nsd is soon asked again. */
const FAILING = 0.01;

function check(result: LoadResult, { contestant, situation }: Course): void {
  const expected = contestant === 'echo' ? 0 : (situation.load.denied ?? 0) / 100;
  const isOff = Math.abs(result.denied - expected) > OFF * expected;
  if (result.failed <= FAILING && !isOff) return;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const said = `${percent(result.failed)} failures, ${percent(result.denied)} NXDOMAIN`;
  throw new Error(`${contestant}, ${situation.name}: ${said}`);
}

/** @throws {Error} If sidestub has denied nothing out of a cut: the figure would be one of its cache. */
async function checkCuts({ contestant, situation, server }: Lane): Promise<void> {
  if (situation.load.denied === undefined || !contestant.startsWith('sidestub')) return;
  const status = `http://127.0.0.1:${server.endpoint.port + STATUS_OFFSET}/metrics`;
  const metrics = await (await fetch(status)).text();
  const [, cuts = '0'] = CUTS.exec(metrics) ?? [];
  process.stderr.write(`${contestant}: ${cuts} answers out of cuts\n`);
  if (!(Number(cuts) > 0)) throw new Error(`${contestant}: no answer out of a cut`);
}

const CUTS = /^sidestub_search_expansions_total\{fate="cut"\} (\S+)$/m;
