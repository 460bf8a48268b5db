import { RrType } from './codes.ts';
import { canonicalName } from './name.ts';
import type { Rr } from './record.ts';
import type { Request } from './request.ts';

/**
 * The part of an answer that is sent when only its first `fit` records have room (L4): always fewer records than
 * before.
 *
 * A client with EDNS gets whole RRsets (RFC 2181 §9). A client without it may be a musl before 1.2.4, which has no TCP
 * and uses what fits. It gets as many addresses as there is room for; if their CNAME chain leaves no room for one, it
 * gets addresses with the QNAME as owner.
 */
export function shortenAnswer(request: Request, answer: readonly Rr[], fit: number): readonly Rr[] {
  const { qtype } = request.question;
  if (request.edns === undefined && (qtype === RrType.A || qtype === RrType.AAAA)) {
    const kept = answer.slice(0, fit);
    if (kept.some((rr) => rr.type === qtype)) return kept;
    const flat = flatten(request, answer);
    if (flat.length > 0 && flat.length < answer.length) return flat;
  }
  return wholeRrsets(answer, fit);
}

/** The first `fit` records, without those of an RRset of which any record is missing. */
function wholeRrsets(answer: readonly Rr[], fit: number): readonly Rr[] {
  const lost = new Set(answer.slice(fit).map(rrsetKey));
  return answer.slice(0, fit).filter((rr) => !lost.has(rrsetKey(rr)));
}

/** RFC 2181 §5: the same owner in any case, the same class and the same type. */
function rrsetKey({ type, klass, owner }: Rr): string {
  return `${type} ${klass} ${canonicalName(owner)}`;
}

/** The addresses that were asked for, with the QNAME as their owner. */
function flatten({ question }: Request, answer: readonly Rr[]): Rr[] {
  const owner = question.octets.slice(0, question.octets.length - 4);
  // An address must not live longer than any link of the chain (C2).
  const ttl = answer.reduce((lowest, rr) => Math.min(lowest, rr.ttl), Number.POSITIVE_INFINITY);
  return answer.filter((rr) => rr.type === question.qtype).map((rr) => ({ ...rr, owner, ttl }));
}
