import { Lookups } from './entry-index.ts';
import type { EntryParts } from './entry-parts.ts';
import { LastBuffer, PlainQuery } from './plain-query.ts';

/**
 * Looks up the queries of a batch together, in a memory that is larger than the processor's caches.
 *
 * A lookup waits for main memory twice: for the bucket, and for the entry to which it leads. Code that answers one query
 * after the other waits for both each time. Here every step is done for all queries before the next step, in loops so
 * short that the processor has the reads of many rounds under way at once.
 */
export class ReplyBatch {
  /** The plain queries of the batch, and their numbers in it. */
  readonly queries: readonly PlainQuery[];
  readonly numbers: Int32Array;
  private readonly parts: EntryParts;
  private readonly positive: Lookups;
  /** Of the queries that the positive part has not. */
  private readonly negative: Lookups;

  /** @param size - The largest number of queries in a batch. */
  constructor(parts: EntryParts, seed: number, size: number) {
    this.parts = parts;
    const buffer = new LastBuffer();
    this.queries = Array.from({ length: size }, () => new PlainQuery(seed, buffer));
    this.numbers = new Int32Array(size);
    this.positive = new Lookups(size);
    this.negative = new Lookups(size);
  }

  /** For each plain query, the first slot of the positive part with its hash; -1 if there is none. */
  get slots(): Int32Array {
    return this.positive.slots;
  }

  /**
   * Reads the queries, query `i` at `octets[i * stride]`, and looks them up.
   *
   * @param lengths - Of each query, 0 for one to leave out. All become 0.
   * @returns How many are plain.
   */
  lookUp(octets: Uint8Array, stride: number, lengths: Int32Array, count: number): number {
    const { queries, numbers, positive, negative, parts } = this;
    let plain = 0;
    for (let i = 0; i < count; i++) {
      const query = queries[plain];
      const length = lengths[i] ?? 0;
      lengths[i] = 0;
      if (!query?.read(octets, i * stride, length)) continue;
      numbers[plain] = i;
      positive.hashes[plain] = query.hash;
      plain++;
    }
    positive.count = plain;
    parts.positive.fetch(positive);
    negative.count = 0;
    for (let i = 0; i < plain; i++) {
      if ((positive.slots[i] ?? -1) >= 0) continue;
      negative.hashes[negative.count++] = positive.hashes[i] ?? 0;
    }
    if (negative.count > 0) parts.negative.fetch(negative);
    return plain;
  }
}
