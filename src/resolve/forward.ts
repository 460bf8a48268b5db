import type { Progress, Upstream } from '../upstream/exchange.ts';
import type { Name } from '../wire/name.ts';
import { scrub, type TtlBounds } from './scrub.ts';
import type { Answer, Resolve } from './stage.ts';

/** Which upstream answers for a name (U1). */
export interface Router {
  routeOf(qname: Name): { readonly upstream: Upstream };
}

/** The end of the path: asks the route's upstream, and lets nothing foreign or overlong back up (C1, C2). */
export function forward(routes: Router, bounds: TtlBounds, progress?: Progress): Resolve {
  return (query): Promise<Answer> => {
    const { upstream } = routes.routeOf(query.qname);
    return upstream.ask(query, progress).then((message) => ({
      message: scrub(message, query, bounds),
      source: 'upstream',
      age: 0,
    }));
  };
}
