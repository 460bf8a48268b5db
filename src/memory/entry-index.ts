import { FIELDS } from './entry.ts';

/** A bucket is one cache line: eight slots, each with a hash and the offset of an entry. */
const BUCKET_SLOTS = 8;
export const BUCKET_WORDS = 2 * BUCKET_SLOTS;
/** The number of buckets at first. */
const FIRST_BUCKETS = 8;
/** The fewest slots that an index may have. */
export const FIRST_SLOTS = FIRST_BUCKETS * BUCKET_SLOTS;
/**
 * The average number of entries in a bucket that causes one more bucket. A bucket that has not been split yet has up to
 * twice as many.
 */
const BUCKET_LOAD = 1;

/**
 * Finds the entries of an arena by hash: slots in buckets, and in each live entry the slot that leads to it.
 *
 * Buckets are added one by one as entries come, so that few entries touch few pages (linear hashing).
 */
export class EntryIndex {
  /** A hash and an offset for each slot. The other methods name a slot by the index of its hash here. */
  readonly slots: Int32Array;
  /** Slots that lead to an entry. */
  entries = 0;
  private readonly words: Int32Array;
  /** Buckets in use. */
  private buckets = FIRST_BUCKETS;
  /** The smallest power of two that is at least {@link buckets}, less one. */
  private mask = FIRST_BUCKETS - 1;

  /**
   * @param slots - Two words for each slot, all zero; slots are a power of two, at least {@link FIRST_SLOTS}.
   * @param words - The arena, which has the entries.
   */
  constructor(slots: Int32Array, words: Int32Array) {
    this.slots = slots;
    this.words = words;
  }

  /** Octets of {@link slots} that are in use, from its start on. */
  get writtenOctets(): number {
    return 4 * BUCKET_WORDS * this.buckets;
  }

  /**
   * The first slot of a hash's bucket. If that bucket has not been added yet, it is the bucket from which it will be
   * split.
   */
  bucketOf(hash: number): number {
    const bucket = hash & this.mask;
    return (bucket < this.buckets ? bucket : bucket & (this.mask >>> 1)) * BUCKET_WORDS;
  }

  /** Adds a bucket if there are too few, and moves entries of the split bucket into it. */
  grow(): void {
    const { slots, buckets } = this;
    if (this.entries < BUCKET_LOAD * buckets || buckets * BUCKET_WORDS === slots.length) return;
    if (buckets > this.mask) this.mask = 2 * this.mask + 1;
    this.buckets++;
    const added = buckets * BUCKET_WORDS;
    const split = (buckets & (this.mask >>> 1)) * BUCKET_WORDS;
    for (let slot = 0; slot < BUCKET_WORDS; slot += 2) {
      const hash = slots[split + slot] ?? 0;
      const at = slots[split + slot + 1] ?? 0;
      // An empty slot has hash 0, which is of bucket 0.
      if ((hash & this.mask) !== buckets) continue;
      this.unlink(split + slot);
      this.link(at, added + slot, hash);
    }
  }

  /** Makes an empty slot lead to an entry. */
  link(at: number, slot: number, hash: number): void {
    this.slots[slot] = hash;
    this.slots[slot + 1] = at;
    this.words[(at >> 2) + FIELDS.live] = slot + 1;
    this.entries++;
  }

  /** Makes a slot lead to its entry at another place. */
  relink(at: number, slot: number): void {
    this.slots[slot + 1] = at;
    this.words[(at >> 2) + FIELDS.live] = slot + 1;
  }

  /** Empties a slot. */
  unlink(slot: number): void {
    this.slots[slot] = 0;
    this.slots[slot + 1] = 0;
    this.entries--;
  }
}
