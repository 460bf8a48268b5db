import { RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { canonicalName, isAtOrBelow, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { chainOf } from './verdict.ts';

/** What bounds the TTLs that clients see. */
export interface TtlBounds {
  readonly minTtl: Seconds;
  /** At most a day: a deleted name is not cached for longer (C2, ghost domains). */
  readonly maxTtl: Seconds;
}

/**
 * Removes from an upstream's message what clients must not get (C1, C2).
 *
 * Answer records that do not belong to the chain of the question are dropped (MaginotDNS, CVE-2021-25220); the TTLs of
 * an RRset are set to its lowest (RFC 2181 §5.2), within the bounds. The records are put in the order of the chain:
 * glibc and c-ares ignore an address that comes before its CNAME.
 */
export function scrub(message: Message, question: Question, bounds: TtlBounds): Message {
  const chain = chainOf(message.answer, question.qname);
  const own = message.answer.filter((rr) => belongs(rr, chain));
  const answer = levelTtls(inOrder(own, chain), bounds.minTtl, bounds.maxTtl);
  return {
    ...message,
    answer,
    authority: levelTtls(message.authority, 0, bounds.maxTtl),
    additional: levelTtls(message.additional, 0, bounds.maxTtl),
  };
}

/** A DNAME is at a name above the one it redirects (RFC 6672 §2.3); every other record is on the chain. */
function belongs(rr: Rr, chain: readonly Name[]): boolean {
  const owner = canonicalName(rr.owner);
  if (rr.type === RrType.DNAME) return chain.some((name) => isAtOrBelow(name, owner));
  return chain.includes(owner);
}

/** Records of one owner keep their order; a DNAME comes before the CNAME that it causes (RFC 6672 §3.1). */
function inOrder(answer: readonly Rr[], chain: readonly Name[]): readonly Rr[] {
  if (chain.length === 1) return answer;
  const placed = answer.map((rr) => ({ rr, place: placeIn(chain, rr) }));
  // Nearly all answers are in order.
  if (placed.every(({ place }, i) => place >= (placed[i - 1]?.place ?? place))) return answer;
  return placed.toSorted((one, other) => one.place - other.place).map(({ rr }) => rr);
}

function placeIn(chain: readonly Name[], { owner, type }: Rr): number {
  const name = canonicalName(owner);
  if (type !== RrType.DNAME) return chain.indexOf(name);
  return chain.findIndex((each) => isAtOrBelow(each, name)) - 0.5;
}

function levelTtls(records: readonly Rr[], min: Seconds, max: Seconds): readonly Rr[] {
  // Most sections are this small, and need no names to be decoded.
  if (records.length < 2) return records.map((rr) => withTtl(rr, rr.ttl, min, max));
  const rrsets = new Map<string, { ttl: Seconds }>();
  const placed = records.map((rr) => {
    const key = `${rr.type} ${rr.klass} ${canonicalName(rr.owner)}`;
    const rrset = rrsets.get(key) ?? { ttl: rr.ttl };
    rrset.ttl = Math.min(rrset.ttl, rr.ttl);
    rrsets.set(key, rrset);
    return { rr, rrset };
  });
  return placed.map(({ rr, rrset }) => withTtl(rr, rrset.ttl, min, max));
}

function withTtl(rr: Rr, wanted: Seconds, min: Seconds, max: Seconds): Rr {
  const ttl = Math.min(max, Math.max(min, wanted));
  return ttl === rr.ttl ? rr : { ...rr, ttl };
}
