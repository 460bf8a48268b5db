import { Rcode, RrType } from '../wire/codes.ts';

// Every label value that a metric can have. A closed set makes a bounded number of series, and leaves no way for a
// client's octets into a label (S1, S4).

/** The types that jobs ask for; every other one is `other`. */
export type TypeClass = (typeof TYPE_CLASSES)[number];
export const TYPE_CLASSES = ['A', 'AAAA', 'PTR', 'SRV', 'HTTPS', 'TXT', 'other'] as const;

const typeClasses = new Map<number, TypeClass>(
  TYPE_CLASSES.flatMap((name) => (name === 'other' ? [] : [[RrType[name], name]])),
);

/** The label for a question's type. */
export function typeClass(qtype: number): TypeClass {
  return typeClasses.get(qtype) ?? 'other';
}

/** The RCODEs that the program itself sends or that clients act upon; every other one is `other`. */
export type RcodeClass = (typeof RCODE_CLASSES)[number];
export const RCODE_CLASSES = [
  'NOERROR',
  'NXDOMAIN',
  'SERVFAIL',
  'FORMERR',
  'NOTIMP',
  'REFUSED',
  'BADVERS',
  'other',
] as const;

const rcodeClasses = new Map<number, RcodeClass>(
  RCODE_CLASSES.flatMap((name) => (name === 'other' ? [] : [[Rcode[name], name]])),
);

/** The label for a response's RCODE, extended by OPT's octet if there is one (RFC 6891 §6.1.3). */
export function rcodeClass(rcode: number): RcodeClass {
  return rcodeClasses.get(rcode) ?? 'other';
}

/** Why an expansion needed no query upstream: a cut, a pin, an expired cut (N9), or A's denial (F3). */
export type SavingReason = (typeof SAVING_REASONS)[number];
export const SAVING_REASONS = ['cut', 'pin', 'stale_cut', 'shared_nxdomain'] as const;

/** The two parts of the cache (C3). */
export type CachePart = (typeof CACHE_PARTS)[number];
export const CACHE_PARTS = ['positive', 'negative'] as const;

/** The limits that are counted when they are reached (S1); docs/security.md says what happens then. */
export type Limit = (typeof LIMITS)[number];
export const LIMITS = [
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
] as const;

/** The old names of some limits: version 0.2 counts these under both names. */
export const FORMER_LIMITS: Readonly<Record<string, Limit>> = {
  backlog: 'turn_backlog',
  waiting: 'coalesced_full',
  unheard: 'silent_route_full',
};

/** Why a datagram got no reply (L2). */
export type DropReason = (typeof DROP_REASONS)[number];
export const DROP_REASONS = ['response', 'malformed'] as const;

/** How a reload ended (S2). */
export type ReloadResult = (typeof RELOAD_RESULTS)[number];
export const RELOAD_RESULTS = ['success', 'failure'] as const;
