import { RrType } from './codes.ts';
import { canonicalName } from './name.ts';
import type { Rr } from './record.ts';
import type { Request } from './request.ts';

/**
 * What is left of an answer when only the first `fit` records have room (L4): always fewer records than there were.
 *
 * Whole RRsets for a client with EDNS (RFC 2181 §9). A client without may be a musl before 1.2.4, which has no TCP and
 * uses what fits: it gets as many addresses as there is room for, and if their CNAME chain leaves no room for one,
 * addresses under the QNAME itself.
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

/** The first `fit` records without those of an RRset that lost one, wherever in the section they are. */
function wholeRrsets(answer: readonly Rr[], fit: number): readonly Rr[] {
  const lost = new Set(answer.slice(fit).map(rrsetKey));
  return answer.slice(0, fit).filter((rr) => !lost.has(rrsetKey(rr)));
}

/** RFC 2181 §5: one owner, whatever its case, one class, one type. */
function rrsetKey({ type, klass, owner }: Rr): string {
  return `${type} ${klass} ${canonicalName(owner)}`;
}

/** The addresses that were asked for, as if the QNAME had them itself. */
function flatten({ question }: Request, answer: readonly Rr[]): Rr[] {
  const owner = question.octets.slice(0, question.octets.length - 4);
  // No link of the chain may live longer than its TTL (C2).
  const ttl = answer.reduce((lowest, rr) => Math.min(lowest, rr.ttl), Number.POSITIVE_INFINITY);
  return answer.filter((rr) => rr.type === question.qtype).map((rr) => ({ ...rr, owner, ttl }));
}
