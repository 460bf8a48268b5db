import type { Upstream, UpstreamListener } from '../upstream/exchange.ts';
import { Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import { underQname } from './other-owner.ts';
import { scrub, type TtlBounds } from './scrub.ts';
import type { Asker, Query, Resolve } from './stage.ts';

/** Which upstream answers for a name (U1). */
export interface Router {
  routeOf(qname: Name): { readonly upstream: Upstream };
}

/** Called about a question while it is in flight, and about its answer. */
export interface ForwardOptions {
  /** Called for each datagram that was refused on its way, so that a refusal is not taken for silence (F5). */
  readonly onRefused?: (qname: Name) => void;
  readonly repairs: { add(kind: 'other_owner'): void };
}

/** The last stage: asks the route's upstream and scrubs its answer (C1, C2). */
export function forward(routes: Router, bounds: TtlBounds, options: ForwardOptions): Resolve {
  const parts = { ...options, bounds };
  return (query, asker) => {
    const { upstream } = routes.routeOf(query.qname);
    upstream.ask(query, new Forwarded(query, asker, parts));
  };
}

class Forwarded implements UpstreamListener {
  private readonly query: Query;
  private readonly asker: Asker;
  private readonly parts: ForwardOptions & { readonly bounds: TtlBounds };

  constructor(query: Query, asker: Asker, parts: Forwarded['parts']) {
    this.query = query;
    this.asker = asker;
    this.parts = parts;
  }

  /** A socket's event has no caller above it: a stage's exception is reported as a failure here, and not rethrown. */
  onAnswer(received: Message): void {
    const { query, asker, parts } = this;
    try {
      const said = withoutRepair(received);
      const renamed = underQname(said, query);
      if (renamed !== undefined) parts.repairs.add('other_owner');
      const message = scrub(renamed ?? said, query, parts.bounds);
      asker.onAnswer({ message, source: 'upstream', age: 0 });
    } catch (bug) {
      asker.onFailure(bug);
    }
  }

  onFailure(error: Error): void {
    this.asker.onFailure(error);
  }

  onRefused(): void {
    this.parts.onRefused?.(this.query.qname);
  }
}

/**
 * N7: NXDOMAIN that a sidestub upstream made of NODATA is NODATA again here: it proves nothing, and the stages above
 * repair it for our own clients.
 */
function withoutRepair(message: Message): Message {
  if (message.nodataDenied !== true) return message;
  const { nodataDenied: _, ...own } = message;
  return own.rcode === Rcode.NXDOMAIN ? { ...own, rcode: Rcode.NOERROR } : own;
}
