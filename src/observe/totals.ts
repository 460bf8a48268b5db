import type { AnswerSource, FailureReason } from '../vocabulary.ts';
import { ANSWER_SOURCES, FAILURE_REASONS } from '../vocabulary.ts';
import type { LogFields } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What the program did from its start to this moment, for a job that was never scraped. It contains no names (S4). */
export interface Totals {
  readonly uptimeSeconds: number;
  /** Until the first answer of upstream. */
  readonly startupSeconds: number;
  /** From clients. */
  readonly queries: number;
  readonly answered: Readonly<Record<AnswerSource, number>>;
  readonly upstreamQueries: number;
  readonly savedQueries: number;
  /** An estimate. */
  readonly savedSeconds: number;
  readonly lookups: number;
  readonly slowestMs: number;
  /** Lookups that took more than 1 s, which none should. */
  readonly slow: number;
  /** Lookups that ended without an answer. */
  readonly failed: number;
  /** Questions that no server answered, by reason. */
  readonly failures: Readonly<Record<FailureReason, number>>;
  readonly rescues: number;
}

/** The longest that a lookup may take, in seconds. */
const SLOW = 1;

/** Computes the totals from the metrics. */
export function totalsOf(metrics: Metrics, uptimeSeconds: number): Totals {
  const { listen, lookups, savings, upstream, daemon } = metrics;
  return {
    uptimeSeconds,
    startupSeconds: daemon.startup.read(),
    queries: sum(Array.from(listen.queries.entries(), ([, , { value }]) => value)),
    answered: answeredBySource(metrics),
    upstreamQueries: sum(Array.from(upstream.sends.entries(), ([, { value }]) => value)),
    savedQueries: savings.total,
    savedSeconds: savings.seconds(),
    lookups: lookups.duration.count,
    slowestMs: Math.round(lookups.duration.max * 1_000),
    slow: lookups.duration.countAbove(SLOW),
    failed: lookups.steps.histogram('failed').count,
    failures: byLabel(FAILURE_REASONS, (reason) => upstream.failures.get(reason)),
    rescues: upstream.rescues.value,
  };
}

/** The totals as fields of the last log line; answers and failures that are 0 are left out. */
export function totalsFields(totals: Totals): LogFields {
  const { answered, failures, uptimeSeconds, startupSeconds, savedSeconds, ...counts } = totals;
  return {
    uptime_seconds: rounded(uptimeSeconds),
    startup_seconds: rounded(startupSeconds),
    queries: counts.queries,
    ...prefixed('from_', answered),
    upstream_queries: counts.upstreamQueries,
    saved_queries: counts.savedQueries,
    saved_seconds: rounded(savedSeconds),
    lookups: counts.lookups,
    slowest_ms: counts.slowestMs,
    slow: counts.slow,
    failed: counts.failed,
    ...prefixed('failed_', failures),
    rescues: counts.rescues,
  };
}

/** The totals in one line for people: what `kubectl describe pod` shows of a sidecar that has ended. */
export function totalsText(totals: Totals, version: string): string {
  const { queries, upstreamQueries, savedQueries, savedSeconds, lookups, failed, slow } = totals;
  const reasons = Object.entries(totals.failures)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  const why = reasons.length === 0 ? '' : ` (upstream: ${reasons.join(', ')})`;
  return [
    `sidestub ${version}: ${queries} queries in ${rounded(totals.uptimeSeconds)} s`,
    `${upstreamQueries} sent upstream, ${savedQueries} saved (about ${rounded(savedSeconds)} s)`,
    `${lookups} lookups, slowest ${totals.slowestMs} ms, ${slow} above 1 s, ${failed} failed${why}`,
    `ready after ${rounded(totals.startupSeconds)} s`,
  ].join('; ');
}

function answeredBySource({ listen }: Metrics): Record<AnswerSource, number> {
  const answered = byLabel(ANSWER_SOURCES, () => 0);
  for (const [, source, { value }] of listen.responses.entries()) answered[source] += value;
  return answered;
}

function byLabel<Label extends string>(
  labels: readonly Label[],
  read: (label: Label) => number,
): Record<Label, number> {
  return Object.fromEntries(labels.map((label) => [label, read(label)])) as Record<Label, number>;
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>): LogFields {
  const there = Object.entries(counts).filter(([, count]) => count > 0);
  return Object.fromEntries(there.map(([label, count]) => [prefix + label, count]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** For people milliseconds are precise enough. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1_000) / 1_000;
}
