import { resolve } from 'node:path';
import { formatEndpoint } from '../endpoint.ts';
import type { Problem } from '../input-error.ts';
import type { ServerAddress } from '../upstream/server-address.ts';
import type { ChosenValues } from './chosen-values.ts';
import { ownListener } from './own-address.ts';
import { publishedNameserver } from './resolv-conf.ts';
import { otherClusterDomain, type ReadResolvConf } from './resolv-conf-defaults.ts';
import type { RouteSettings, UpstreamGroups } from './server-kind.ts';
import type { Settings } from './settings.ts';

/** Adds the problems of values that are valid alone and wrong together. */
export function checkTogether(values: ChosenValues, settings: Settings): void {
  const { listen, cache, publishResolvConf, resolvConf } = settings;
  const seen = new Set<string>();
  for (const [index, endpoint] of listen.addresses.entries()) {
    const address = formatEndpoint(endpoint);
    if (seen.has(address) && endpoint.port !== 0) {
      values.addProblem('listen.addresses', `listed twice: ${address}`, [index]);
    }
    seen.add(address);
  }
  if (cache.minTtl > cache.maxTtl) {
    const reason = `above cache.maxTtl: ${cache.minTtl}s > ${cache.maxTtl}s`;
    values.addProblem(values.isUnset('cache.minTtl') ? 'cache.maxTtl' : 'cache.minTtl', reason);
  }
  if (publishResolvConf === undefined) return;
  if (resolve(publishResolvConf) === resolve(resolvConf)) {
    const reason = `is the file that the upstreams are read from: ${publishResolvConf}; after a restart sidestub would find itself there`;
    values.addProblem('publishResolvConf', reason);
  }
  if (publishedNameserver(listen.addresses) === undefined) {
    const reason = 'needs a listen address with port 53: resolv.conf cannot name another port';
    values.addProblem('publishResolvConf', reason);
  }
}

/** Adds the problems of upstreams that are missing or are this daemon itself (U1). */
export function checkUpstreams(
  values: ChosenValues,
  settings: Settings,
  { path, failure, conf }: ReadResolvConf,
  machine: readonly string[],
): void {
  const byDefault = values.isUnset('upstreams');
  if (byDefault && conf.nameservers.length === 0) {
    const reason = failure ?? 'names no nameserver';
    // Lines that libc skips silently may be why there is no upstream.
    for (const { line, text } of conf.notes) {
      values.problems.push({ place: `${path}:${line}`, reason: text });
    }
    values.problems.push({ place: path, reason: `${reason}; ${NAME_THEM}` });
  }
  for (const { server, key, at } of placesOf(settings.upstreams, settings.routes)) {
    const own = ownListener(server.endpoint, settings.listen.addresses, machine);
    if (own === undefined) continue;
    const reason = `${server.name} is sidestub itself, which listens on ${formatEndpoint(own)}`;
    if (values.isGiven(key)) values.addProblem(key, reason, at);
    else if (byDefault)
      values.problems.push({ place: path, reason: `nameserver ${reason}; ${NAME_THEM}` });
  }
}

/** What can be done about missing or wrong default upstreams. */
const NAME_THEM =
  'name the servers to ask with --upstream, SIDESTUB_UPSTREAMS or upstreams in the configuration file, or name another file with --resolv-conf';

/** Notes about the search list: only one cluster zone is proven (N2). */
export function zoneNotes({ cluster, search }: Settings): Problem[] {
  if (cluster.domain === undefined) return [];
  const other = otherClusterDomain(search.suffixes, cluster.domain);
  if (other === undefined) return [];
  const reason = `${other} looks like a second cluster zone; only ${cluster.domain} is proven`;
  return [{ place: 'search.suffixes', reason }];
}

interface PlacedServer {
  readonly server: ServerAddress;
  readonly key: 'upstreams' | 'routes';
  /** Its path in the value of the setting. */
  readonly at: readonly (string | number)[];
}

function placesOf(groups: UpstreamGroups, routes: readonly RouteSettings[]): PlacedServer[] {
  const inRoutes = routes.flatMap(({ upstreams }, index) =>
    serversOf(upstreams).map(({ server, at }) => ({
      server,
      key: 'routes' as const,
      at: [index, 'upstreams', ...at],
    })),
  );
  const direct = serversOf(groups).map((placed) => ({ ...placed, key: 'upstreams' as const }));
  return [...direct, ...inRoutes];
}

function serversOf(groups: UpstreamGroups) {
  return groups.flatMap((group, index) =>
    group.map((server, position) => ({ server, at: [index, position] })),
  );
}
