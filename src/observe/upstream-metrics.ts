import {
  FAILURE_REASONS,
  type FailureReason,
  TCP_FALLBACKS,
  UPSTREAM_TRANSPORTS,
} from '../vocabulary.ts';
import type { MetricRegistry } from './metric-registry.ts';
import type { Histogram, Tally } from './tally.ts';

/** The counters of one server, made when the server is configured. */
interface ServerMetrics {
  /** In seconds. */
  readonly latency: Histogram;
  readonly unanswered: Tally;
  dead: boolean;
  trouble?: FailureReason | undefined;
  serial: boolean;
}

/** Declares what the upstream side counts, in the shape that it needs. */
export function upstreamMetrics(registry: MetricRegistry) {
  const servers = new Map<string, ServerMetrics>();
  registry.readHistograms(
    {
      name: 'sidestub_upstream_duration_seconds',
      help: 'Time from the send that was answered to its reply, by server as configured.',
      query:
        'histogram_quantile(0.5, sum by (upstream, le) (rate(sidestub_upstream_duration_seconds_bucket[5m])))',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { latency }]) => [name, latency] as const),
  );
  registry.readConfiguredCounters(
    {
      name: 'sidestub_upstream_unanswered_total',
      help: 'Questions that a server did not answer for a second, or at all, by server as configured (U1).',
      query: 'sum by (upstream) (rate(sidestub_upstream_unanswered_total[5m]))',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { unanswered }]) => [name, unanswered.value] as const),
  );
  registry.readGauges(
    {
      name: 'sidestub_upstream_dead',
      help: 'Whether a server is known to be dead, so that others are asked first: 1 dead, 0 not (U1).',
      query: 'max by (upstream) (sidestub_upstream_dead) == 1',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { dead }]) => [name, dead ? 1 : 0] as const),
  );
  registry.readGauges(
    {
      name: 'sidestub_upstream_serial',
      help: 'Whether families.order: auto asks the pairs of a server one after the other, because second questions get lost: 1 yes, 0 no (F2).',
      query: 'max by (upstream) (sidestub_upstream_serial) == 1',
      label: 'upstream',
    },
    () => Iterator.from(servers).map(([name, { serial }]) => [name, serial ? 1 : 0] as const),
  );
  return {
    servers,
    sends: registry.tallySet({
      name: 'sidestub_upstream_queries_total',
      help: 'Messages sent upstream, resends and probes included, by transport.',
      query:
        'sum(rate(sidestub_upstream_queries_total[5m])) / sum(rate(sidestub_queries_total[5m]))',
      label: ['transport', UPSTREAM_TRANSPORTS],
    }),
    retransmissions: registry.tally({
      name: 'sidestub_upstream_retransmissions_total',
      help: 'Questions sent again over UDP, from a fresh socket, because there was no answer (F1, U2).',
      query:
        'sum(rate(sidestub_upstream_retransmissions_total[5m])) / sum(rate(sidestub_upstream_queries_total[5m]))',
    }),
    rescues: registry.tally({
      name: 'sidestub_upstream_rescues_total',
      help: 'Questions whose first datagram was not answered and that were answered after a resend or over TCP: a client alone would have waited 2.5 to 5 s for each (F1, U2).',
      query: 'increase(sidestub_upstream_rescues_total[1h])',
    }),
    tcpFallbacks: registry.tallySet({
      name: 'sidestub_upstream_tcp_fallbacks_total',
      help: 'Questions that moved to TCP, by cause: TC, two silent sends, a wrong ID, a malformed reply (U2, U3, U4).',
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
      help: 'Replies dropped because of a wrong ID or question (U3); many of them are a spoofing attempt.',
      query: 'increase(sidestub_upstream_mismatched_replies_total[5m]) > 100',
    }),
    malformed: registry.tally({
      name: 'sidestub_upstream_malformed_replies_total',
      help: 'Replies dropped because they were malformed after a matching question (U3).',
      query: 'increase(sidestub_upstream_malformed_replies_total[15m]) > 0',
    }),
    failovers: registry.tally({
      name: 'sidestub_upstream_failovers_total',
      help: 'Questions that went on to the next server, because the one before was silent, refused or failed (U1).',
      query: 'rate(sidestub_upstream_failovers_total[5m])',
    }),
    orderChanges: registry.tally({
      name: 'sidestub_upstream_order_changes_total',
      help: 'Changes between staggered and serial pairs of a server, with families.order: auto (F2).',
      query: 'increase(sidestub_upstream_order_changes_total[1h])',
    }),
    failures: registry.tallySet({
      name: 'sidestub_upstream_failures_total',
      help: 'Questions that no server answered, by reason.',
      query: 'sum by (reason) (rate(sidestub_upstream_failures_total[5m]))',
      label: ['reason', FAILURE_REASONS],
    }),
  };
}
