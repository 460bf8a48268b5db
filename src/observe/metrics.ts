import {
  ANSWER_SOURCES,
  CONFORMANCE_STATES,
  type ConformanceState,
  EXPANSION_FATES,
  LOOKUP_OUTCOMES,
  REPAIR_KINDS,
  TRANSPORTS,
} from '../vocabulary.ts';
import {
  CACHE_PARTS,
  DROP_REASONS,
  FORMER_LIMITS,
  LIMITS,
  RCODE_CLASSES,
  SAVING_REASONS,
  TYPE_CLASSES,
} from './label-sets.ts';
import { MetricRegistry } from './metric-registry.ts';
import { processMetrics } from './process-metrics.ts';
import { Savings } from './savings.ts';
import { upstreamMetrics } from './upstream-metrics.ts';

/** Every metric, grouped by the part that counts it: a stage gets only the group or tally that it uses. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Declares every metric of the program, each at 0.
 *
 * Only what is declared here is exposed. docs/metrics.md is made from it, and a test compares the two.
 *
 * @param build - The values of `sidestub_build_info`.
 */
export function createMetrics({ version = 'unknown' }: { readonly version?: string } = {}) {
  const registry = new MetricRegistry();
  const listen = listenMetrics(registry);
  const lookups = lookupMetrics(registry);
  const search = searchMetrics(registry);
  const conformance = conformanceMetrics(registry);
  const families = familiesMetrics(registry);
  const flights = flightsMetrics(registry);
  const cache = cacheMetrics(registry);
  const upstream = upstreamMetrics(registry);
  const counted = { responses: listen.responses, repairs: families.repairs, fates: search.fates };
  const savings = savingsMetrics(registry, new Savings(counted, upstream.servers));
  const daemon = processMetrics(registry, version);
  const limits = limitsMetrics(registry);
  return {
    registry,
    listen,
    lookups,
    search,
    savings,
    conformance,
    families,
    flights,
    cache,
    upstream,
    daemon,
    limits,
  };
}

/**
 * In seconds. A hit takes microseconds, a cluster's answer 1 to 50 ms, a retransmission comes from 30 ms on; 1 s is what
 * no lookup may exceed, 2.5 and 5 s are the stalls of musl and glibc that the program is there to end.
 */
const LATENCY_BOUNDS: readonly number[] = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

function listenMetrics(registry: MetricRegistry) {
  return {
    queries: registry.tallyGrid({
      name: 'sidestub_queries_total',
      help: 'Queries from clients, by transport and type.',
      query: 'sum by (type) (rate(sidestub_queries_total[5m]))',
      rows: ['transport', TRANSPORTS],
      columns: ['type', TYPE_CLASSES],
    }),
    responses: registry.tallyGrid({
      name: 'sidestub_responses_total',
      help: 'Responses to clients, by RCODE and by where the answer came from.',
      query:
        'sum(rate(sidestub_responses_total{rcode="SERVFAIL"}[5m])) / sum(rate(sidestub_responses_total[5m]))',
      rows: ['rcode', RCODE_CLASSES],
      columns: ['source', ANSWER_SOURCES],
    }),
    latency: registry.histogramSet({
      name: 'sidestub_response_duration_seconds',
      help: 'Time from a query to its response, by where the answer came from.',
      query:
        'histogram_quantile(0.99, sum by (le) (rate(sidestub_response_duration_seconds_bucket[5m])))',
      label: ['source', ANSWER_SOURCES],
      bounds: LATENCY_BOUNDS,
    }),
    dropped: registry.tallySet({
      name: 'sidestub_dropped_datagrams_total',
      help: 'Datagrams from clients that got no reply: a response (QR=1), or no DNS header (L2).',
      query: 'sum by (reason) (rate(sidestub_dropped_datagrams_total[5m])) > 0',
      label: ['reason', DROP_REASONS],
    }),
    tcpOpen: registry.gauge({
      name: 'sidestub_tcp_connections_open',
      help: 'Open TCP connections of clients.',
      query: 'max_over_time(sidestub_tcp_connections_open[1h])',
    }),
    tcpAccepted: registry.tally({
      name: 'sidestub_tcp_connections_accepted_total',
      help: 'Accepted TCP connections of clients.',
      query: 'rate(sidestub_tcp_connections_accepted_total[5m])',
    }),
    tcpRefused: registry.tally({
      name: 'sidestub_tcp_connections_refused_total',
      help: 'TCP connections of clients that were closed because there were too many (S1).',
      query: 'increase(sidestub_tcp_connections_refused_total[15m]) > 0',
    }),
  };
}

function searchMetrics(registry: MetricRegistry) {
  return {
    fates: registry.tallySet({
      name: 'sidestub_search_expansions_total',
      help: 'Expansions (base + suffix) that clients asked for, by the source of the answer; pin (search.pin and search.mode assume), cut and stale_cut saved a query upstream.',
      query:
        'sum(rate(sidestub_search_expansions_total{fate=~"pin|cut|stale_cut"}[5m])) / sum(rate(sidestub_search_expansions_total[5m]))',
      label: ['fate', EXPANSION_FATES],
    }),
    speculations: registry.tally({
      name: 'sidestub_search_speculations_total',
      help: 'Walks whose later steps were asked upstream before the client asked for them (N4).',
      query: 'rate(sidestub_search_speculations_total[5m])',
    }),
    cuts: registry.gauge({
      name: 'sidestub_search_cuts',
      help: 'Proven denials in memory, each for every name below its point (N3).',
      query: 'max_over_time(sidestub_search_cuts[1h])',
    }),
  };
}

/** What the client's search list would have cost, read from the groups that count it. */
function savingsMetrics(registry: MetricRegistry, savings: Savings) {
  registry.readCounters(
    {
      name: 'sidestub_search_saved_queries_total',
      help: 'Expansions (base + suffix) that were answered without a query upstream of their own, by reason: a cut (N3), the configuration (pin: N5, N6), an expired cut (N9), or a denial for A that answers AAAA (F3).',
      query:
        'sum(rate(sidestub_search_saved_queries_total[5m])) / sum(rate(sidestub_queries_total[5m]))',
      label: ['by', SAVING_REASONS],
    },
    (reason) => savings.queries(reason),
  );
  registry.readCounter(
    {
      name: 'sidestub_search_saved_seconds_total',
      help: 'Estimate of the time that these saved clients: a mean round trip upstream for each pair.',
      query: 'sum(increase(sidestub_search_saved_seconds_total[1h]))',
    },
    () => savings.seconds(),
  );
  return savings;
}

function lookupMetrics(registry: MetricRegistry) {
  return {
    steps: registry.histogramSet({
      name: 'sidestub_lookup_steps',
      help: 'Names that a lookup asked for until it ended, by outcome, without those that memory answered (in microseconds).',
      query:
        'sum(rate(sidestub_lookup_steps_sum[5m])) / sum(rate(sidestub_lookup_steps_count[5m]))',
      label: ['outcome', LOOKUP_OUTCOMES],
      bounds: STEP_BOUNDS,
    }),
    duration: registry.histogram({
      name: 'sidestub_lookup_duration_seconds',
      help: 'Time from the first question of a lookup to the answer that ended it, including all its steps and the time that the client took between them; without lookups that memory answered (in microseconds).',
      query:
        'histogram_quantile(0.99, sum by (le) (rate(sidestub_lookup_duration_seconds_bucket[5m])))',
      bounds: LATENCY_BOUNDS,
    }),
  };
}

/** Kubernetes' own three suffixes and one of the company make five steps. */
const STEP_BOUNDS: readonly number[] = [1, 2, 3, 4, 5, 6, 8];

function conformanceMetrics(registry: MetricRegistry) {
  const verdicts = new Map<string, ConformanceState>();
  registry.readStates(
    {
      name: 'sidestub_zone_conformance',
      help: 'Whether the server of a cluster zone denies names the way that cuts need (N2): 1 for the current state.',
      query: 'sidestub_zone_conformance{state="nonconforming"} == 1',
      label: 'zone',
      states: CONFORMANCE_STATES,
    },
    () => verdicts,
  );
  return {
    /** By zone. The configuration or resolv.conf names the zone; set when that is known, and at each verdict. */
    verdicts,
    changes: registry.tally({
      name: 'sidestub_zone_conformance_changes_total',
      help: 'Changes of the verdict on a zone (N2).',
      query: 'increase(sidestub_zone_conformance_changes_total[1h]) > 2',
    }),
  };
}

function familiesMetrics(registry: MetricRegistry) {
  return {
    repairs: registry.tallySet({
      name: 'sidestub_pair_repairs_total',
      help: 'Answers that were repaired because the other address family contradicted them: NXDOMAIN of A shared with AAAA (F3), NXDOMAIN beside addresses (F4), a failure or silence beside addresses, and a denial beside a failure (F5); or because NODATA for both would have ended a search (N7); or because the addresses had another owner name (other_owner, C1).',
      query: 'sum by (kind) (rate(sidestub_pair_repairs_total[5m]))',
      label: ['kind', REPAIR_KINDS],
    }),
  };
}

function flightsMetrics(registry: MetricRegistry) {
  return {
    inProgress: registry.gauge({
      name: 'sidestub_flights',
      help: 'Distinct questions in flight.',
      query: 'max_over_time(sidestub_flights[1h])',
    }),
    coalesced: registry.tally({
      name: 'sidestub_coalesced_queries_total',
      help: 'Queries that joined an equal one in flight (L5).',
      query: 'rate(sidestub_coalesced_queries_total[5m])',
    }),
  };
}

function cacheMetrics(registry: MetricRegistry) {
  return {
    octets: registry.gaugeSet({
      name: 'sidestub_cache_bytes',
      help: 'Octets of the answers that are kept, by part (C3).',
      query: 'sum(sidestub_cache_bytes)',
      label: ['part', CACHE_PARTS],
    }),
    entries: registry.gaugeSet({
      name: 'sidestub_cache_entries',
      help: 'Answers that are kept, by part, replies made from cuts among them (C3).',
      query: 'sidestub_cache_entries{part="negative"}',
      label: ['part', CACHE_PARTS],
    }),
    hits: registry.tally({
      name: 'sidestub_cache_hits_total',
      help: 'Look-ups that found a fresh answer in the cache.',
      query:
        'rate(sidestub_cache_hits_total[5m]) / (rate(sidestub_cache_hits_total[5m]) + rate(sidestub_cache_misses_total[5m]))',
    }),
    misses: registry.tally({
      name: 'sidestub_cache_misses_total',
      help: 'Look-ups that found none.',
      query: 'rate(sidestub_cache_misses_total[5m])',
    }),
    evictions: registry.tally({
      name: 'sidestub_cache_evictions_total',
      help: 'Answers that had to go before their TTL was over, because the cache was full.',
      query: 'increase(sidestub_cache_evictions_total[15m]) > 0',
    }),
  };
}

function limitsMetrics(registry: MetricRegistry) {
  return {
    reached: registry.tallySet({
      name: 'sidestub_limits_reached_total',
      help: 'How often a limit was reached and work waited or was dropped (S1): questions not yet started, questions in flight, queries waiting for one of them, UDP sockets of an upstream, questions held for a silent upstream; of TCP clients: connections, queries in flight, idle time, total time, unread answers; of the status server: connections and sizes; of the log: lines that repeat an event, and lines that could not be written (S5).',
      query:
        'sum by (limit) (increase(sidestub_limits_reached_total{limit!~"backlog|waiting|unheard"}[15m])) > 0',
      label: ['limit', LIMITS],
      formerly: FORMER_LIMITS,
    }),
  };
}
