// The program's terms for what happens to a question. They are also label values of metrics, so each set is closed: a
// metric then has a bounded number of series (S1).

/** The transport of a client's question. */
export type Transport = (typeof TRANSPORTS)[number];
export const TRANSPORTS = ['udp', 'tcp'] as const;

/** How a question went upstream. */
export type UpstreamTransport = (typeof UPSTREAM_TRANSPORTS)[number];
export const UPSTREAM_TRANSPORTS = ['udp', 'tcp', 'tls', 'https'] as const;

/** The source of an answer. */
export type AnswerSource = (typeof ANSWER_SOURCES)[number];
export const ANSWER_SOURCES = [
  'upstream',
  'cache',
  'stale',
  'cut',
  'pin',
  'local',
  'failure',
] as const;

/** Who answered an expansion: a pin (N6), a live cut (N3), the cache, upstream, or an expired cut (N9). */
export type ExpansionFate = (typeof EXPANSION_FATES)[number];
export const EXPANSION_FATES = ['pin', 'cut', 'cache', 'upstream', 'stale_cut'] as const;

/** Which rule repaired an answer: F3, F4, F5 (failed), F5 (silent), F5 (nothing beside a failure), N7, C1. */
export type RepairKind = (typeof REPAIR_KINDS)[number];
export const REPAIR_KINDS = [
  'shared_nxdomain',
  'nxdomain_beside_addresses',
  'failure_beside_addresses',
  'silence_beside_addresses',
  'denial_beside_failure',
  'nodata_in_search',
  'other_owner',
] as const;

/** How a lookup ended: with records, with the answer that there are none, or with neither. */
export type LookupOutcome = (typeof LOOKUP_OUTCOMES)[number];
export const LOOKUP_OUTCOMES = ['found', 'absent', 'failed'] as const;

/** Whether a zone's server denies names the way that proofs need (N2). */
export type ConformanceState = (typeof CONFORMANCE_STATES)[number];
export const CONFORMANCE_STATES = ['unknown', 'conforming', 'nonconforming'] as const;

/** Why there was no answer from upstream. */
export type FailureReason = (typeof FAILURE_REASONS)[number];
export const FAILURE_REASONS = [
  'timeout',
  'refused',
  'network',
  'local',
  'malformed',
  'untrusted',
  'full',
  'closed',
] as const;

/** Why a question was asked over TCP instead of UDP (U2, U3, U4, S1). */
export type TcpFallback = (typeof TCP_FALLBACKS)[number];
export const TCP_FALLBACKS = ['truncated', 'silence', 'wrong-id', 'malformed', 'full'] as const;
