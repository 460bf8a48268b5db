import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { labelsOf, lastLabel, type Name } from '../wire/name.ts';
import { isIanaTld } from './iana-tlds.ts';
import type { SearchList } from './search-list.ts';
import type { DenialKind, Expansion } from './stage.ts';

/** How long a negative answer may be cached. */
export interface DenialLife {
  /** The longest for NXDOMAIN, and for NODATA of a name without any known address. */
  readonly alone: Milliseconds;
  /** The longest for NODATA while the other family has addresses: the name exists already. */
  readonly besideAddresses: Milliseconds;
  /** Whether a speculative one is kept for its walk even with TTL 0 (N4). */
  readonly isHeld: boolean;
}

/** Long enough for the other family and for immediate retries; a service created now is found at once. */
const BRIEF: Milliseconds = 250;
/** The TTL of CoreDNS' kubernetes plugin. */
const USUAL: Milliseconds = 5_000;

const LIVES: Readonly<Record<DenialKind, DenialLife>> = {
  brief: { alone: BRIEF, besideAddresses: USUAL, isHeld: false },
  usual: { alone: USUAL, besideAddresses: USUAL, isHeld: true },
  tld: { alone: USUAL, besideAddresses: USUAL, isHeld: true },
};

/** What kind of name this expansion in the cluster zone may become (C2, N3). */
export function denialKindOf(list: SearchList, { base }: Expansion): DenialKind {
  const last = lastLabel(base);
  // `_http._tcp.api`: an SRV record of the service `api`.
  const labels = labelsOf(base).filter((label) => !label.startsWith('_'));
  if (labels.length < 2 || list.isNamespace(last)) return 'brief';
  if (isIanaTld(last)) return 'tld';
  return labels.length === 2 && !list.isFqdnLike(base) ? 'brief' : 'usual';
}

/** The kind for another sidestub's probe, whose denial will answer for all names below the point (N3, N7). */
export function probedKindOf(point: Name): DenialKind {
  return isIanaTld(point.slice(0, point.indexOf('.'))) ? 'tld' : 'usual';
}

/** How long negative answers in the cluster zone may be cached, even if their SOA allows more. */
export function zoneDenialLife(kind: DenialKind): DenialLife {
  return LIVES[kind];
}

/** How long negative answers outside the cluster zone may be cached. */
export function outerDenialLife(longest: Milliseconds): DenialLife {
  return { alone: longest, besideAddresses: longest, isHeld: true };
}

/** The same negative answer with TTL 0: not to be cached (RFC 2308 §5). */
export function withoutLife(message: Message): Message {
  return { ...message, authority: message.authority.map((rr) => ({ ...rr, ttl: 0 })) };
}
