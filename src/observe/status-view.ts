import type { Clock } from '../clock.ts';
import { ANSWER_SOURCES, type AnswerSource, type FailureReason } from '../vocabulary.ts';
import { CACHE_PARTS, type CachePart } from './label-sets.ts';
import type { LookupWatch, RecentLookup } from './lookup-watch.ts';
import type { Metrics } from './metrics.ts';
import { RecentPast, type Stretch } from './recent-past.ts';
import type { Histogram } from './tally.ts';
import { type Totals, totalsOf } from './totals.ts';

/** Everything that the status page shows, at one moment. */
export interface StatusView {
  readonly version: string;
  readonly ready: boolean;
  /** What keeps the program from being ready. */
  readonly reasons: readonly string[];
  readonly totals: Totals;
  /** Counts of the last ten seconds if a page is open, else since the start. */
  readonly stretch: Stretch;
  /** Queries per second while a page has been open; the newest last. */
  readonly history: readonly number[];
  readonly answers: readonly { readonly source: AnswerSource; readonly total: number }[];
  readonly upstreams: readonly UpstreamView[];
  readonly zones: readonly { readonly zone: string; readonly state: string }[];
  readonly cuts: number;
  readonly cache: readonly {
    readonly part: CachePart;
    readonly octets: number;
    readonly entries: number;
  }[];
  readonly hitRatio: number | undefined;
  readonly evictions: number;
  readonly inFlight: number;
  /** Must stay 0. */
  readonly bugs: number;
  readonly recent: readonly RecentLookup[];
  /** Whether {@link recent} has names (S4). */
  readonly names: boolean;
  readonly configuration: readonly ConfiguredValue[];
}

/** One upstream server. Times are in seconds, and absent before its first answer. */
export interface UpstreamView {
  readonly name: string;
  readonly dead: boolean;
  /** Why the server left its last question unanswered; absent once it has answered again. */
  readonly trouble: FailureReason | undefined;
  /** Since the start. */
  readonly answers: number;
  /** Questions that it did not answer, since the start. */
  readonly unanswered: number;
  /** Questions that it did not answer, in {@link StatusView.stretch}. */
  readonly unansweredNow: number;
  /** Median response time in {@link StatusView.stretch}; since the start if the server did not answer in it. */
  readonly median: number | undefined;
  readonly p99: number | undefined;
  readonly isNow: boolean;
}

/** One setting in effect, as text. */
export interface ConfiguredValue {
  readonly key: string;
  readonly value: string;
  readonly origin: string;
}

export interface StatusSources {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly version: string;
  /** When the program started, on that clock. */
  readonly startedAt: number;
  readonly ready: () => readonly string[];
  readonly lookups: Pick<LookupWatch, 'recent'>;
  readonly names: boolean;
  /** Read for each page, because a reload changes it. */
  readonly configuration: () => readonly ConfiguredValue[];
}

/** Reads everything again at each call; while no page is open, nothing is kept or timed. */
export function statusView(sources: StatusSources): () => StatusView {
  const { metrics, clock, startedAt } = sources;
  const past = new RecentPast(metrics, clock, startedAt);
  return () => {
    const reasons = sources.ready();
    const totals = totalsOf(metrics, (clock.now() - startedAt) / 1_000);
    const stretch = past.look();
    return {
      version: sources.version,
      ready: reasons.length === 0,
      reasons,
      totals,
      stretch,
      history: past.history,
      answers: ANSWER_SOURCES.map((source) => ({ source, total: totals.answered[source] })),
      upstreams: upstreamsOf(metrics, stretch),
      zones: Array.from(metrics.conformance.verdicts, ([zone, state]) => ({ zone, state })),
      cuts: metrics.search.cuts.read(),
      cache: cacheOf(metrics),
      hitRatio: ratio(metrics.cache.hits.value, metrics.cache.misses.value),
      evictions: metrics.cache.evictions.value,
      inFlight: metrics.flights.inProgress.read(),
      bugs: metrics.daemon.bugs.value,
      recent: sources.lookups.recent,
      names: sources.names,
      configuration: sources.configuration(),
    };
  };
}

/**
 * The value below which a share of the observations lies, assuming as Prometheus does that they are spread evenly
 * within a bucket.
 *
 * @returns `undefined` without observations; the last bound if it lies beyond that.
 */
export function quantile(
  { bounds, counts }: Pick<Histogram, 'bounds' | 'counts'>,
  share: number,
): number | undefined {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0);
  if (wanted === 0) return undefined;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    const bound = bounds[index];
    if (bound === undefined) break;
    if (below + count >= wanted) {
      const lower = bounds[index - 1] ?? 0;
      return lower + ((bound - lower) * (wanted - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1);
}

function upstreamsOf({ upstream }: Metrics, { servers, isWhole }: Stretch): UpstreamView[] {
  return Array.from(upstream.servers, ([name, { dead, trouble, latency, unanswered }]) => {
    const now = servers.get(name);
    const isNow = !isWhole && now !== undefined && now.latency.count > 0;
    const shown = isNow ? now.latency : latency;
    return {
      name,
      dead,
      trouble,
      answers: latency.count,
      unanswered: unanswered.value,
      unansweredNow: now?.unanswered ?? 0,
      median: quantile(shown, 0.5),
      p99: quantile(shown, 0.99),
      isNow,
    };
  });
}

function cacheOf({ cache }: Metrics): StatusView['cache'] {
  const octets = new Map(cache.octets.entries());
  const entries = new Map(cache.entries.entries());
  return CACHE_PARTS.map((part) => ({
    part,
    octets: octets.get(part)?.read() ?? 0,
    entries: entries.get(part)?.read() ?? 0,
  }));
}

function ratio(hits: number, misses: number): number | undefined {
  return hits + misses === 0 ? undefined : hits / (hits + misses);
}
