import { type Clock, elapsed, type Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { glibc } from '../walk/glibc.ts';
import { musl } from '../walk/musl.ts';
import { socketTransport } from '../walk/socket-transport.ts';
import type { Client, ClientOptions, Walk } from '../walk/walk.ts';
import { type Asked, type Cluster, startCluster } from './cluster.ts';
import { DEMO_WORLD, POD_SEARCH } from './cluster-world.ts';
import { startSidecar } from './sidecar.ts';
import type { Story } from './stories.ts';

export type Libc = 'musl' | 'glibc';
export type Path = 'directly' | 'sidestub';

export const LIBCS: readonly Libc[] = ['musl', 'glibc'];
export const PATHS: readonly Path[] = ['directly', 'sidestub'];

/** One lookup of a story, measured. */
export interface Trial {
  readonly story: Story;
  readonly libc: Libc;
  readonly path: Path;
  /** Absent where the lookup was given up after `elapsed`: how long it would have taken is not known. */
  readonly walk?: Walk;
  readonly elapsed: Milliseconds;
  /** The questions that reached cluster DNS during the lookup, with times that count from its start. */
  readonly asked: readonly (Pick<Asked, 'qname' | 'qtype' | 'dropped'> & { at: Milliseconds })[];
}

/** Whether the program got what exists: the address, or that there is none. */
export function isRight({ story, walk }: Trial): boolean {
  const { address } = story.promise;
  if (walk === undefined) return false;
  if (address === undefined) return walk.outcome === 'not-found';
  return walk.outcome === 'found' && walk.addresses.includes(address);
}

/** What trials are run with. */
export interface TrialOptions {
  readonly clock: Clock;
  /** Between a question to cluster DNS and its answer. */
  readonly roundTrip: Milliseconds;
  /** When a lookup is given up. */
  readonly patience: Milliseconds;
}

const LOOPBACK: Endpoint = { address: '127.0.0.1', port: 0 };

/** Looks up a story's name in a cluster of its own, through a sidestub of its own if the path asks for one. */
export async function runTrial(
  story: Story,
  libc: Libc,
  path: Path,
  options: TrialOptions,
): Promise<Trial> {
  const { clock, roundTrip } = options;
  const cluster = await startCluster({
    endpoints: [LOOPBACK],
    world: DEMO_WORLD,
    faults: { delay: roundTrip },
    clock,
  });
  try {
    const [upstream = LOOPBACK] = cluster.endpoints;
    if (path === 'directly')
      return await measure(story, { libc, path, server: upstream, cluster, options });
    const sidecar = await startSidecar({ upstream, ...POD_SEARCH, clock });
    try {
      return await measure(story, { libc, path, server: sidecar.endpoint, cluster, options });
    } finally {
      await sidecar.close();
    }
  } finally {
    await cluster.close();
  }
}

/**
 * On a busy machine a question of the conformance test, or of the lookups before, is resent just before its answer is
 * read, and would be counted with the lookup: two round trips let it arrive.
 */
const QUIET_ROUND_TRIPS = 2;

interface Setting {
  readonly libc: Libc;
  readonly path: Path;
  readonly server: Endpoint;
  readonly cluster: Cluster;
  readonly options: TrialOptions;
}

async function measure(story: Story, setting: Setting): Promise<Trial> {
  const { libc, path, server, cluster, options } = setting;
  const { clock, patience } = options;
  const facts = { nameservers: [server], ...POD_SEARCH };
  const client = clientOf(libc, { facts, clock, transport: socketTransport });
  for (const name of story.before ?? []) await client.walk(name);
  await elapsed(clock, QUIET_ROUND_TRIPS * options.roundTrip, { keepsAlive: true });
  Object.assign(cluster.faults, story.faults);
  cluster.asked.length = 0;
  const started = clock.now();
  const walk = await walkUnlessLonger(client, story.lookup, clock, patience);
  const took = clock.now() - started;
  const asked = cluster.asked.map(({ at, qname, qtype, dropped }) => ({
    at: at - started,
    qname,
    qtype,
    ...(dropped === undefined ? {} : { dropped }),
  }));
  return { story, libc, path, ...(walk === undefined ? {} : { walk }), elapsed: took, asked };
}

/** musl by its newest rules: those of today's Alpine. */
function clientOf(libc: Libc, options: ClientOptions): Client {
  return libc === 'musl' ? musl(options, '1.2.5') : glibc(options);
}

/** @returns `undefined` when patience ended first. */
async function walkUnlessLonger(
  client: Client,
  name: string,
  clock: Clock,
  patience: Milliseconds,
): Promise<Walk | undefined> {
  const giveUp = new AbortController();
  const timer = clock.after(patience, () => giveUp.abort()).keepAlive();
  try {
    return await client.walk(name, giveUp.signal);
  } catch (error) {
    if (giveUp.signal.aborted && error === giveUp.signal.reason) return undefined;
    throw error;
  } finally {
    timer.cancel();
  }
}
