/**
 * A number that goes up and down. Its owner supplies a function that is called at each scrape.
 *
 * Reading instead of setting: no code on the path of a query has to remember to count down.
 */
export class Gauge {
  private source: () => number = () => 0;
  private readonly others: (() => number)[] = [];

  /** Replaces the reader: after a reload, the new part is read. */
  readBy(source: () => number): void {
    this.source = source;
  }

  /** Adds another part's share of the same number. */
  alsoBy(source: () => number): void {
    this.others.push(source);
  }

  read(): number {
    return this.others.reduce((sum, other) => sum + other(), this.own());
  }

  /** The value of this thread alone. */
  own(): number {
    return this.source();
  }
}

/** Gauges by a closed set of label values: each is there from the start and reads 0 until it has a reader (S1, S4). */
export class GaugeSet<Label extends string> {
  private readonly gauges: ReadonlyMap<Label, Gauge>;

  constructor(labels: readonly Label[]) {
    this.gauges = new Map(labels.map((label) => [label, new Gauge()]));
  }

  readBy(label: Label, source: () => number): void {
    this.gauges.get(label)?.readBy(source);
  }

  entries(): IterableIterator<[Label, Gauge]> {
    return this.gauges.entries();
  }
}
