import type { Test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import type { Asked } from '../../src/demo/cluster.ts';
import { type World, worldOf } from '../../src/demo/cluster-world.ts';
import { type Lab, startLab } from './lab.ts';
import type { Libc, Lookup } from './lab-client.ts';
import type { Daemon, DaemonOptions } from './lab-daemon.ts';
import { required } from './lab-requirements.ts';

/** The round trip to cluster DNS in the stories: long against everything else that takes time. */
export const RTT: Milliseconds = 20;

/** The round trip where a test judges a time. A busy machine was seen to add 30 ms to a walk. */
export const TIMED_RTT: Milliseconds = 100;

export const LIBCS: readonly Libc[] = ['musl', 'glibc'];

/** What a lookup of so many round trips may take: the 5 ms are for processes, timers and the loopback. */
export function roundTrips(count: number, rtt: Milliseconds = TIMED_RTT): Milliseconds {
  return count * rtt + 5;
}

/** The cluster that the stories play in; `more` adds namespaces and replaces the rest. */
export function storyWorld(more: Partial<World> = {}): World {
  const { namespaces, ...rest } = more;
  return worldOf({
    namespaces: {
      job: { nginx: { endpoints: { 'web-0': '10.244.9.10', 'web-1': '10.244.9.11' } } },
      ...namespaces,
    },
    zones: ['corp.example.'],
    hosts: {
      'git.example.com.': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] },
      'registry.example.com.': { a: ['192.0.2.2'], aaaa: ['2001:db8::2'] },
      'only4.example.com.': { a: ['192.0.2.4'] },
      'mirror.example.net.': { cname: 'git.example.com.' },
      'gitlab.com.': { a: ['192.0.2.20'], aaaa: ['2001:db8::20'] },
      'europe-docker.pkg.dev.': { a: ['192.0.2.30'], aaaa: ['2001:db8::30'] },
      'us-docker.pkg.dev.': { a: ['192.0.2.31'], aaaa: ['2001:db8::31'] },
      'registry.tools.corp.example.': { a: ['203.0.113.9'] },
    },
    ...rest,
  });
}

/**
 * A lab that is gone after the test, or `undefined` where the machine cannot run one, which has then been said.
 *
 * @param t - The test that owns the lab.
 */
export async function setupLab(t: Test, world = storyWorld()): Promise<Lab | undefined> {
  if (!required(t)) return undefined;
  const lab = await startLab(world);
  t.teardown(() => lab.close());
  return lab;
}

/**
 * Runs `story` with a daemon that is ready, sure of its zone and {@link exercised}, over an empty log. Its caches know
 * nothing of the names in the stories, nor of their TLDs.
 */
export function withDaemon<Result>(
  lab: Lab,
  options: DaemonOptions,
  story: (daemon: Daemon) => Promise<Result>,
): Promise<Result> {
  return withFreshDaemon(lab, options, async (daemon) => {
    await exercised(lab);
    return story(daemon);
  });
}

/** The same, with a daemon that has answered nobody yet. */
export async function withFreshDaemon<Result>(
  lab: Lab,
  options: DaemonOptions,
  story: (daemon: Daemon) => Promise<Result>,
): Promise<Result> {
  const daemon = await lab.startDaemon(options);
  try {
    await daemon.untilReady();
    await daemon.untilVerdict();
    await lab.forget();
    return await story(daemon);
  } finally {
    await daemon.kill();
  }
}

/**
 * Has the daemon walk a name under a TLD of its own: V8 compiles a function when it first runs, which the first lookup of
 * a process pays for and no cache explains.
 */
export async function exercised(lab: Lab): Promise<void> {
  await lab.lookup('musl', 'exercise.example.org', { through: 'stub' });
  await lab.forget();
}

/** On a machine that others use too, a time is the best of so many runs; what is counted holds for each. */
const RUNS = 3;

/** The shortest time that `run` gives; it runs again only while that is past `limit`. */
export async function bestOf(
  limit: Milliseconds,
  run: () => Promise<Milliseconds>,
): Promise<Milliseconds> {
  let best = Number.POSITIVE_INFINITY;
  for (let runs = 0; runs < RUNS && best > limit; runs++) best = Math.min(best, await run());
  return best;
}

/** Asserts a time, and says what it was. */
export function within(t: Test, taken: Milliseconds, limit: Milliseconds, what: string): void {
  t.ok(taken <= limit, `${what}: ${taken.toFixed(1)} ms, at most ${limit.toFixed(1)} ms`);
}

/** Asserts that a lookup resolved to exactly these addresses, in any order. */
export function resolvesTo(t: Test, lookup: Lookup, addresses: readonly string[]): void {
  t.equal(lookup.error, '', `${lookup.name} resolves`);
  t.strictSame(lookup.addresses.toSorted(), addresses.toSorted(), `${lookup.name}: addresses`);
}

/** `name type` of each question, in order: what an assertion on counts should show when it fails. */
export function questions(asked: readonly Asked[]): string[] {
  return asked.map(({ qname, qtype }) => `${qname} ${qtype}`);
}
