import {
  count,
  domainName,
  duration,
  endpoint,
  type Kind,
  label,
  listOf,
  lookupName,
  oneOf,
  orOff,
  path,
  prefix,
  size,
  truth,
  ttl,
  type Written,
} from './kind.ts';
import { publicTlds } from './public-tlds.ts';
import { laneOrder, routes, serverGroups } from './server-kind.ts';

/** One setting: everything that the program and its documentation know about it. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  /** One line, lower case, no full stop. */
  readonly meaning: string;
  /** The design rule or the RFC behind the setting. */
  readonly rule?: string;
  readonly default: DefaultValue;
  /** Without the dashes; most settings have none. */
  readonly flag?: { readonly name: string; readonly hint: string; readonly multiple?: true };
}

/** In the form of the configuration file, with a summary if that is long; or how it is derived. */
export type DefaultValue =
  | { readonly written: Written; readonly summary?: string }
  | { readonly derived: string };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const KIB = 2 ** 10;
const GIB = 2 ** 30;

/**
 * Every setting by its path in the configuration file: the only statement of its default, bounds and meaning.
 *
 * The environment name follows from the path ({@link environmentName}).
 */
export const settingTable = {
  'listen.addresses': setting({
    kind: listOf(endpoint(53), 1, 64),
    meaning: 'where to listen, over UDP and TCP',
    rule: 'L1',
    default: { derived: '127.0.0.1:53 and, when the machine has ::1, [::1]:53' },
    flag: { name: 'listen', hint: 'ADDR:PORT', multiple: true },
  }),
  'listen.allow': setting({
    kind: listOf(prefix(), 0, 256),
    meaning:
      'clients that may ask, all if empty; others get REFUSED, and their TCP connections are closed',
    default: { written: [] },
  }),
  'listen.io': setting({
    kind: oneOf(['auto', 'dgram', 'batch']),
    meaning: 'how datagrams are received; auto is batch where that works, else dgram',
    default: { written: 'auto' },
  }),
  threads: setting({
    kind: count(1, 64),
    meaning: 'how many threads answer, each with its own cache; each needs a core',
    default: { written: '1' },
  }),
  'tcp.maxConnections': setting({
    kind: count(1, 65_535),
    meaning: 'TCP connections of all clients together',
    rule: 'S1',
    default: { written: '256' },
  }),
  'tcp.maxConnectionsPerClient': setting({
    kind: count(1, 65_535),
    meaning: 'TCP connections of one client address',
    rule: 'S1',
    default: { written: '64' },
  }),
  'tcp.maxInFlight': setting({
    kind: count(1, 65_535),
    meaning: 'queries of one TCP connection that are being answered',
    rule: 'S1',
    default: { written: '100' },
  }),
  'tcp.idle': setting({
    kind: duration(100, HOUR),
    meaning: 'how long a TCP connection may stay open without a query',
    rule: 'RFC 7766 §6.2.3',
    default: { written: '10s' },
  }),
  'tcp.life': setting({
    kind: duration(1_000, 24 * HOUR),
    meaning: 'how long a TCP connection may stay open; it then closes after its last answer',
    rule: 'S1',
    default: { written: '10m' },
  }),
  'limits.flights': setting({
    kind: count(16, 1_000_000),
    meaning:
      'questions in flight; past the limit, the oldest of the client with the most is dropped',
    rule: 'S1',
    default: {
      derived: 'one for each 64 KiB that the process may have, 256 at least and 10000 at most',
    },
  }),
  'limits.upstreamSockets': setting({
    kind: count(4, 60_000),
    meaning: 'UDP sockets to one upstream; past the limit, questions go over TCP',
    rule: 'S1, F1',
    default: {
      derived:
        'half of the files that the process may open, shared by the upstreams; at most limits.flights and 8192',
    },
  }),
  resolvConf: setting({
    kind: path(),
    meaning: 'the resolv.conf that names the default upstreams and suffixes',
    rule: 'N1, U1',
    default: { written: '/etc/resolv.conf' },
    flag: { name: 'resolv-conf', hint: 'FILE' },
  }),
  publishResolvConf: setting({
    kind: orOff(path()),
    meaning: 'where to write a resolv.conf that names sidestub alone',
    default: { written: 'off' },
    flag: { name: 'publish-resolv-conf', hint: 'FILE' },
  }),
  upstreams: setting({
    kind: serverGroups(),
    meaning: 'servers to ask, in order; equals of one group together',
    rule: 'U1',
    default: { derived: 'the first three nameservers of resolvConf, in order' },
    flag: { name: 'upstream', hint: 'URL[,URL]', multiple: true },
  }),
  routes: setting({
    kind: routes(),
    meaning: 'zones with upstreams of their own; the longest match wins',
    rule: 'U1',
    default: { written: [] },
  }),
  'search.mode': setting({
    kind: oneOf(['prove', 'assume', 'off']),
    meaning:
      'how the steps of a search list are answered: from proofs, by assumption, or by upstream alone',
    rule: 'N3, N5',
    default: { written: 'prove' },
  }),
  'search.suffixes': setting({
    kind: listOf(domainName(), 0, 64),
    meaning: "the clients' search list",
    rule: 'N1',
    default: { derived: 'the search list of resolvConf' },
  }),
  'search.ndots': setting({
    kind: count(0, 15),
    meaning: "the clients' ndots: names with fewer dots go through the search list first",
    default: { derived: 'the option ndots of resolvConf, or 1' },
  }),
  'search.pin': setting({
    kind: listOf(domainName(), 0, 1_000),
    meaning: 'names whose expansions by the search list never exist',
    rule: 'N6',
    default: { written: [] },
  }),
  'search.keep': setting({
    kind: listOf(domainName(), 0, 1_000),
    meaning: 'suffixes, and bases with all below them, that assume proves all the same',
    rule: 'N5',
    default: { written: [] },
  }),
  'search.wildcardGuard': setting({
    kind: truth(),
    meaning:
      'whether the answer of the name itself replaces that of a suffix with an address for every name',
    rule: 'N8',
    default: { written: 'false' },
  }),
  'search.collapse': setting({
    kind: truth(),
    meaning: 'whether the first step of a search is answered with the result of its last step',
    rule: 'N10',
    default: { written: 'false' },
  }),
  'search.public': setting({
    kind: listOf(label(), 0, 2_000),
    meaning:
      'last labels whose names may be asked upstream before the cluster has denied a service (N4)',
    default: {
      written: publicTlds(),
      summary: 'com, net, org, edu, gov, info, io and most country codes',
    },
  }),
  'cluster.domain': setting({
    kind: orOff(domainName()),
    meaning: 'the cluster zone',
    rule: 'N1',
    default: { derived: 'what follows svc. in search.suffixes' },
  }),
  'families.order': setting({
    kind: laneOrder(),
    meaning: 'how the A and AAAA questions of one name are sent upstream over UDP',
    rule: 'F2',
    default: { written: 'auto' },
  }),
  'families.repair': setting({
    kind: truth(),
    meaning: 'whether a failing address family is answered with no data beside a working one',
    rule: 'F5',
    default: { written: 'true' },
  }),
  'families.aaaa': setting({
    kind: oneOf(['pass', 'auto', 'filter']),
    meaning:
      'whether AAAA is answered with no data and not asked upstream; auto: if only IPv4 has a route out',
    rule: 'F6',
    default: { written: 'pass' },
  }),
  'cache.octets': setting({
    kind: size(64 * KIB, 2 * GIB),
    meaning: 'memory for positive answers, all that is taken for them',
    rule: 'C3',
    default: { written: '16MiB' },
  }),
  'cache.negativeOctets': setting({
    kind: size(16 * KIB, 2 * GIB),
    meaning: 'memory for negative answers, apart from cache.octets',
    rule: 'C3',
    default: { written: '4MiB' },
  }),
  'cache.minTtl': setting({
    kind: ttl(0, 3_600),
    meaning: 'TTLs below this are raised to it',
    rule: 'C2',
    default: { written: '0s' },
  }),
  'cache.maxTtl': setting({
    kind: ttl(1, 86_400),
    meaning: 'TTLs above this are lowered to it',
    rule: 'C2',
    default: { written: '1d' },
  }),
  hosts: setting({
    kind: orOff(path()),
    meaning: 'a hosts file whose names are answered',
    rule: 'L6',
    default: { written: 'off' },
  }),
  rehearsal: setting({
    kind: truth(),
    meaning:
      'whether lookups are rehearsed once it is ready, so that the first one is quick, for 0.1 s of CPU',
    default: { written: 'true' },
  }),
  'ready.names': setting({
    kind: listOf(lookupName(), 0, 64),
    meaning: 'names that must resolve for musl and glibc before it is ready for the first time',
    default: { written: [] },
  }),
  'status.address': setting({
    kind: orOff(endpoint(9553)),
    meaning: 'where /metrics and /ready are served over HTTP',
    default: { written: '127.0.0.1:9553' },
    flag: { name: 'metrics', hint: 'ADDR:PORT|off' },
  }),
  'status.page': setting({
    kind: oneOf(['auto', 'on', 'off']),
    meaning:
      'the status page at /; auto serves it only to loopback peers, which include kubectl port-forward',
    rule: 'S4',
    default: { written: 'auto' },
  }),
  'status.names': setting({
    kind: truth(),
    meaning: 'whether the page shows the names of slow and failed lookups',
    rule: 'S4',
    default: { written: 'false' },
  }),
  'log.level': setting({
    kind: oneOf(['debug', 'info', 'warn', 'error']),
    meaning: 'the least important events to log; query names appear at debug only',
    rule: 'S4',
    default: { written: 'info' },
  }),
  'log.format': setting({
    kind: oneOf(['auto', 'json', 'text']),
    meaning: 'auto is text on a terminal and json elsewhere',
    default: { written: 'auto' },
  }),
  'queryLog.to': setting({
    kind: orOff(path()),
    meaning: 'a file, or stdout, for a line of JSON per query; the names are user data',
    rule: 'S4',
    default: { written: 'off' },
  }),
  'queryLog.sample': setting({
    kind: count(1, 1_000_000),
    meaning: 'one of this many queries is logged, chosen at random',
    default: { written: '1' },
  }),
  'shutdown.lameduck': setting({
    kind: duration(0, 5 * MINUTE),
    meaning:
      'how long new queries are answered after SIGTERM while not ready, until load balancers have moved on',
    rule: 'S2',
    default: { written: '0s' },
  }),
  'shutdown.grace': setting({
    kind: duration(0, 5 * MINUTE),
    meaning: 'how long queries in flight are still answered at the end',
    rule: 'S2',
    default: { written: '1s' },
  }),
  'shutdown.message': setting({
    kind: orOff(path()),
    meaning: 'a file for the totals at the end, if it exists and can be written',
    default: { written: '/dev/termination-log' },
  }),
} as const;

export type SettingKey = keyof typeof settingTable;

/** The type of a setting's value after it was read. */
export type ValueOf<Key extends SettingKey> =
  (typeof settingTable)[Key] extends Setting<infer T> ? T : never;

/** Every path, in the order of the table. */
export const SETTING_KEYS = Object.keys(settingTable) as readonly SettingKey[];

/** The declaration of a setting, for callers that do not depend on its type. */
export function settingOf(key: SettingKey): Setting<unknown> {
  // A kind formats only values that it has read itself, so the type may be dropped.
  return settingTable[key] as Setting<unknown>;
}

/** Whether a word is the path of a setting. */
export function isSettingKey(word: string): word is SettingKey {
  return Object.hasOwn(settingTable, word);
}

/** The environment variable of a setting: `tcp.maxInFlight` is `SIDESTUB_TCP_MAX_IN_FLIGHT`. */
export function environmentName(key: SettingKey): string {
  const words = key.replace(/([A-Z])/g, '_$1').replaceAll('.', '_');
  return `SIDESTUB_${words.toUpperCase()}`;
}

function setting<T>(declaration: Setting<T>): Setting<T> {
  return declaration;
}
