import type { Gauge } from './gauge.ts';
import type { Metrics } from './metrics.ts';
import { Histogram, type Tally } from './tally.ts';

/** What a thread has counted since its last report, as a message to another thread. */
export interface CountsReport {
  /** Counts of the metrics, in the order of declaration. */
  readonly declared: Float64Array;
  /** Counts of each server, by its name. */
  readonly servers: readonly (readonly [name: string, counts: Float64Array])[];
  /** The values of the gauges that add up. */
  readonly gauges: readonly number[];
}

type Counted = Tally | Histogram;

/** Makes the {@link CountsReport}s of one thread. */
export class CountsReporter {
  private readonly metrics: Metrics;
  private readonly told = new WeakMap<Counted, readonly number[]>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
  }

  /** What was counted since the last call. */
  take(): CountsReport {
    const { registry, upstream } = this.metrics;
    return {
      declared: this.growth(registry.counted),
      servers: Array.from(upstream.servers, ([name, { latency, unanswered }]) => [
        name,
        this.growth([latency, unanswered]),
      ]),
      gauges: summedGauges(this.metrics).map((gauge) => gauge.own()),
    };
  }

  private growth(counted: readonly Counted[]): Float64Array {
    const growth = counted.flatMap((each) => {
      const now = numbersOf(each);
      const before = this.told.get(each) ?? [];
      this.told.set(each, now);
      return now.map((value, i) => value - (before[i] ?? 0));
    });
    return Float64Array.from(growth);
  }
}

/** Adds the counts of another thread, whose metrics are declared in the same order. */
export function addCounts(metrics: Metrics, { declared, servers }: CountsReport): void {
  add(metrics.registry.counted, declared);
  for (const [name, counts] of servers) {
    // A reload has removed this server here and not yet there; it is no longer shown.
    const server = metrics.upstream.servers.get(name);
    if (server !== undefined) add([server.latency, server.unanswered], counts);
  }
}

function add(counted: readonly Counted[], growth: Float64Array): void {
  let at = 0;
  for (const each of counted) {
    if (each instanceof Histogram) {
      const end = at + each.counts.length;
      each.merge(growth.subarray(at, end), growth[end] ?? 0);
      at = end + 1;
    } else {
      each.add(growth[at++] ?? 0);
    }
  }
}

function numbersOf(counted: Counted): number[] {
  return counted instanceof Histogram ? [...counted.counts, counted.sum] : [counted.value];
}

/** The gauges whose values in all threads add up, in a fixed order. */
export function summedGauges({ listen, flights, search, cache }: Metrics): Gauge[] {
  const parts = [cache.octets, cache.entries].flatMap((set) =>
    Array.from(set.entries(), ([, gauge]) => gauge),
  );
  return [listen.tcpOpen, flights.inProgress, search.cuts, ...parts];
}
