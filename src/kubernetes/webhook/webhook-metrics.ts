import { MetricRegistry } from '../../observe/metric-registry.ts';

/** The result of a review; `failed` is a bug of ours, and the pod is created without sidestub. */
export type Outcome = 'injected' | 'unchanged' | 'skipped' | 'refused' | 'ignored' | 'failed';
export const OUTCOMES: readonly Outcome[] = [
  'injected',
  'unchanged',
  'skipped',
  'refused',
  'ignored',
  'failed',
];

/** Why a request got no review back. */
export type Rejection = 'path' | 'method' | 'type' | 'size' | 'malformed' | 'client';
const REJECTIONS: readonly Rejection[] = ['path', 'method', 'type', 'size', 'malformed', 'client'];

export type ReloadResult = 'success' | 'failure';
const RELOAD_RESULTS: readonly ReloadResult[] = ['success', 'failure'];

/** Seconds. A review takes below a millisecond; 50 ms is the goal at 500 a second, 5 s the API server's timeout. */
const LATENCY_BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

export type WebhookMetrics = ReturnType<typeof createWebhookMetrics>;

/** Declares every metric of `sidestub webhook`, each at 0, in the registry of that process. */
export function createWebhookMetrics(version: string) {
  const registry = new MetricRegistry();
  registry.info(
    {
      name: 'sidestub_build_info',
      help: 'Always 1; the labels name the build.',
      query: 'count by (version) (sidestub_build_info)',
    },
    { version, node: process.version },
  );
  return {
    registry,
    reviews: registry.tallySet({
      name: 'sidestub_webhook_reviews_total',
      help: 'Pods that the API server asked about, by outcome.',
      query: 'sum by (outcome) (rate(sidestub_webhook_reviews_total[5m]))',
      label: ['outcome', OUTCOMES],
    }),
    latency: registry.histogramSet({
      name: 'sidestub_webhook_review_duration_seconds',
      help: 'Time from a complete request to its review, by outcome.',
      query:
        'histogram_quantile(0.99, sum by (le) (rate(sidestub_webhook_review_duration_seconds_bucket[5m])))',
      label: ['outcome', OUTCOMES],
      bounds: LATENCY_BOUNDS,
    }),
    rejections: registry.tallySet({
      name: 'sidestub_webhook_rejected_requests_total',
      help: 'Requests that got no review, by reason.',
      query: 'sum by (reason) (rate(sidestub_webhook_rejected_requests_total[5m])) > 0',
      label: ['reason', REJECTIONS],
    }),
    inFlight: registry.gauge({
      name: 'sidestub_webhook_requests_in_flight',
      help: 'Requests in flight.',
      query: 'max_over_time(sidestub_webhook_requests_in_flight[1h])',
    }),
    reloads: registry.tallySet({
      name: 'sidestub_webhook_certificate_reloads_total',
      help: 'Changes of the certificate files, by whether they were usable.',
      query: 'increase(sidestub_webhook_certificate_reloads_total{result="failure"}[15m]) > 0',
      label: ['result', RELOAD_RESULTS],
    }),
    notAfter: registry.gauge({
      name: 'sidestub_webhook_certificate_not_after_seconds',
      help: 'When the certificate in use ends, in seconds of the epoch.',
      query: 'sidestub_webhook_certificate_not_after_seconds - time() < 7 * 86400',
    }),
    logDropped: registry.tally({
      name: 'sidestub_log_lines_dropped_total',
      help: 'Lines of the log that could not be written: a full disk, a closed pipe, or a pipe without a reader (S5).',
      query: 'increase(sidestub_log_lines_dropped_total[15m]) > 0',
    }),
    bugs: registry.tally({
      name: 'sidestub_bugs_total',
      help: 'Unexpected exceptions; must stay 0. The stack is in the log.',
      query: 'increase(sidestub_bugs_total[1h]) > 0',
    }),
  };
}
