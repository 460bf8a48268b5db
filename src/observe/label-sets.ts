import { Rcode, RrType } from '../wire/codes.ts';

// Every label value that a metric can have. A closed set makes a bounded number of series, and leaves no way for a
// client's octets into a label (S1, S4).

/** How a client's question came. */
export type Transport = 'udp' | 'tcp';
export const TRANSPORTS: readonly Transport[] = ['udp', 'tcp'];

/** How a question went upstream. */
export type UpstreamTransport = 'udp' | 'tcp' | 'tls' | 'https';
export const UPSTREAM_TRANSPORTS: readonly UpstreamTransport[] = ['udp', 'tcp', 'tls', 'https'];

/** The types that jobs ask for; every other one is `other`. */
export type TypeClass = 'A' | 'AAAA' | 'PTR' | 'SRV' | 'HTTPS' | 'TXT' | 'other';
export const TYPE_CLASSES: readonly TypeClass[] = [
  'A',
  'AAAA',
  'PTR',
  'SRV',
  'HTTPS',
  'TXT',
  'other',
];

const typeClasses = new Map<number, TypeClass>([
  [RrType.A, 'A'],
  [RrType.AAAA, 'AAAA'],
  [RrType.PTR, 'PTR'],
  [RrType.SRV, 'SRV'],
  [RrType.HTTPS, 'HTTPS'],
  [RrType.TXT, 'TXT'],
]);

/** The label for a question's type. */
export function typeClass(qtype: number): TypeClass {
  return typeClasses.get(qtype) ?? 'other';
}

/** The RCODEs that the program sends itself or that mean something to its clients; every other one is `other`. */
export type RcodeClass =
  | 'NOERROR'
  | 'NXDOMAIN'
  | 'SERVFAIL'
  | 'FORMERR'
  | 'NOTIMP'
  | 'REFUSED'
  | 'BADVERS'
  | 'other';
export const RCODE_CLASSES: readonly RcodeClass[] = [
  'NOERROR',
  'NXDOMAIN',
  'SERVFAIL',
  'FORMERR',
  'NOTIMP',
  'REFUSED',
  'BADVERS',
  'other',
];

const rcodeClasses = new Map<number, RcodeClass>([
  [Rcode.NOERROR, 'NOERROR'],
  [Rcode.NXDOMAIN, 'NXDOMAIN'],
  [Rcode.SERVFAIL, 'SERVFAIL'],
  [Rcode.FORMERR, 'FORMERR'],
  [Rcode.NOTIMP, 'NOTIMP'],
  [Rcode.REFUSED, 'REFUSED'],
  [Rcode.BADVERS, 'BADVERS'],
]);

/** The label for a response's RCODE, extended by OPT's octet where there is one (RFC 6891 §6.1.3). */
export function rcodeClass(rcode: number): RcodeClass {
  return rcodeClasses.get(rcode) ?? 'other';
}

/** Where an answer came from. */
export type AnswerSource = 'upstream' | 'cache' | 'stale' | 'cut' | 'pin' | 'local' | 'failure';
export const ANSWER_SOURCES: readonly AnswerSource[] = [
  'upstream',
  'cache',
  'stale',
  'cut',
  'pin',
  'local',
  'failure',
];

/** What became of an expansion: a pin's (N6), a live cut's (N3), the cache's, upstream's, or an expired cut's (N9) answer. */
export type ExpansionFate = 'pin' | 'cut' | 'cache' | 'upstream' | 'stale_cut';
export const EXPANSION_FATES: readonly ExpansionFate[] = [
  'pin',
  'cut',
  'cache',
  'upstream',
  'stale_cut',
];

/** What was mended: F3, F4, F5 (failed), F5 (silent), F5 (nothing beside a failure), N7, C1. */
export type RepairKind =
  | 'shared_nxdomain'
  | 'nxdomain_beside_addresses'
  | 'failure_beside_addresses'
  | 'silence_beside_addresses'
  | 'nodata_beside_failure'
  | 'nodata_in_search'
  | 'other_owner';
export const REPAIR_KINDS: readonly RepairKind[] = [
  'shared_nxdomain',
  'nxdomain_beside_addresses',
  'failure_beside_addresses',
  'silence_beside_addresses',
  'nodata_beside_failure',
  'nodata_in_search',
  'other_owner',
];

/** What spared an expansion its query upstream: a cut, a pin, an expired cut (N9), or A's denial (F3). */
export type SavingReason = 'cut' | 'pin' | 'stale_cut' | 'shared_nxdomain';
export const SAVING_REASONS: readonly SavingReason[] = [
  'cut',
  'pin',
  'stale_cut',
  'shared_nxdomain',
];

/** How a lookup ended: with records, with the word that there are none, or with neither. */
export type LookupOutcome = 'found' | 'absent' | 'failed';
export const LOOKUP_OUTCOMES: readonly LookupOutcome[] = ['found', 'absent', 'failed'];

/** The two parts of the cache (C3). */
export type CachePart = 'positive' | 'negative';
export const CACHE_PARTS: readonly CachePart[] = ['positive', 'negative'];

/** Whether a zone's server denies names the way that proofs need (N2). */
export type ConformanceState = 'unknown' | 'conforming' | 'nonconforming';
export const CONFORMANCE_STATES: readonly ConformanceState[] = [
  'unknown',
  'conforming',
  'nonconforming',
];

/** Why no answer came from upstream. */
export type FailureReason =
  | 'timeout'
  | 'refused'
  | 'network'
  | 'local'
  | 'malformed'
  | 'untrusted'
  | 'full'
  | 'closed';
export const FAILURE_REASONS: readonly FailureReason[] = [
  'timeout',
  'refused',
  'network',
  'local',
  'malformed',
  'untrusted',
  'full',
  'closed',
];

/** Why a question left UDP (U2, U3, U4, S1). */
export type TcpFallback = 'truncated' | 'silence' | 'wrong-id' | 'malformed' | 'full';
export const TCP_FALLBACKS: readonly TcpFallback[] = [
  'truncated',
  'silence',
  'wrong-id',
  'malformed',
  'full',
];

/** What is bounded, told when the bound was met (S1); docs/security.md says of each what happens then. */
export type Limit =
  | 'turn_backlog'
  | 'flights'
  | 'coalesced_full'
  | 'upstream_sockets'
  | 'silent_route_full'
  | 'tcp_connections'
  | 'tcp_queries'
  | 'tcp_idle'
  | 'tcp_life'
  | 'tcp_unread'
  | 'status_connections'
  | 'status_request'
  | 'log_lines'
  | 'log_output';
export const LIMITS: readonly Limit[] = [
  'turn_backlog',
  'flights',
  'coalesced_full',
  'upstream_sockets',
  'silent_route_full',
  'tcp_connections',
  'tcp_queries',
  'tcp_idle',
  'tcp_life',
  'tcp_unread',
  'status_connections',
  'status_request',
  'log_lines',
  'log_output',
];

/** What some limits were called up to 0.1: 0.2 counts them under both names. */
export const FORMER_LIMITS: Readonly<Record<string, Limit>> = {
  backlog: 'turn_backlog',
  waiting: 'coalesced_full',
  unheard: 'silent_route_full',
};

/** Why a datagram got no reply (L2). */
export type DropReason = 'response' | 'malformed';
export const DROP_REASONS: readonly DropReason[] = ['response', 'malformed'];

/** How a reload ended (S2). */
export type ReloadResult = 'success' | 'failure';
export const RELOAD_RESULTS: readonly ReloadResult[] = ['success', 'failure'];
