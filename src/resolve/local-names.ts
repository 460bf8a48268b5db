import { Rcode, RrClass, RrType } from '../wire/codes.ts';
import { encodeName, isAtOrBelow, type Name } from '../wire/name.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { EMPTY } from '../wire/render.ts';
import { ownNegative } from '../wire/soa.ts';
import type { Answer, Query, Stage } from './stage.ts';

/** Addresses of a name from a hosts file, as RDATA of A (4 octets) and AAAA (16). */
export type HostsLookup = (qname: Name) => readonly Uint8Array[] | undefined;

/** These answers never change; a day is as long as any answer lives here (C2). */
const LOCAL_TTL: Seconds = 86_400;
/** A hosts file may be edited. */
const HOSTS_TTL: Seconds = 5;

const LOOPBACK_4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const LOOPBACK_4_REVERSE = '127.in-addr.arpa.';
const LOOPBACK_6_REVERSE = `1.${'0.'.repeat(31)}ip6.arpa.`;

/**
 * Answers names that should not be sent to any server: `localhost`, `invalid` and the loopback's reverse (RFC 6761
 * §6.3, §6.4), and the names of a hosts file if one is configured (L6).
 */
export function localNames(hosts: HostsLookup | undefined): Stage {
  return (next) => (query, asker) => {
    const answer = query.qclass === RrClass.IN ? localAnswer(query, hosts) : undefined;
    if (answer === undefined) next(query, asker);
    else asker.onAnswer(answer);
  };
}

function localAnswer(query: Query, hosts: HostsLookup | undefined): Answer | undefined {
  const { qname } = query;
  const listed = hosts?.(qname);
  if (listed !== undefined) return addresses(query, listed, HOSTS_TTL);
  if (isAtOrBelow(qname, 'localhost.'))
    return addresses(query, [LOOPBACK_4, LOOPBACK_6], LOCAL_TTL);
  if (isAtOrBelow(qname, 'invalid.'))
    return local(ownNegative(Rcode.NXDOMAIN, 'invalid.', LOCAL_TTL));
  if (isAtOrBelow(qname, LOOPBACK_4_REVERSE)) return reverse(query, '1.0.0.127.in-addr.arpa.');
  if (isAtOrBelow(qname, LOOPBACK_6_REVERSE)) return reverse(query, LOOPBACK_6_REVERSE);
  return undefined;
}

/** The addresses of the family that was asked; NODATA where there is none, so that the name exists (RFC 6761 §6.3). */
function addresses(query: Query, all: readonly Uint8Array[], ttl: Seconds): Answer {
  const wanted = query.qtype === RrType.A ? 4 : query.qtype === RrType.AAAA ? 16 : 0;
  const rdatas = all.filter((rdata) => rdata.length === wanted);
  return records(query, rdatas, ttl);
}

function reverse(query: Query, loopback: Name): Answer {
  const known = query.qname === loopback;
  if (!known && isAtOrBelow(query.qname, loopback)) {
    return local(ownNegative(Rcode.NXDOMAIN, loopback, LOCAL_TTL));
  }
  const isPtr = known && query.qtype === RrType.PTR;
  return records(query, isPtr ? [encodeName('localhost')] : [], LOCAL_TTL);
}

function records(query: Query, rdatas: readonly Uint8Array[], ttl: Seconds): Answer {
  if (rdatas.length === 0) return local(ownNegative(Rcode.NOERROR, query.qname, ttl));
  const owner = encodeName(query.qname);
  const answer = rdatas.map(
    (rdata): Rr => ({ owner, type: query.qtype, klass: RrClass.IN, ttl, rdata }),
  );
  return local({ ...EMPTY, answer });
}

function local(message: Answer['message']): Answer {
  return { message, source: 'local', age: 0 };
}
