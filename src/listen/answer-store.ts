import { AnswerRing, RING_WORDS } from './answer-ring.ts';
import type { PlainQuery } from './plain-query.ts';

/** Where an entry's fields stand, in 32-bit words from its start; those of the ring come first. */
const { live: LIVE, size: SIZE } = RING_WORDS;
const HASH = 2;
const KEY_WORDS = 3;
/** How often it was found, up to {@link MAX_USES}: written on a hit, so it stands beside what a hit reads. */
const USES = 4;
/** Until when it lives: a double of two words, in milliseconds of the owner's clock. */
const UNTIL = 6;
/** Eight words for the owner; the first two may hold a double. */
export const OWN_WORDS = 8;
/** The key, and behind it what the owner keeps. */
export const KEY = 16;

/** A bucket is one cache line: eight entries, each a hash and where it stands. */
const BUCKET_ENTRIES = 8;
const BUCKET_WORDS = 2 * BUCKET_ENTRIES;
/** Entries are about this large (a name of 30 octets with two addresses), so that buckets are half full. */
const TYPICAL_OCTETS = 128;
/** S3-FIFO §5: the share of the small queue; what nobody asks for again goes no further. */
const SMALL_SHARE = 0.1;
/** S3-FIFO §4.1: two bits of use are enough. */
const MAX_USES = 3;
/** How many entries one insertion may move before it takes room regardless: what bounds the time that it takes. */
const MAX_MOVES = 64;

/**
 * Entries by question in one arena of a fixed number of octets, found without allocation, with the eviction of S3-FIFO:
 * a small queue that everything enters and a main one for what was asked again, so that a scan of names that nobody
 * asks twice passes by those in use. Evicted names are remembered by hash; one that comes back enters the main queue.
 *
 * @see "FIFO queues are all you need for cache eviction", SOSP 2023
 */
export class AnswerStore {
  /** The arena; {@link find} and {@link insert} return places in it, in octets. */
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** Where the main queue's region begins. */
  private readonly border: number;
  private readonly small: AnswerRing;
  private readonly main: AnswerRing;
  private readonly index: Int32Array;
  private readonly bucketMask: number;
  /** Hashes of evicted entries, each at its own place, overwritten by the next that falls there. */
  private readonly ghosts: Int32Array;
  private readonly largest: number;
  entries = 0;
  evictions = 0;

  /**
   * @param size - Octets for entries, less than 2 GiB; the index takes an eighth of that beside it.
   * @param largest - The largest entry that {@link insert} is asked for.
   */
  constructor(size: number, largest: number) {
    const arena = new ArrayBuffer(roundUp(size));
    this.octets = new Uint8Array(arena);
    this.words = new Int32Array(arena);
    this.doubles = new Float64Array(arena);
    // A queue has to hold a few of the largest.
    this.border = roundUp(Math.max(size * SMALL_SHARE, 4 * largest));
    this.small = new AnswerRing(this.words, 0, this.border);
    this.main = new AnswerRing(this.words, this.border, arena.byteLength);
    const slots = powerOfTwo((2 * size) / TYPICAL_OCTETS);
    this.index = new Int32Array(2 * Math.max(slots, BUCKET_ENTRIES));
    this.bucketMask = this.index.length / BUCKET_WORDS - 1;
    this.ghosts = new Int32Array(Math.max(slots / 2, 1));
    this.largest = largest;
  }

  /** Octets that entries hold. */
  get used(): number {
    return this.small.octets + this.main.octets;
  }

  /** Where the entry for `query` stands that lives at `now`, counted as used; -1 where there is none. */
  find(query: PlainQuery, now: number): number {
    const slot = this.slotOf(query);
    if (slot < 0) return -1;
    const at = this.index[slot + 1] ?? 0;
    const word = at >> 2;
    if (now >= (this.doubles[(word + UNTIL) >> 1] ?? 0)) return -1;
    const uses = this.words[word + USES] ?? 0;
    if (uses < MAX_USES) this.words[word + USES] = uses + 1;
    return at;
  }

  /**
   * Makes an entry for `query`, in place of the one that is there, which is gone in any case.
   *
   * @param octets - What the owner keeps behind the key.
   * @returns Where it stands, for the owner to write its words and octets; -1 where it is too large.
   */
  insert(query: PlainQuery, octets: number, until: number, now: number): number {
    const old = this.slotOf(query);
    const place = old < 0 ? -1 : (this.index[old + 1] ?? 0);
    if (place >= 0) this.kill(place);
    const size = roundUp(4 * (KEY + query.wordCount) + octets);
    if (size > this.largest) return -1;
    const returns = this.ghosts[query.hash & (this.ghosts.length - 1)] === query.hash;
    const queue = returns || place >= this.border ? this.main : this.small;
    const at = this.makeRoom(queue, size, now, { left: MAX_MOVES });
    const word = at >> 2;
    this.words[word + HASH] = query.hash;
    this.words[word + KEY_WORDS] = query.wordCount;
    this.words[word + USES] = 0;
    this.doubles[(word + UNTIL) >> 1] = until;
    this.words.set(query.words.subarray(0, query.wordCount), word + KEY);
    this.link(at, this.freeSlot(query.hash, now));
    return at;
  }

  /** Forgets the entry for `query`. */
  delete(query: PlainQuery): void {
    const slot = this.slotOf(query);
    if (slot >= 0) this.kill(this.index[slot + 1] ?? 0);
  }

  clear(): void {
    this.index.fill(0);
    this.small.clear();
    this.main.clear();
    this.entries = 0;
  }

  /** Where in the index the entry stands whose key is the query's, alive or not; -1 where there is none. */
  private slotOf(query: PlainQuery): number {
    const { index } = this;
    const { hash } = query;
    const first = (hash & this.bucketMask) * BUCKET_WORDS;
    for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {
      if (index[slot] === hash && this.holds(index[slot + 1] ?? 0, slot, query)) return slot;
    }
    return -1;
  }

  /** Whether the live entry at `at` belongs to `slot` and has the query's key. */
  private holds(at: number, slot: number, query: PlainQuery): boolean {
    const { words } = this;
    const { wordCount } = query;
    const word = at >> 2;
    // An empty slot is all zeros, and would otherwise seem to mean the entry that stands first.
    if (words[word + LIVE] !== slot + 1 || words[word + KEY_WORDS] !== wordCount) return false;
    const key = query.words;
    for (let i = 0; i < wordCount; i++) if (words[word + KEY + i] !== key[i]) return false;
    return true;
  }

  /** A slot in the bucket of `hash`: an empty one, else that of the entry least worth keeping. */
  private freeSlot(hash: number, now: number): number {
    const first = (hash & this.bucketMask) * BUCKET_WORDS;
    let least = first;
    let leastWorth = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {
      const at = this.index[slot + 1] ?? 0;
      if (this.words[(at >> 2) + LIVE] !== slot + 1) return slot;
      const worth = this.worthOf(at, now);
      if (worth < leastWorth) {
        least = slot;
        leastWorth = worth;
      }
    }
    this.evict(this.index[least + 1] ?? 0);
    return least;
  }

  /** The dead first, then the small queue before the main one, then by use. */
  private worthOf(at: number, now: number): number {
    const word = at >> 2;
    if (now >= (this.doubles[(word + UNTIL) >> 1] ?? 0)) return -1;
    return (this.words[word + USES] ?? 0) + (at >= this.border ? MAX_USES + 1 : 0);
  }

  /** Room at the end of a queue: the oldest go, or move to the end of the main one where they were used. */
  private makeRoom(queue: AnswerRing, size: number, now: number, moves: { left: number }): number {
    for (;;) {
      const at = queue.append(size);
      if (at >= 0) return at;
      const oldest = queue.shift();
      if (this.words[(oldest >> 2) + LIVE] === 0) continue;
      if (moves.left > 0 && this.stays(oldest, size, now)) this.move(oldest, now, moves);
      else this.evict(oldest);
    }
  }

  /** Whether the oldest of its queue is worth a place in the main one. */
  private stays(at: number, size: number, now: number): boolean {
    const word = at >> 2;
    if (now >= (this.doubles[(word + UNTIL) >> 1] ?? 0)) return false;
    // As long as there is room for all, nobody has to be asked twice to stay.
    return (this.words[word + USES] ?? 0) > 0 || (at < this.border && this.main.hasRoom(size));
  }

  /** Moves an entry that has been taken off its queue to the end of the main one. */
  private move(from: number, now: number, moves: { left: number }): void {
    moves.left--;
    const word = from >> 2;
    const size = this.words[word + SIZE] ?? 0;
    const slot = (this.words[word + LIVE] ?? 0) - 1;
    const wasMain = from >= this.border;
    const to = wasMain ? this.main.append(size) : this.makeRoom(this.main, size, now, moves);
    // Where the region's end is in the way there may be no room yet: rare, and such an entry may go.
    if (to < 0) {
      this.unlink(slot);
      return;
    }
    // What the append wrote lies outside the entry, or over the words that are written again here.
    this.octets.copyWithin(to, from, from + size);
    this.words[(to >> 2) + SIZE] = size;
    if (wasMain) this.words[(to >> 2) + USES] = (this.words[(to >> 2) + USES] ?? 1) - 1;
    this.entries--;
    this.link(to, slot);
  }

  private link(at: number, slot: number): void {
    this.index[slot] = this.words[(at >> 2) + HASH] ?? 0;
    this.index[slot + 1] = at;
    this.words[(at >> 2) + LIVE] = slot + 1;
    this.entries++;
  }

  private unlink(slot: number): void {
    this.index[slot] = 0;
    this.index[slot + 1] = 0;
    this.entries--;
  }

  private kill(at: number): void {
    const word = at >> 2;
    this.unlink((this.words[word + LIVE] ?? 0) - 1);
    this.words[word + LIVE] = 0;
  }

  /** Ends an entry for want of room, and remembers that it was there. */
  private evict(at: number): void {
    const hash = this.words[(at >> 2) + HASH] ?? 0;
    this.ghosts[hash & (this.ghosts.length - 1)] = hash;
    this.kill(at);
    this.evictions++;
  }
}

function roundUp(octets: number): number {
  return Math.ceil(octets / 8) * 8;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}
