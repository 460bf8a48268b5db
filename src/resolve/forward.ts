import type { Upstream } from '../upstream/exchange.ts';
import { Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import { underQname } from './other-owner.ts';
import { scrub, type TtlBounds } from './scrub.ts';
import type { Answer, Resolve } from './stage.ts';

/** Which upstream answers for a name (U1). */
export interface Router {
  routeOf(qname: Name): { readonly upstream: Upstream };
}

/** What is told of a question while it is out, and of its answer. */
export interface ForwardOptions {
  /** Told of each datagram that was refused on its way, so that nobody takes it for silence (F5). */
  readonly onRefused?: (qname: Name) => void;
  readonly repairs: { add(kind: 'other_owner'): void };
}

/** The end of the path: asks the route's upstream, and lets nothing foreign or overlong back up (C1, C2). */
export function forward(routes: Router, bounds: TtlBounds, options: ForwardOptions): Resolve {
  const { onRefused, repairs } = options;
  return (query): Promise<Answer> => {
    const { upstream } = routes.routeOf(query.qname);
    const progress = {
      onRetransmit: () => undefined,
      onRefused: () => onRefused?.(query.qname),
      again: query.again,
    };
    return upstream.ask(query, progress).then((received) => {
      const said = withoutRepair(received);
      const renamed = underQname(said, query);
      if (renamed !== undefined) repairs.add('other_owner');
      return { message: scrub(renamed ?? said, query, bounds), source: 'upstream', age: 0 };
    });
  };
}

/**
 * N7: NODATA that a sidestub upstream denied for a walk is NODATA here: no proof, and the stages above repair it for their
 * own clients.
 */
function withoutRepair(message: Message): Message {
  if (message.nodataDenied !== true) return message;
  const { nodataDenied: _, ...own } = message;
  return own.rcode === Rcode.NXDOMAIN ? { ...own, rcode: Rcode.NOERROR } : own;
}
