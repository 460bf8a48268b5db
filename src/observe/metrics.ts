import {
  ANSWER_SOURCES,
  CACHE_PARTS,
  CONFORMANCE_STATES,
  type ConformanceState,
  DROP_REASONS,
  EXPANSION_FATES,
  FAILURE_REASONS,
  RCODE_CLASSES,
  RELOAD_RESULTS,
  REPAIR_KINDS,
  TCP_FALLBACKS,
  TRANSPORTS,
  TYPE_CLASSES,
} from './label-sets.ts';
import { MetricRegistry } from './metric-registry.ts';
import type { Histogram } from './tally.ts';

/** Every metric, grouped by who adds to it: a stage gets the one group or tally that it uses. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Declares every metric of the program, each at 0.
 *
 * This is the one place: what is not here is not exposed, docs/metrics.md is made from it, and a test compares the two.
 *
 * @param build - What `sidestub_build_info` says.
 */
export function createMetrics({ version = 'unknown' }: { readonly version?: string } = {}) {
  const registry = new MetricRegistry();
  return {
    registry,
    listen: listenMetrics(registry),
    search: searchMetrics(registry),
    conformance: conformanceMetrics(registry),
    families: familiesMetrics(registry),
    flights: flightsMetrics(registry),
    cache: cacheMetrics(registry),
    upstream: upstreamMetrics(registry),
    daemon: daemonMetrics(registry, version),
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
      help: 'Queries that clients sent, by transport and type.',
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
      help: 'Datagrams from clients that got no reply: a response (QR=1), no DNS header, no room for its work, or a client that may not ask (L2, S1).',
      query: 'sum by (reason) (rate(sidestub_dropped_datagrams_total[5m])) > 0',
      label: ['reason', DROP_REASONS],
    }),
    tcpOpen: registry.gauge({
      name: 'sidestub_tcp_connections_open',
      help: 'TCP connections of clients that are open now.',
      query: 'max_over_time(sidestub_tcp_connections_open[1h])',
    }),
    tcpAccepted: registry.tally({
      name: 'sidestub_tcp_connections_accepted_total',
      help: 'TCP connections of clients that were accepted.',
      query: 'rate(sidestub_tcp_connections_accepted_total[5m])',
    }),
    tcpRefused: registry.tally({
      name: 'sidestub_tcp_connections_refused_total',
      help: 'TCP connections of clients that were closed at once because there were too many (S1).',
      query: 'increase(sidestub_tcp_connections_refused_total[15m]) > 0',
    }),
  };
}

function searchMetrics(registry: MetricRegistry) {
  return {
    fates: registry.tallySet({
      name: 'sidestub_search_expansions_total',
      help: 'Expansions (base + suffix) that clients asked, by what answered them; pin, cut and stale_cut spared a query upstream.',
      query:
        'sum(rate(sidestub_search_expansions_total{fate=~"pin|cut|stale_cut"}[5m])) / sum(rate(sidestub_search_expansions_total[5m]))',
      label: ['fate', EXPANSION_FATES],
    }),
    speculations: registry.tally({
      name: 'sidestub_search_speculations_total',
      help: 'Walks whose later steps were asked before the client came to them (N4).',
      query: 'rate(sidestub_search_speculations_total[5m])',
    }),
  };
}

function conformanceMetrics(registry: MetricRegistry) {
  const verdicts = new Map<string, ConformanceState>();
  registry.readStates(
    {
      name: 'sidestub_zone_conformance',
      help: 'Whether the server of a cluster zone denies names the way that cuts need (N2): 1 for the state that holds.',
      query: 'sidestub_zone_conformance{state="nonconforming"} == 1',
      label: 'zone',
      states: CONFORMANCE_STATES,
    },
    () => verdicts,
  );
  return {
    /** By zone, which the configuration or resolv.conf names: set when the zone is known, and at each verdict. */
    verdicts,
    changes: registry.tally({
      name: 'sidestub_zone_conformance_changes_total',
      help: 'Verdicts on a zone that were not what they were before (N2).',
      query: 'increase(sidestub_zone_conformance_changes_total[1h]) > 2',
    }),
  };
}

function familiesMetrics(registry: MetricRegistry) {
  return {
    repairs: registry.tallySet({
      name: 'sidestub_pair_repairs_total',
      help: 'Answers that were mended because the other address family said otherwise: NXDOMAIN of A shared with AAAA (F3), NXDOMAIN beside addresses (F4), a failure or silence beside addresses (F5).',
      query: 'sum by (kind) (rate(sidestub_pair_repairs_total[5m]))',
      label: ['kind', REPAIR_KINDS],
    }),
  };
}

function flightsMetrics(registry: MetricRegistry) {
  return {
    inProgress: registry.gauge({
      name: 'sidestub_flights',
      help: 'Distinct questions that wait for an answer now.',
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
      help: 'Octets that the cache holds, by part (C3).',
      query: 'sum(sidestub_cache_bytes)',
      label: ['part', CACHE_PARTS],
    }),
    entries: registry.gaugeSet({
      name: 'sidestub_cache_entries',
      help: 'Answers that the cache holds, by part (C3).',
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

/** What is told of one server; the upstream side makes it when the server is configured. */
interface ServerMetrics {
  /** In seconds. */
  readonly latency: Histogram;
  dead: boolean;
}

function upstreamMetrics(registry: MetricRegistry) {
  const servers = new Map<string, ServerMetrics>();
  registry.readHistograms(
    {
      name: 'sidestub_upstream_duration_seconds',
      help: 'Time from the send that was answered to its reply, by server as it is configured.',
      query:
        'histogram_quantile(0.5, sum by (upstream, le) (rate(sidestub_upstream_duration_seconds_bucket[5m])))',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { latency }]) => [name, latency] as const),
  );
  registry.readGauges(
    {
      name: 'sidestub_upstream_dead',
      help: 'Whether a server is known dead, so that others go first: 1 dead, 0 not (U1).',
      query: 'max by (upstream) (sidestub_upstream_dead) == 1',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { dead }]) => [name, dead ? 1 : 0] as const),
  );
  return {
    servers,
    sends: registry.tallySet({
      name: 'sidestub_upstream_queries_total',
      help: 'Messages sent upstream, resends and probes included, by transport.',
      query:
        'sum(rate(sidestub_upstream_queries_total[5m])) / sum(rate(sidestub_queries_total[5m]))',
      label: ['transport', TRANSPORTS],
    }),
    retransmissions: registry.tally({
      name: 'sidestub_upstream_retransmissions_total',
      help: 'Questions sent again over UDP because no answer had come (U2).',
      query:
        'sum(rate(sidestub_upstream_retransmissions_total[5m])) / sum(rate(sidestub_upstream_queries_total[5m]))',
    }),
    tcpFallbacks: registry.tallySet({
      name: 'sidestub_upstream_tcp_fallbacks_total',
      help: 'Questions that went on over TCP, by cause: TC, two silent sends, a wrong ID, a malformed reply (U2, U3, U4).',
      query: 'sum by (cause) (rate(sidestub_upstream_tcp_fallbacks_total[5m]))',
      label: ['cause', TCP_FALLBACKS],
    }),
    ednsFallbacks: registry.tally({
      name: 'sidestub_upstream_edns_fallbacks_total',
      help: 'Questions asked again without EDNS (U4).',
      query: 'rate(sidestub_upstream_edns_fallbacks_total[5m])',
    }),
    mismatched: registry.tally({
      name: 'sidestub_upstream_mismatched_replies_total',
      help: 'Replies dropped because ID or question was not ours (U3); many of them are a spoofing attempt.',
      query: 'increase(sidestub_upstream_mismatched_replies_total[5m]) > 100',
    }),
    malformed: registry.tally({
      name: 'sidestub_upstream_malformed_replies_total',
      help: 'Replies dropped because they were ours but broken behind the question (U3).',
      query: 'increase(sidestub_upstream_malformed_replies_total[15m]) > 0',
    }),
    failovers: registry.tally({
      name: 'sidestub_upstream_failovers_total',
      help: 'Questions that went on to the next server, because the one before was silent, refused or failed (U1).',
      query: 'rate(sidestub_upstream_failovers_total[5m])',
    }),
    failures: registry.tallySet({
      name: 'sidestub_upstream_failures_total',
      help: 'Questions that no server answered, by reason.',
      query: 'sum by (reason) (rate(sidestub_upstream_failures_total[5m]))',
      label: ['reason', FAILURE_REASONS],
    }),
  };
}

function daemonMetrics(registry: MetricRegistry, version: string) {
  registry.info(
    {
      name: 'sidestub_build_info',
      help: 'Always 1; the labels say what runs.',
      query: 'count by (version) (sidestub_build_info)',
    },
    { version, node: process.version },
  );
  // Under the names that every Prometheus client uses, so that dashboards find them.
  registry.readCounter(
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time that the process has used.',
      query: 'rate(process_cpu_seconds_total[5m])',
    },
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6; // microseconds
    },
  );
  registry
    .gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory that the process holds (RSS).',
      query: 'max_over_time(process_resident_memory_bytes[1h])',
    })
    .readBy(() => process.memoryUsage.rss());
  registry
    .gauge({
      name: 'process_start_time_seconds',
      help: 'When the process started, in seconds of the epoch.',
      query: 'changes(process_start_time_seconds[1h])',
    })
    .readBy(() => performance.timeOrigin / 1_000);
  return {
    bugs: registry.tally({
      name: 'sidestub_bugs_total',
      help: 'Errors that nobody meant to throw; must stay 0. The stack is in the log.',
      query: 'increase(sidestub_bugs_total[1h]) > 0',
    }),
    reloads: registry.tallySet({
      name: 'sidestub_config_reloads_total',
      help: 'Reloads of the configuration (SIGHUP), by result.',
      query: 'increase(sidestub_config_reloads_total{result="failure"}[15m]) > 0',
      label: ['result', RELOAD_RESULTS],
    }),
  };
}
