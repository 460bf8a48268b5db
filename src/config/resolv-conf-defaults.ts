import { type Endpoint, isIpv6Address } from '../endpoint.ts';
import type { Problem } from '../input-error.ts';
import { fileFailure } from '../input-error.ts';
import { parseServerAddress, type ServerAddress } from '../upstream/server-address.ts';
import { isAtOrBelow, labelsOf, type Name } from '../wire/name.ts';
import { LIBC_NAMESERVERS, parseResolvConf, type ResolvConf } from './resolv-conf.ts';

/** The value that musl uses for anything larger (M1); glibc caps at the same. */
const MAX_NDOTS = 15;

/** A resolv.conf that was looked for, found or not. */
export interface ReadResolvConf {
  readonly path: string;
  /** Empty where the file could not be read. */
  readonly conf: ResolvConf;
  readonly failure: string | undefined;
}

/** Never throws: whether a missing file is a problem depends on the command. */
export function readResolvConf(readFile: (path: string) => string, path: string): ReadResolvConf {
  try {
    return { path, conf: parseResolvConf(readFile(path)), failure: undefined };
  } catch (error) {
    return { path, conf: parseResolvConf(''), failure: fileFailure(error) };
  }
}

/**
 * The upstreams that a resolv.conf stands for: each nameserver a group of its own, since libc asks them in order (U1).
 * With `options use-vc` they are asked over TCP, as by glibc and Go: where it is set, UDP often does not work.
 *
 * @param isOwn - Whether an address is ours. Beside other nameservers it is left out: clients are meant to ask us
 * first, and we ask the rest. On its own it stays, and is then refused as a loop.
 */
export function upstreamsOf(
  { nameservers, options }: ResolvConf,
  isOwn: (server: Endpoint) => boolean,
): readonly (readonly ServerAddress[])[] {
  const overTcp = options.has('use-vc') || options.has('usevc');
  const servers = nameservers.map((address) =>
    parseServerAddress(
      overTcp ? `tcp://${isIpv6Address(address) ? `[${address}]` : address}` : address,
    ),
  );
  const others = servers.filter(({ endpoint }) => !isOwn(endpoint));
  const asked = others.length > 0 ? others : servers;
  return asked.slice(0, LIBC_NAMESERVERS).map((server) => [server]);
}

/** The suffixes of its search list; `search .` stands for none. */
export function suffixesOf({ search }: ResolvConf): readonly Name[] {
  return search.filter((suffix) => suffix !== '.');
}

/** Its ndots as libc reads it: 1 if there is none or it is not a number, at most 15. */
export function ndotsOf({ options }: ResolvConf): number {
  const ndots = Number.parseInt(options.get('ndots') ?? '1', 10);
  return Number.isNaN(ndots) ? 0 : Math.min(Math.max(ndots, 0), MAX_NDOTS);
}

/**
 * What an operator should know about the file: lines that were skipped, and values that libc would not use as written.
 */
export function notesOf({ path, conf, failure }: ReadResolvConf): Problem[] {
  if (failure !== undefined) return [{ place: path, reason: `${failure}: no default search list` }];
  const notes = conf.notes.map(({ line, text }) => ({ place: `${path}:${line}`, reason: text }));
  const ndots = conf.options.get('ndots');
  if (ndots !== undefined && ndots !== String(ndotsOf(conf))) {
    notes.push({ place: path, reason: `ndots:${ndots} is ${ndotsOf(conf)}, as in libc` });
  }
  return notes;
}

/**
 * The cluster zone that a search list shows: what follows `svc.` at the head of a suffix (`svc.Z`) or behind its first
 * label (`NS.svc.Z`) (N1).
 */
export function clusterDomainOf(suffixes: readonly Name[]): Name | undefined {
  for (const suffix of suffixes) {
    const labels = labelsOf(suffix);
    const zoneAt = labels.slice(0, 2).indexOf('svc') + 1;
    if (zoneAt > 0 && labels.length > zoneAt) return `${labels.slice(zoneAt).join('.')}.`;
  }
  return undefined;
}

/** A second cluster zone that the suffixes show beside `zone`, if there is one: only `zone` is proven (N2). */
export function otherClusterDomain(suffixes: readonly Name[], zone: Name): Name | undefined {
  const others = suffixes.filter((suffix) => !isAtOrBelow(suffix, zone));
  return clusterDomainOf(others);
}
