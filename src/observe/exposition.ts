import { createRequire } from 'node:module';
import type { Gauge as PromMetric, Registry, RegistryContentType } from 'prom-client';
import { type Clock, elapsed, type Milliseconds } from '../clock.ts';
import type { Metric, MetricRegistry, Sample } from './metric-registry.ts';

/** Renders what the registry holds at this moment. */
export interface Exposition {
  /** @param accept - The request's `Accept` header; Prometheus' text format unless it prefers OpenMetrics. */
  render(accept?: string): Promise<Rendering>;
}

export interface Rendering {
  readonly contentType: string;
  readonly body: string;
}

type Format = 'text' | 'openmetrics';

/**
 * The number of rehearsals. After this many, a scrape takes a tenth of the time of the first one (npm run bench --
 * scrape).
 */
const REHEARSALS = 6;
/** What Prometheus asks for, by default and when configured for plain text. */
const FORMATS: readonly string[] = ['application/openmetrics-text', 'text/plain'];

/**
 * Renders in advance, in slices: the first scrape loads and compiles code, which would delay every query that arrives
 * during it by more than 10 ms.
 */
export async function rehearseScrapes(exposition: Exposition): Promise<void> {
  for (let n = 0; n < REHEARSALS; n++) {
    await exposition.render(FORMATS[n % FORMATS.length]);
    // Real queries go first.
    await nextTurn();
  }
}

/**
 * Exposes a registry through prom-client.
 *
 * The library is loaded at the first scrape, so that a sidecar that is never scraped does not pay for it.
 */
export function createExposition(registry: MetricRegistry): Exposition {
  const prepared = new Map<Format, Registry<RegistryContentType>>();
  const turns = new Turns();
  return {
    async render(accept) {
      const format = negotiate(accept ?? '');
      const exposed = prepared.get(format) ?? prepare(registry, format, turns);
      prepared.set(format, exposed);
      turns.begin(Math.ceil(registry.metrics.length / SLICE));
      return { contentType: exposed.contentType, body: await exposed.metrics() };
    },
  };
}

/**
 * S1: renderings per second. A rendering takes some 5 ms of the core that answers queries; Prometheus asks every 15 s
 * or so.
 */
const RENDERINGS_PER_SECOND = 10;

/**
 * Renders one at a time and at most ten times a second: a request that arrives during a rendering shares it, and the
 * eleventh waits (S1).
 */
export function sharedExposition(exposition: Exposition, clock: Clock): Exposition {
  const underWay = new Map<Format, Promise<Rendering>>();
  const begun: Milliseconds[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const turn = async (): Promise<void> => {
    const [oldest = 0] = begun;
    const wait = begun.length < RENDERINGS_PER_SECOND ? 0 : oldest + 1_000 - clock.now();
    if (wait > 0) await elapsed(clock, wait);
    begun.push(clock.now());
    if (begun.length > RENDERINGS_PER_SECOND) begun.shift();
  };
  return {
    render(accept) {
      const format = negotiate(accept ?? '');
      const shared = underWay.get(format);
      if (shared !== undefined) return shared;
      const rendering = last.then(turn).then(() => exposition.render(accept));
      const over = (): void => void underWay.delete(format);
      underWay.set(format, rendering);
      last = rendering.then(over, over);
      return rendering;
    },
  };
}

/**
 * Which format a client prefers: OpenMetrics only if it is named with a weight of at least that of plain text.
 *
 * @see RFC 9110 §12.5.1
 */
export function negotiate(accept: string): Format {
  const weights = new Map(accept.split(',').map(mediaRange));
  const openmetrics = weights.get('application/openmetrics-text') ?? 0;
  const text = weights.get('text/plain') ?? weights.get('text/*') ?? 0;
  return openmetrics > 0 && openmetrics >= text ? 'openmetrics' : 'text';
}

function mediaRange(range: string): [type: string, weight: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const weight = q === undefined ? 1 : Number(q);
  return [type, weight >= 0 && weight <= 1 ? weight : 0];
}

/**
 * Metrics rendered in one turn of the event loop: a query that arrives during a scrape waits for no more than these.
 */
const SLICE = 8;

/** The turns of the event loop for the slices of a scrape, one after the other. */
class Turns {
  private turns: Promise<void>[] = [];

  /** Starts `count` turns. */
  begin(count: number): void {
    let last = Promise.resolve();
    this.turns = Array.from({ length: count }, (_, slice) => {
      if (slice > 0) last = last.then(nextTurn);
      return last;
    });
  }

  /** Resolves at the turn of the slice that the metric at `index` belongs to. */
  of(index: number): Promise<void> {
    return this.turns[Math.floor(index / SLICE)] ?? Promise.resolve();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function prepare(
  registry: MetricRegistry,
  format: Format,
  turns: Turns,
): Registry<RegistryContentType> {
  const PromRegistry = loadRegistry();
  // A registry for each format: rendering OpenMetrics renames prom-client's counters permanently.
  const exposed = new PromRegistry<RegistryContentType>();
  if (format === 'openmetrics') exposed.setContentType(PromRegistry.OPENMETRICS_CONTENT_TYPE);
  for (const [index, metric] of registry.metrics.entries()) {
    exposed.registerMetric(collected(metric, () => turns.of(index)));
  }
  return exposed;
}

/**
 * Only prom-client's registry: the whole package takes 50 ms to load, in which no query is answered, and 13 MiB; this
 * file takes 2 ms and 1 MiB. It has no type declarations of its own.
 */
function loadRegistry(): typeof Registry {
  return createRequire(import.meta.url)('prom-client/lib/registry.js');
}

/**
 * A metric as prom-client's registry uses it: a name that the registry may change, and `get`.
 *
 * prom-client's own counters and gauges can be given values in `collect`, but its histograms cannot be given counts.
 * Making all three by hand takes less code than two ways, and hashes no labels.
 */
function collected({ name, help, type, samples }: Metric, turn: () => Promise<void>): PromMetric {
  const metric = {
    name,
    help,
    type,
    // All values are read in the turn in which the registry starts, so that a scrape shows one moment. The rendering
    // may come later.
    get: () => {
      const values = Array.from(samples(), (sample) => value(metric.name, sample));
      return turn().then(() => ({ name: metric.name, help, type, values }));
    },
  };
  return metric as unknown as PromMetric;
}

function value(name: string, { suffix, labels, value: reading }: Sample) {
  // A value without a name of its own gets its metric's name, and only then the suffix `_total` of OpenMetrics.
  return suffix === ''
    ? { labels, value: reading }
    : { labels, value: reading, metricName: name + suffix };
}
