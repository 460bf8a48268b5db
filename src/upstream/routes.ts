import type { Name } from '../wire/name.ts';
import type { Upstream } from './exchange.ts';

/** A zone and the upstream that answers for it. */
export interface Route {
  readonly zone: Name;
  readonly upstream: Upstream;
}

/** Chooses the upstream of a name: that of the longest zone that the name is in (U1). */
export class Routes {
  private readonly byZone: ReadonlyMap<Name, Route>;
  private readonly root: Route;

  /** @throws {Error} If two routes have one zone, or none has the root: some name would have no upstream. */
  constructor(routes: readonly Route[]) {
    this.byZone = new Map(routes.map((route) => [route.zone, route]));
    const root = this.byZone.get('.');
    if (root === undefined) throw new Error('no route for zone: .');
    if (this.byZone.size < routes.length) {
      const zones = routes.map(({ zone }) => zone);
      const twice = zones.find((zone, i) => zones.indexOf(zone) < i);
      throw new Error(`two routes for zone: ${twice}`);
    }
    this.root = root;
  }

  routeOf(qname: Name): Route {
    // Each question asks several times, and most configurations have nothing to choose from.
    if (this.byZone.size === 1) return this.root;
    // In a canonical name every dot ends a label, so the zones above a name are what follows its dots.
    let start = 0;
    while (start < qname.length) {
      const route = this.byZone.get(qname.slice(start));
      if (route !== undefined) return route;
      start = qname.indexOf('.', start) + 1;
    }
    return this.root;
  }

  /** Each route once, for tests and reloads. */
  [Symbol.iterator](): IterableIterator<Route> {
    return this.byZone.values();
  }

  close(): void {
    for (const { upstream } of this) upstream.close();
  }
}
