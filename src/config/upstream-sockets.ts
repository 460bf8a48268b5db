import type { RouteSettings, UpstreamGroups } from './settings.ts';

/** Enough for thousands of slow answers at once; each costs some 5 KiB while it is open. */
const MOST = 8_192;
/** A handful: with fewer, two lookups would already stand in each other's way. */
const LEAST = 4;

/**
 * How many UDP sockets one upstream may have: half of the files that the process may open, shared by all upstreams, so
 * that clients' connections and scrapes find the other half (S1).
 *
 * @param readFile - Throws where there is no such file: outside Linux nobody tells the limit, and it is taken for high.
 */
export function defaultUpstreamSockets(
  readFile: (path: string) => string,
  upstreams: UpstreamGroups,
  routes: readonly RouteSettings[],
): number {
  const servers = [upstreams, ...routes.map((route) => route.upstreams)].flat(2).length;
  const share = Math.floor(openFiles(readFile) / 2 / Math.max(1, servers));
  return Math.max(LEAST, Math.min(MOST, share));
}

/** Node raises its own limit to the hard one as it starts: what stands here is what counts. */
function openFiles(readFile: (path: string) => string): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFile('/proc/self/limits')) ?? [];
    return Number(soft ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
