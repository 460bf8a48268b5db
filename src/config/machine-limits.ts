import type { RouteSettings, UpstreamGroups } from './server-kind.ts';

/** Enough for thousands of slow answers at once. */
const MOST_FLIGHTS = 10_000;
const MOST_SOCKETS = 8_192;
/** With fewer, a few lookups would already compete. */
const LEAST_FLIGHTS = 256;
const LEAST_SOCKETS = 4;
/**
 * One question may wait for each 64 KiB of memory. A question in flight holds some 17 KiB with its three sockets, so
 * all of them together use about a quarter of the memory.
 */
const MEMORY_EACH = 64 * 1_024;

/** How many questions may wait, by the memory that the process may have; `undefined` where nothing bounds it. */
export function defaultFlights(memory: number | undefined): number {
  const share = Math.floor((memory ?? Number.POSITIVE_INFINITY) / MEMORY_EACH);
  return Math.max(LEAST_FLIGHTS, Math.min(MOST_FLIGHTS, share));
}

/**
 * How many UDP sockets one upstream may have: half of the files that the process may open, shared by all upstreams,
 * which leaves the other half for clients' connections and scrapes. Never more than there may be questions (S1).
 *
 * @param readFile - Throws when there is no such file: outside Linux the limit is unknown, and taken to be high.
 */
export function defaultUpstreamSockets(
  readFile: (path: string) => string,
  flights: number,
  { upstreams, routes }: { upstreams: UpstreamGroups; routes: readonly RouteSettings[] },
): number {
  const servers = [upstreams, ...routes.map((route) => route.upstreams)].flat(2).length;
  const share = Math.floor(openFiles(readFile) / 2 / Math.max(1, servers));
  return Math.max(LEAST_SOCKETS, Math.min(MOST_SOCKETS, flights, share));
}

/** Node raises its soft limit to the hard limit at start, so this value is the one in effect. */
function openFiles(readFile: (path: string) => string): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFile('/proc/self/limits')) ?? [];
    return Number(soft ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
