import { assembleResolver, type Resolver, type ResolverParts } from '../assemble.ts';
import type { Clock, Milliseconds } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Routes } from '../upstream/routes.ts';
import { type UpstreamOptions, upstreamFor } from '../upstream/upstreams.ts';
import { isAtOrBelow, type Name } from '../wire/name.ts';

/** What each reload creates anew. */
export type Reloadable = Pick<ResolverParts, 'hosts' | 'onlyRoutable'> & {
  readonly settings: Settings;
};

/** What all generations share. */
export type GenerationsOptions = Pick<
  ResolverParts,
  'tallies' | 'onReady' | 'onUnready' | 'onLoop' | 'onBug'
> & {
  readonly clock: Clock;
  /** Why a server was not authenticated (U5). */
  readonly onUntrusted: (message: string) => void;
  /** `families.order: auto` has changed how the pairs of a server go (F2). */
  readonly onOrder: UpstreamOptions['onOrder'];
  /** A server was found dead, with the reason, or replies again (U1). */
  readonly onHealth: UpstreamOptions['onHealth'];
  readonly metrics: Metrics;
  readonly onVerdict: (
    zone: Name | undefined,
    ...verdict: Parameters<ResolverParts['onVerdict']>
  ) => void;
};

interface Generation {
  readonly settings: Settings;
  readonly routes: Routes;
  readonly resolver: Resolver;
}

/** How long the servers of an old generation stay: past every client's deadline (U2). */
const RETIREMENT: Milliseconds = 5_000;

/**
 * The parts that answer questions, one generation for each configuration. After a reload, new questions go to the new
 * generation; questions in flight are still answered by the servers that were asked (S2).
 */
export class Generations {
  private readonly options: GenerationsOptions;
  private current: Generation;
  /** Servers that are no longer asked, some of which may still reply. */
  private readonly retired = new Set<Routes>();

  constructor(options: GenerationsOptions, first: Reloadable) {
    this.options = options;
    this.current = this.make(first, undefined);
  }

  get resolver(): Resolver {
    return this.current.resolver;
  }

  get settings(): Settings {
    return this.current.settings;
  }

  start(): void {
    this.current.resolver.start();
  }

  /** Keeps connections where the servers are the same, and answers of the names that they answer for. */
  replace(next: Reloadable): void {
    const old = this.current;
    this.current = this.make(next, old);
    old.resolver.stop();
    this.start();
    if (old.routes === this.current.routes) return;
    this.retired.add(old.routes);
    this.options.clock.after(RETIREMENT, () => {
      if (this.retired.delete(old.routes)) old.routes.close();
    });
  }

  stop(): void {
    this.current.resolver.stop();
  }

  /** Closes every socket; questions in flight fail. */
  close(): void {
    for (const routes of [...this.retired, this.current.routes]) routes.close();
    this.retired.clear();
  }

  private make(next: Reloadable, old: Generation | undefined): Generation {
    const { metrics, onVerdict, ...shared } = this.options;
    const { settings, hosts, onlyRoutable } = next;
    const { domain } = settings.cluster;
    const keepsRoutes = old !== undefined && serversOf(old.settings) === serversOf(settings);
    const routes = keepsRoutes ? old.routes : routesOf(settings, this.options);
    const resolver = assembleResolver({
      ...shared,
      settings,
      hosts,
      onlyRoutable,
      routes,
      onVerdict: (...verdict) => onVerdict(domain, ...verdict),
      // So that the first lookups meet no full collection. A later one is counted: reloads in a row leave memories
      // behind that have to be collected.
      hasUncountedMemory: old === undefined,
    });
    // The answers are copied, and no part of the old generation is reused: each part would keep its own generation in
    // memory, and so all earlier ones.
    if (old !== undefined) {
      resolver.cache.adopt(old.resolver.cache, keptNames(old, settings, routes));
    }
    metrics.conformance.verdicts.clear();
    if (resolver.zone !== undefined) {
      metrics.conformance.verdicts.set(resolver.zone.domain, resolver.zone.verdict);
    }
    return { settings, routes, resolver };
  }
}

/** Equal for two configurations that ask the same servers in the same way. */
function serversOf({ upstreams, routes, families, cluster }: Settings): string {
  return JSON.stringify([upstreams, routes, families.order, cluster.domain]);
}

/**
 * Tells which names have the same servers and the same cluster zone as before, so that their answers stay valid (C1,
 * C2).
 */
function keptNames(old: Generation, settings: Settings, routes: Routes): (qname: Name) => boolean {
  if (old.settings.cluster.domain !== settings.cluster.domain) return () => false;
  return (qname) => {
    const before = old.routes.routeOf(qname);
    const after = routes.routeOf(qname);
    return before.zone === after.zone && before.upstream.name === after.upstream.name;
  };
}

/** U1: the default route and those of the configuration; U2: the cluster zone has timers of its own. */
function routesOf(settings: Settings, options: GenerationsOptions): Routes {
  const { clock, metrics, onUntrusted, onOrder, onHealth } = options;
  const { domain } = settings.cluster;
  const upstream = (servers: Settings['upstreams']) =>
    upstreamFor({
      servers,
      order: settings.families.order,
      clock,
      tallies: metrics.upstream,
      udpSockets: {
        sockets: settings.limits.upstreamSockets,
        full: metrics.limits.reached.tally('upstream_sockets'),
      },
      onUntrusted,
      onOrder,
      onHealth,
      timerClass: ({ qname }) =>
        domain !== undefined && isAtOrBelow(qname, domain) ? 'zone' : 'other',
    });
  return new Routes([
    { zone: '.', upstream: upstream(settings.upstreams) },
    ...settings.routes.map((route) => ({ zone: route.zone, upstream: upstream(route.upstreams) })),
  ]);
}
