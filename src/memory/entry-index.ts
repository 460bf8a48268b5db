import { FIELDS, TAIL } from './entry.ts';

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
  /** What {@link fetch} read last, of no meaning. */
  private fetched = 0;

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

  /**
   * Looks up many hashes, and has the processor fetch the entries to which they lead.
   *
   * Each loop is as short as possible: only then are the reads of many rounds under way at once.
   */
  fetch(lookups: Lookups): void {
    this.findBuckets(lookups);
    // Reads without a use would be optimized away.
    this.fetched = this.fetchBuckets(lookups);
    this.findSlots(lookups);
    this.fetched ^= this.fetchEntries(lookups);
    this.fetched ^= this.fetchRest(lookups);
  }

  private findBuckets({ hashes, slots, count }: Lookups): void {
    for (let i = 0; i < count; i++) slots[i] = this.bucketOf(hashes[i] ?? 0);
  }

  private fetchBuckets({ slots: first, count }: Lookups): number {
    const { slots } = this;
    let sum = 0;
    for (let i = 0; i < count; i++) sum ^= slots[first[i] ?? 0] ?? 0;
    return sum;
  }

  /** Replaces the first slot of each bucket by the first one with the hash. */
  private findSlots({ hashes, slots: found, words, count }: Lookups): void {
    const { slots } = this;
    for (let i = 0; i < count; i++) {
      const slot = this.slotIn(found[i] ?? 0, hashes[i] ?? 0);
      found[i] = slot;
      // For a missing entry the arena's start is read in vain.
      words[i] = slot < 0 ? 0 : (slots[slot + 1] ?? 0) >> 2;
    }
  }

  /** The first slot with this hash in the bucket that begins at `first`; -1 if there is none. */
  private slotIn(first: number, hash: number): number {
    const { slots } = this;
    // In which slot it is depends on chance alone: the processor would guess the way of a branch wrong half of the time.
    const notFirst = differ(slots[first] ?? 0, hash);
    const notSecond = notFirst & differ(slots[first + 2] ?? 0, hash);
    const end = first + BUCKET_WORDS;
    let slot = first + 2 * (notFirst + notSecond);
    while (slot < end && slots[slot] !== hash) slot += 2;
    return slot < end ? slot : -1;
  }

  /** Reads the first cache line of each entry, and mostly the second: no entry has fewer than 16 words. */
  private fetchEntries({ words: entries, count }: Lookups): number {
    const { words } = this;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const word = entries[i] ?? 0;
      sum ^= (words[word] ?? 0) ^ (words[word + 15] ?? 0);
    }
    return sum;
  }

  /** Reads the end of what a hit reads. Of a long entry, the processor itself fetches what is between. */
  private fetchRest({ words: entries, count }: Lookups): number {
    const { words } = this;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const word = entries[i] ?? 0;
      const size = (words[word + FIELDS.size] ?? 0) >> 2;
      sum ^= words[word + size - TAIL.words - 1] ?? 0;
    }
    return sum;
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

/** Hashes that {@link EntryIndex.fetch} looks up together. */
export class Lookups {
  readonly hashes: Int32Array;
  /** For each hash, the first slot that has it; -1 if there is none. */
  readonly slots: Int32Array;
  /** The word at which the entry of that slot begins. */
  readonly words: Int32Array;
  /** How many there are. */
  count = 0;

  /** @param size - The most that there may be. */
  constructor(size: number) {
    this.hashes = new Int32Array(size);
    this.slots = new Int32Array(size);
    this.words = new Int32Array(size);
  }
}

/** 0 for equal words, else 1; without a branch. */
function differ(one: number, other: number): number {
  const bits = one ^ other;
  return (bits | -bits) >>> 31;
}
