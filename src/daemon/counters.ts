import type { Resolver, ResolverTallies } from '../assemble.ts';
import type { ReadyAnswersOptions } from '../listen/ready-answers.ts';
import type { ResponderEvents } from '../listen/responder.ts';
import { rcodeClass, typeClass } from '../observe/label-sets.ts';
import type { Metrics } from '../observe/metrics.ts';

/** What the stages count. */
export function resolverTallies(metrics: Metrics): ResolverTallies {
  return {
    cache: metrics.cache,
    coalesced: metrics.flights.coalesced,
    flights: {
      full: metrics.limits.reached.tally('flights'),
      crowded: metrics.limits.reached.tally('coalesced_full'),
    },
    silentRouteFull: metrics.limits.reached.tally('silent_route_full'),
    repairs: metrics.families.repairs,
    fates: metrics.search.fates,
    speculations: metrics.search.speculations,
  };
}

/** Connects the gauges to the parts that they read. */
export function watch(metrics: Metrics, current: () => Resolver): void {
  metrics.flights.inProgress.readBy(() => current().flights.size);
  for (const part of ['positive', 'negative'] as const) {
    metrics.cache.octets.readBy(part, () => current().cache.memory.sizes[part].octets);
    metrics.cache.entries.readBy(part, () => current().cache.memory.sizes[part].entries);
  }
  metrics.search.cuts.readBy(() => current().zone?.cutCount ?? 0);
}

/** Counts the queries, replies and refusals of the listeners. */
export function responderEvents(
  { listen, limits }: Metrics,
  onBug: (error: unknown) => void,
): ResponderEvents {
  return {
    asked: (transport, qtype) => listen.queries.add(transport, typeClass(qtype)),
    answered: (rcode, source, took) => {
      listen.responses.add(rcodeClass(rcode), source);
      listen.latency.observe(source, took / 1000);
    },
    rejected: (rcode) => listen.responses.add(rcodeClass(rcode), 'local'),
    dropped: (reason) => listen.dropped.add(reason),
    crowded: () => limits.reached.add('turn_backlog'),
    bug: onBug,
  };
}

/** A hit adds to every counter that the stages would have added to. */
export function countHits({ listen, cache, search }: Metrics): ReadyAnswersOptions['onHits'] {
  return ({ type, rcode, source, isExpansion }, transport, count, took) => {
    listen.queries.add(transport, type, count);
    listen.responses.add(rcodeClass(rcode), source, count);
    listen.latency.observe(source, took / 1000, count);
    if (source === 'cache') cache.hits.add(count);
    if (isExpansion && (source === 'cache' || source === 'cut' || source === 'pin')) {
      search.fates.add(source, count);
    }
  };
}
