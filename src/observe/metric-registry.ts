import { Gauge, GaugeSet } from './gauge.ts';
import { Histogram, HistogramSet, Tally, TallyGrid, TallySet } from './tally.ts';

/** The texts of a metric for people. */
export interface MetricText {
  /** As Prometheus names metrics: `sidestub_`, base unit, and `_total` for what only grows. */
  readonly name: string;
  /** One line without double quotes, which OpenMetrics would require to be escaped. */
  readonly help: string;
  /** A PromQL expression that uses the metric to answer a question; for docs/metrics.md. */
  readonly query: string;
}

/** A label and the values that it can have; values from the configuration are known only after it was read. */
export interface MetricLabel {
  readonly name: string;
  readonly values: readonly string[] | 'configured';
  /** Old names of some values, which have series as well. */
  readonly deprecated?: readonly string[];
}

/** One line of an exposition, without the metric's name. */
export interface Sample {
  /** The suffix of the metric's name; the parts of a histogram have one. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A declared metric: its description, and how to read it. */
export interface Metric extends MetricText {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly MetricLabel[];
  samples(): Iterable<Sample>;
}

type Closed<Value extends string> = readonly [name: string, values: readonly Value[]];

/** The values of a label that the configuration names, such as an upstream; read at each scrape. */
type Configured<Value> = () => Iterable<readonly [label: string, Value]>;

/** More than any configuration has; further label values have no series (S1). */
const MAX_CONFIGURED = 64;

/**
 * Every metric, in the order of declaration.
 *
 * Each method declares one and returns the plain object that the path counts with. Nothing here depends on the
 * exposition format or its library.
 */
export class MetricRegistry {
  private readonly declared = new Map<string, Metric>();
  /** Everything that is counted here and not read elsewhere, in the order of declaration. */
  readonly counted: (Tally | Histogram)[] = [];

  get metrics(): readonly Metric[] {
    return [...this.declared.values()];
  }

  tally(text: MetricText): Tally {
    const tally = new Tally();
    this.counted.push(tally);
    this.register(text, 'counter', [], () => [plain({}, tally.value)]);
    return tally;
  }

  /** @param text.formerly - Old names of renamed values: both have series for one version. */
  tallySet<Label extends string>(
    text: MetricText & {
      readonly label: Closed<Label>;
      readonly formerly?: Readonly<Record<string, Label>>;
    },
  ): TallySet<Label> {
    const [name, values] = text.label;
    const former = Object.entries(text.formerly ?? {});
    const set = new TallySet(values);
    for (const [, tally] of set.entries()) this.counted.push(tally);
    const described = { name, values, deprecated: former.map(([old]) => old) };
    this.register(text, 'counter', [described], function* () {
      for (const [value, tally] of set.entries()) yield plain({ [name]: value }, tally.value);
      for (const [old, value] of former) yield plain({ [name]: old }, set.get(value));
    });
    return set;
  }

  tallyGrid<Row extends string, Column extends string>(
    text: MetricText & { readonly rows: Closed<Row>; readonly columns: Closed<Column> },
  ): TallyGrid<Row, Column> {
    const [rowName, rows] = text.rows;
    const [columnName, columns] = text.columns;
    const grid = new TallyGrid(rows, columns);
    for (const [, , tally] of grid.entries()) this.counted.push(tally);
    const labels = [
      { name: rowName, values: rows },
      { name: columnName, values: columns },
    ];
    this.register(text, 'counter', labels, function* () {
      for (const [row, column, tally] of grid.entries()) {
        yield plain({ [rowName]: row, [columnName]: column }, tally.value);
      }
    });
    return grid;
  }

  /** A counter that is kept elsewhere, for example by the kernel. */
  readCounter(text: MetricText, read: () => number): void {
    this.register(text, 'counter', [], () => [plain({}, read())]);
  }

  /** Counters that are computed from others; each must only grow. */
  readCounters<Label extends string>(
    text: MetricText & { readonly label: Closed<Label> },
    read: (label: Label) => number,
  ): void {
    const [name, values] = text.label;
    this.register(text, 'counter', [{ name, values }], function* () {
      for (const value of values) yield plain({ [name]: value }, read(value));
    });
  }

  gauge(text: MetricText): Gauge {
    const gauge = new Gauge();
    this.register(text, 'gauge', [], () => [plain({}, gauge.read())]);
    return gauge;
  }

  gaugeSet<Label extends string>(
    text: MetricText & { readonly label: Closed<Label> },
  ): GaugeSet<Label> {
    const [name, values] = text.label;
    const set = new GaugeSet(values);
    this.register(text, 'gauge', [{ name, values }], function* () {
      for (const [value, gauge] of set.entries()) yield plain({ [name]: value }, gauge.read());
    });
    return set;
  }

  /** A gauge of 1 whose labels carry the information. */
  info(text: MetricText, labels: Readonly<Record<string, string>>): void {
    const described = Object.keys(labels).map(
      (name): MetricLabel => ({ name, values: 'configured' }),
    );
    this.register(text, 'gauge', described, () => [plain(labels, 1)]);
  }

  /** By convention a metric's name ends with its unit, here seconds. */
  histogramSet<Label extends string>(
    text: MetricText & { readonly label: Closed<Label>; readonly bounds: readonly number[] },
  ): HistogramSet<Label> {
    const [name, values] = text.label;
    const set = new HistogramSet(values, text.bounds);
    for (const [, histogram] of set.entries()) this.counted.push(histogram);
    this.register(text, 'histogram', [{ name, values }], function* () {
      for (const [value, histogram] of set.entries()) {
        yield* distribution({ [name]: value }, histogram);
      }
    });
    return set;
  }

  histogram(text: MetricText & { readonly bounds: readonly number[] }): Histogram {
    const histogram = new Histogram(text.bounds);
    this.counted.push(histogram);
    this.register(text, 'histogram', [], () => distribution({}, histogram));
    return histogram;
  }

  readHistograms(text: MetricText & { readonly label: string }, read: Configured<Histogram>): void {
    this.register(text, 'histogram', [configured(text.label)], function* () {
      for (const [value, histogram] of bounded(read())) {
        yield* distribution({ [text.label]: value }, histogram);
      }
    });
  }

  readGauges(text: MetricText & { readonly label: string }, read: Configured<number>): void {
    this.readConfigured(text, 'gauge', read);
  }

  /** Each must only grow. */
  readConfiguredCounters(
    text: MetricText & { readonly label: string },
    read: Configured<number>,
  ): void {
    this.readConfigured(text, 'counter', read);
  }

  /** A state as one series for each possible value: 1 for the current one, 0 for the others. */
  readStates<State extends string>(
    text: MetricText & { readonly label: string; readonly states: readonly State[] },
    read: Configured<State>,
  ): void {
    const { label, states } = text;
    this.register(
      text,
      'gauge',
      [configured(label), { name: 'state', values: states }],
      function* () {
        for (const [value, current] of bounded(read())) {
          for (const state of states) {
            yield plain({ [label]: value, state }, state === current ? 1 : 0);
          }
        }
      },
    );
  }

  private readConfigured(
    text: MetricText & { readonly label: string },
    type: Metric['type'],
    read: Configured<number>,
  ): void {
    this.register(text, type, [configured(text.label)], function* () {
      for (const [value, reading] of bounded(read())) yield plain({ [text.label]: value }, reading);
    });
  }

  private register(
    { name, help, query }: MetricText,
    type: Metric['type'],
    labels: readonly MetricLabel[],
    samples: () => Iterable<Sample>,
  ): void {
    // OpenMetrics names a counter without its suffix, so that `x_total` and a gauge `x` would be the same family.
    const family = name.replace(/_total$/, '');
    if (this.declared.has(family)) throw new Error(`metric declared twice: ${name}`);
    this.declared.set(family, { name, help, query, type, labels, samples });
  }
}

function configured(name: string): MetricLabel {
  return { name, values: 'configured' };
}

function bounded<Value>(entries: Iterable<Value>): Iterable<Value> {
  return Iterator.from(entries).take(MAX_CONFIGURED);
}

function plain(labels: Sample['labels'], value: number): Sample {
  return { suffix: '', labels, value };
}

/** Prometheus' buckets are cumulative; ours count each value once, so that observing touches one of them. */
function* distribution(labels: Sample['labels'], histogram: Histogram): Generator<Sample> {
  let cumulated = 0;
  for (const [index, count] of histogram.counts.entries()) {
    cumulated += count;
    const bound = histogram.bounds[index];
    const le = bound === undefined ? '+Inf' : String(bound);
    yield { suffix: '_bucket', labels: { ...labels, le }, value: cumulated };
  }
  yield { suffix: '_sum', labels, value: histogram.sum };
  yield { suffix: '_count', labels, value: cumulated };
}
