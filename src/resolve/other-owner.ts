import { EdeCode, Rcode, RrClass, RrType } from '../wire/codes.ts';
import type { Ede } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import { canonicalName, encodeName } from '../wire/name.ts';
import { isAddressQuery, type Query } from './stage.ts';
import { chainOf } from './verdict.ts';

/** Tells the client that the server sent these addresses under another owner name (C1). */
export const OTHER_OWNER: Ede = {
  code: EdeCode.OTHER,
  text: 'the addresses stood under another name',
};

/**
 * The message with its addresses under QNAME, if none is on the question's chain (C1); `undefined` if there is nothing
 * to change.
 *
 * CoreDNS' `rewrite name` without an answer rule sends such answers, and musl and Go accept them. Only addresses of
 * QTYPE, so that nothing else a server adds gets in; not for a client that validates (DO), since no signature covers
 * them. The chain is dropped, since it leads elsewhere.
 */
export function underQname(message: Message, query: Query): Message | undefined {
  const { qname, qtype } = query;
  if (!isAddressQuery(query) || query.dnssecOk || message.rcode !== Rcode.NOERROR) return undefined;
  const addresses = message.answer.filter((rr) => rr.type === qtype && rr.klass === RrClass.IN);
  if (addresses.length === 0) return undefined;
  const chain = chainOf(message.answer, qname);
  if (addresses.some((rr) => chain.includes(canonicalName(rr.owner)))) return undefined;
  // The aliases led the server to the addresses, so their TTLs count too.
  const aliases = message.answer.filter((rr) => rr.type === RrType.CNAME);
  const ttl = [...addresses, ...aliases].reduce((least, rr) => Math.min(least, rr.ttl), Infinity);
  const owner = encodeName(qname);
  return { ...message, answer: addresses.map((rr) => ({ ...rr, owner, ttl })), otherOwner: true };
}
