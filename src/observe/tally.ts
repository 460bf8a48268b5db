/** A counter: a plain number on the path, read at the scrape. */
export class Tally {
  value = 0;

  add(count = 1): void {
    this.value += count;
  }
}

/**
 * Counts by a closed set of label values: each is there from the start at 0, and a value outside the set is a type
 * error, so no input can make a series (S1, S4).
 */
export class TallySet<Label extends string> {
  private readonly tallies: ReadonlyMap<Label, Tally>;

  constructor(labels: readonly Label[]) {
    this.tallies = new Map(labels.map((label) => [label, new Tally()]));
  }

  add(label: Label, count = 1): void {
    this.tallies.get(label)?.add(count);
  }

  get(label: Label): number {
    return this.tallies.get(label)?.value ?? 0;
  }

  /**
   * The tally of a label, for a path that counts often enough to save the look-up.
   *
   * @throws {RangeError} When the label is not in the set.
   */
  tally(label: Label): Tally {
    const tally = this.tallies.get(label);
    if (tally === undefined) throw new RangeError(`label outside its set: ${label}`);
    return tally;
  }

  entries(): IterableIterator<[Label, Tally]> {
    return this.tallies.entries();
  }
}

/** Counts by two closed sets of label values: every combination is there from the start at 0 (S1, S4). */
export class TallyGrid<Row extends string, Column extends string> {
  private readonly rows: ReadonlyMap<Row, TallySet<Column>>;

  constructor(rows: readonly Row[], columns: readonly Column[]) {
    this.rows = new Map(rows.map((row) => [row, new TallySet(columns)]));
  }

  add(row: Row, column: Column, count = 1): void {
    this.rows.get(row)?.add(column, count);
  }

  get(row: Row, column: Column): number {
    return this.rows.get(row)?.get(column) ?? 0;
  }

  /**
   * The tally of one combination, as {@link TallySet.tally}.
   *
   * @throws {RangeError} When a label is not in its set.
   */
  tally(row: Row, column: Column): Tally {
    const set = this.rows.get(row);
    if (set === undefined) throw new RangeError(`label outside its set: ${row}`);
    return set.tally(column);
  }

  *entries(): Generator<[Row, Column, Tally]> {
    for (const [row, set] of this.rows) {
      for (const [column, tally] of set.entries()) yield [row, column, tally];
    }
  }
}

/** A distribution over fixed bounds: observing is a search and two additions, and allocates nothing. */
export class Histogram {
  /** Upper bounds, ascending, in the observed unit; an implicit last bucket takes the rest. */
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;
  /** The largest value so far. */
  max = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** @param count - How many times `value` was seen. */
  observe(value: number, count = 1): void {
    let index = 0;
    while (index < this.bounds.length && value > (this.bounds[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + count;
    this.sum += value * count;
    if (value > this.max) this.max = value;
  }

  /** Adds the counts of another histogram with the same bounds; of its largest value only the bucket is known. */
  merge(counts: Float64Array, sum: number): void {
    for (const [index, count] of counts.entries()) {
      if (count === 0) continue;
      this.counts[index] = (this.counts[index] ?? 0) + count;
      this.max = Math.max(this.max, this.bounds[index] ?? this.bounds.at(-1) ?? 0);
    }
    this.sum += sum;
  }

  /** How many values were larger than a bound; exact when it is one of {@link bounds}. */
  countAbove(bound: number): number {
    let count = 0;
    for (const [index, inBucket] of this.counts.entries()) {
      // A bucket holds what is above the previous bound.
      if ((this.bounds[index - 1] ?? Number.NEGATIVE_INFINITY) >= bound) count += inBucket;
    }
    return count;
  }
}

/** Distributions over the same bounds by a closed set of label values, each there from the start (S1, S4). */
export class HistogramSet<Label extends string> {
  private readonly histograms: ReadonlyMap<Label, Histogram>;

  constructor(labels: readonly Label[], bounds: readonly number[]) {
    this.histograms = new Map(labels.map((label) => [label, new Histogram(bounds)]));
  }

  observe(label: Label, value: number, count = 1): void {
    this.histograms.get(label)?.observe(value, count);
  }

  /**
   * The histogram behind a label, as {@link TallySet.tally}.
   *
   * @throws {RangeError} When the label is not in the set.
   */
  histogram(label: Label): Histogram {
    const histogram = this.histograms.get(label);
    if (histogram === undefined) throw new RangeError(`label outside its set: ${label}`);
    return histogram;
  }

  entries(): IterableIterator<[Label, Histogram]> {
    return this.histograms.entries();
  }
}
