import { Rcode, RrClass, RrType } from '../wire/codes.ts';
import { ownNegative } from '../wire/soa.ts';
import type { Answer, Query, Stage } from './stage.ts';

/** F6: a pod's routes seldom change while it lives; a reload reads them anew. */
const FILTER_TTL = 30;

/**
 * Answers every AAAA question with NODATA, without asking upstream: for pods that cannot reach any IPv6 address (F6).
 */
export function aaaaFilter(): Stage {
  return (next) => (query, asker) => {
    if (query.qtype === RrType.AAAA && query.qclass === RrClass.IN) asker.onAnswer(nothing(query));
    else next(query, asker);
  };
}

/** Without EDE, so that the reply cache may repeat the answer. */
function nothing({ qname }: Query): Answer {
  const message = ownNegative(Rcode.NOERROR, qname, FILTER_TTL);
  return { message, source: 'local', age: 0 };
}
