import type { Clock, Milliseconds } from '../clock.ts';
import type { AnswerSource } from '../vocabulary.ts';
import type { Metrics } from './metrics.ts';
import { Histogram } from './tally.ts';

/** What happened between two readings. */
export interface Stretch {
  readonly seconds: number;
  /** Whether it goes back to the start of the program. */
  readonly isWhole: boolean;
  readonly queries: number;
  readonly upstreamQueries: number;
  readonly saved: number;
  readonly answered: ReadonlyMap<AnswerSource, number>;
  readonly servfails: number;
  /** Questions that went upstream once more (U2). */
  readonly resends: number;
  /** Questions that were answered although their first datagram was lost. */
  readonly rescues: number;
  /** Whole lookups, in seconds. */
  readonly lookups: Histogram;
  /** By the upstream's name in the configuration. */
  readonly servers: ReadonlyMap<string, ServerStretch>;
}

/** What happened at one upstream between two readings. */
export interface ServerStretch {
  /** Response times, in seconds. */
  readonly latency: Histogram;
  readonly unanswered: number;
}

/** The counters at one moment. */
interface Reading {
  readonly at: Milliseconds;
  readonly queries: number;
  readonly upstreamQueries: number;
  readonly saved: number;
  readonly answered: ReadonlyMap<AnswerSource, number>;
  readonly servfails: number;
  readonly resends: number;
  readonly rescues: number;
  readonly lookups: Float64Array;
  readonly servers: ReadonlyMap<string, ServerReading>;
}

interface ServerReading {
  readonly latency: Float64Array;
  readonly unanswered: number;
}

/** The span of the page's current figures: long enough for a rate that does not jump. */
const NOW: Milliseconds = 10_000;
/** Readings within this span count as one, so that many open pages cause no more readings than one. */
const BETWEEN: Milliseconds = 1_000;
/** S1: two minutes of a page that renews itself every two seconds. */
const MAX_READINGS = 60;

/**
 * Rates from counters, measured between readings: without a page open, no timer runs.
 *
 * The first reading shows the averages since the start.
 */
export class RecentPast {
  private readonly metrics: Metrics;
  private readonly clock: Clock;
  private readonly readings: Reading[];

  constructor(metrics: Metrics, clock: Clock, startedAt: Milliseconds) {
    this.metrics = metrics;
    this.clock = clock;
    this.readings = [{ ...read(metrics, startedAt), ...NOTHING }];
  }

  /** What happened in about the last ten seconds, or since the last reading if that is longer ago. */
  look(): Stretch {
    const now = read(this.metrics, this.clock.now());
    const from = this.readings.findLast(({ at }) => now.at - at >= NOW) ?? this.readings[0] ?? now;
    const isWhole = from.lookups === NOTHING.lookups;
    const last = this.readings.at(-1);
    if (last === undefined || now.at - last.at >= BETWEEN) this.readings.push(now);
    if (this.readings.length > MAX_READINGS) this.readings.shift();
    return between(from, now, isWhole, this.metrics);
  }

  /** Queries per second between readings, the newest last. */
  get history(): readonly number[] {
    const rates: number[] = [];
    for (const [index, reading] of this.readings.entries()) {
      const before = this.readings[index - 1];
      if (before === undefined) continue;
      rates.push(
        (1_000 * (reading.queries - before.queries)) / Math.max(1, reading.at - before.at),
      );
    }
    return rates;
  }
}

const NOTHING = {
  queries: 0,
  upstreamQueries: 0,
  saved: 0,
  answered: new Map<AnswerSource, number>(),
  servfails: 0,
  resends: 0,
  rescues: 0,
  lookups: new Float64Array(0),
  servers: new Map<string, ServerReading>(),
};

function read({ listen, lookups, savings, upstream }: Metrics, at: Milliseconds): Reading {
  const answered = new Map<AnswerSource, number>();
  let servfails = 0;
  for (const [rcode, source, { value }] of listen.responses.entries()) {
    answered.set(source, (answered.get(source) ?? 0) + value);
    if (rcode === 'SERVFAIL') servfails += value;
  }
  let queries = 0;
  for (const [, , { value }] of listen.queries.entries()) queries += value;
  let upstreamQueries = 0;
  for (const [, { value }] of upstream.sends.entries()) upstreamQueries += value;
  const servers = Iterator.from(upstream.servers).map(
    ([name, { latency, unanswered }]): [string, ServerReading] => [
      name,
      { latency: latency.counts.slice(), unanswered: unanswered.value },
    ],
  );
  return {
    at,
    queries,
    upstreamQueries,
    saved: savings.total,
    answered,
    servfails,
    resends: upstream.retransmissions.value,
    rescues: upstream.rescues.value,
    lookups: lookups.duration.counts.slice(),
    servers: new Map(servers),
  };
}

function between(from: Reading, to: Reading, isWhole: boolean, metrics: Metrics): Stretch {
  return {
    // At least a second: a page that is requested right after the start would otherwise divide by almost nothing.
    seconds: Math.max(1, to.at - from.at) / 1_000,
    isWhole,
    queries: to.queries - from.queries,
    upstreamQueries: to.upstreamQueries - from.upstreamQueries,
    saved: to.saved - from.saved,
    answered: new Map(
      Array.from(to.answered, ([source, count]) => [
        source,
        count - (from.answered.get(source) ?? 0),
      ]),
    ),
    servfails: to.servfails - from.servfails,
    resends: to.resends - from.resends,
    rescues: to.rescues - from.rescues,
    lookups: difference(from.lookups, to.lookups, metrics.lookups.duration.bounds),
    servers: new Map(
      Array.from(to.servers, ([name, reading]) => [
        name,
        serverBetween(from.servers.get(name), reading, boundsOf(metrics, name)),
      ]),
    ),
  };
}

function serverBetween(
  from: ServerReading | undefined,
  to: ServerReading,
  bounds: readonly number[],
): ServerStretch {
  return {
    latency: difference(from?.latency ?? NOTHING.lookups, to.latency, bounds),
    unanswered: to.unanswered - (from?.unanswered ?? 0),
  };
}

function boundsOf({ upstream }: Metrics, name: string): readonly number[] {
  return upstream.servers.get(name)?.latency.bounds ?? [];
}

/** The difference between two readings of one histogram. */
function difference(from: Float64Array, to: Float64Array, bounds: readonly number[]): Histogram {
  const histogram = new Histogram(bounds);
  for (const [index, count] of to.entries()) histogram.counts[index] = count - (from[index] ?? 0);
  return histogram;
}
