import { Rcode, RrType } from '../wire/codes.ts';
import { isUnfinished, type Message } from '../wire/message.ts';
import { canonicalName, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr } from '../wire/record.ts';

/** What a message means for its question. @see RFC 2308 §1, §2 */
export type Verdict =
  /** The type that was asked is there. */
  | 'data'
  /** The name exists, the type does not; also a chain that ends without the type. */
  | 'nodata'
  /** The name, or the end of its chain, does not exist (RFC 6604 §3). */
  | 'nxdomain'
  /** Every other RCODE: the server does not know. */
  | 'failure';

export function verdictOf(message: Message, question: Question): Verdict {
  if (message.rcode === Rcode.NXDOMAIN) return 'nxdomain';
  if (message.rcode !== Rcode.NOERROR) return 'failure';
  const { qtype } = question;
  if (qtype === RrType.ANY) return message.answer.length > 0 ? 'data' : 'nodata';
  return message.answer.some((rr) => rr.type === qtype) ? 'data' : 'nodata';
}

/**
 * Whether it is the SERVFAIL of a forwarder that had no answer itself: the node daemon is up, and its upstream is not.
 *
 * @see RFC 8914 §4.23, §4.24
 */
export function isSilencePassedOn({ rcode, unreached }: Message): boolean {
  return unreached === true && rcode === Rcode.SERVFAIL;
}

/**
 * Whether the message says that QNAME itself does not exist: at the end of a CNAME chain NXDOMAIN speaks of another name
 * (RFC 6604 §3).
 */
export function deniesName(message: Message, question: Question): boolean {
  const isDenied = verdictOf(message, question) === 'nxdomain' && message.answer.length === 0;
  return isDenied && !isUnfinished(message);
}

/** How many aliases a chain may have: what resolvers follow at most, so that a longer one is a loop or an attack. */
const MAX_CHAIN = 32;

/**
 * The names of the answer's chain: QNAME, then the target of each CNAME, in order.
 *
 * @see RFC 1034 §3.6.2
 */
export function chainOf(answer: readonly Rr[], qname: Name): Name[] {
  if (!answer.some((rr) => rr.type === RrType.CNAME)) return [qname];
  const targets = new Map<Name, Name>();
  for (const rr of answer) {
    if (rr.type === RrType.CNAME) targets.set(canonicalName(rr.owner), canonicalName(rr.rdata));
  }
  const chain = [qname];
  for (let name = targets.get(qname); name !== undefined; name = targets.get(name)) {
    if (chain.includes(name) || chain.length > MAX_CHAIN) break;
    chain.push(name);
  }
  return chain;
}
