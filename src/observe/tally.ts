/** A count that only grows: a plain number on the path, read when somebody scrapes. */
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

  entries(): IterableIterator<[Label, Tally]> {
    return this.tallies.entries();
  }
}

/** A distribution over fixed bounds: observing is a search and two additions, and allocates nothing. */
export class Histogram {
  /** Upper bounds, ascending, in the unit of what is observed; an implicit last bucket takes the rest. */
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > (this.bounds[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
  }
}
