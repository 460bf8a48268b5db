import type { Milliseconds } from '../clock.ts';
import {
  ANSWER,
  FIELDS,
  KEY_WORDS,
  KIND,
  type Life,
  MADE,
  ROLE,
  type Role,
  TAIL,
  USES,
} from './entry.ts';
import { BUCKET_WORDS, EntryIndex, FIRST_SLOTS, type Lookups } from './entry-index.ts';
import { EntryRing } from './entry-ring.ts';
import type { PlainQuery } from './plain-query.ts';

/**
 * One slot of the index for this many octets, or fewer. Entries have about 110 octets (a name of 30 octets with two
 * addresses), so that buckets are half full.
 */
const OCTETS_PER_SLOT = 64;
/** Octets per slot: eight, and four for a ghost at every other slot. */
const SLOT_OCTETS = 10;
/** S3-FIFO §5: the share of the small queue, which evicts entries that are not asked for again. */
const SMALL_SHARE = 0.1;
/** S3-FIFO §4.1: two bits of use are enough. */
const MAX_USES = 3;
/** How many entries one insertion may move before it evicts whatever is in the way: this bounds its time. */
const MAX_MOVES = 64;
/** The longest span that a word holds: seven weeks. */
const MAX_SPAN: Milliseconds = 0xffffffff;
/** A message of 64 KiB, its name, and the offsets of its TTLs. */
const LARGEST_ENTRY = 72 * 1024;

export interface EntryStoreOptions {
  /** As in `AnswerMemoryOptions`. */
  readonly isUncounted?: boolean;
  /** Called for each answer that was evicted while it was fresh. */
  readonly onLost?: () => void;
}

/** A buffer whose first octets have been written throughout, and are resident. */
export interface Written {
  readonly buffer: ArrayBufferLike;
  readonly octets: number;
}

/**
 * Entries by question in one arena of a fixed number of octets, found without allocation and evicted as in S3-FIFO.
 * Every entry begins in a small queue, and moves to the main queue if it is asked for again, so that many names that
 * are asked for once do not evict the names in use. The hashes of evicted entries are remembered; an entry that returns
 * goes to the main queue.
 *
 * @see "FIFO queues are all you need for cache eviction", SOSP 2023
 */
export class EntryStore {
  /** The arena; offsets of entries count its octets. */
  readonly octets: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** Where the main queue's region begins. */
  private readonly border: number;
  private readonly small: EntryRing;
  private readonly main: EntryRing;
  private readonly index: EntryIndex;
  /** Hashes of evicted entries, each at an index that follows from the hash; a later one overwrites it. */
  private readonly ghosts: Int32Array;
  private readonly largest: number;
  private readonly onLost: () => void;

  /**
   * @param size - Octets for entries, index and ghosts together, at most 2 GiB.
   */
  constructor(
    size: number,
    { isUncounted = false, onLost = () => undefined }: EntryStoreOptions = {},
  ) {
    // What threads could share is all that V8 does not count.
    const Octets = isUncounted ? SharedArrayBuffer : ArrayBuffer;
    const slots = Math.max(FIRST_SLOTS, powerOfTwo(size / OCTETS_PER_SLOT));
    this.ghosts = new Int32Array(new Octets(2 * slots));
    const arena = new Octets(roundDown(Math.max(0, size - slots * SLOT_OCTETS)));
    this.octets = new Uint8Array(arena);
    this.words = new Int32Array(arena);
    this.index = new EntryIndex(new Int32Array(new Octets(8 * slots)), this.words);
    this.doubles = new Float64Array(arena);
    // The small region has room for two of the largest entries: with less, one might not fit between a smaller entry
    // and the region's end, and would push that entry out.
    this.largest = Math.min(LARGEST_ENTRY, arena.byteLength / 16);
    this.border = roundDown(Math.max(arena.byteLength * SMALL_SHARE, 2 * this.largest));
    this.small = new EntryRing(this.words, 0, this.border);
    this.main = new EntryRing(this.words, this.border, arena.byteLength);
    this.onLost = onLost;
  }

  get entries(): number {
    return this.index.entries;
  }

  /** Octets that entries hold. Index and ghosts have about a sixth of the whole size in addition. */
  get used(): number {
    return this.small.octets + this.main.octets;
  }

  /** Octets allocated: arena, index and ghosts. */
  get taken(): number {
    return this.octets.byteLength + this.index.slots.byteLength + this.ghosts.byteLength;
  }

  /** The memory that entries and index have filled so far. */
  get written(): readonly Written[] {
    const { small, main, border, index } = this;
    // The small queue has filled its region before entries move to the main queue, but for a few.
    const octets = small.writtenTo === border ? main.writtenTo : small.writtenTo;
    return [
      { buffer: this.octets.buffer, octets },
      { buffer: index.slots.buffer, octets: index.writtenOctets },
    ];
  }

  /** The offset of the query's entry with this role, expired or not; -1 if there is none. */
  find(query: PlainQuery, role: Role): number {
    const { octets } = this;
    const { slots } = this.index;
    const { hash } = query;
    const first = this.index.bucketOf(hash);
    for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {
      if (slots[slot] !== hash) continue;
      const at = slots[slot + 1] ?? 0;
      if (this.holds(at, slot, query) && octets[at + ROLE] === role) return at;
    }
    return -1;
  }

  /** As {@link EntryIndex.fetch}. */
  fetch(lookups: Lookups): void {
    this.index.fetch(lookups);
  }

  /** The offset of the entry whose reply may be given to the query at `now`, counted as used; -1 if there is none. */
  findReply(query: PlainQuery, now: Milliseconds, cutEpoch: number): number {
    return this.findReplyFrom(this.index.bucketOf(query.hash), query, now, cutEpoch);
  }

  /** As {@link findReply}, if it is known that no slot of the bucket before `from` has the query's hash. */
  findReplyFrom(from: number, query: PlainQuery, now: Milliseconds, cutEpoch: number): number {
    const { slots } = this.index;
    const { hash } = query;
    const end = (from | (BUCKET_WORDS - 1)) + 1;
    for (let slot = from; slot < end; slot += 2) {
      if (slots[slot] !== hash) continue;
      const at = slots[slot + 1] ?? 0;
      if (!this.holds(at, slot, query) || !this.isReady(at, now, cutEpoch)) continue;
      this.use(at);
      return at;
    }
    return -1;
  }

  /** Counts one more use of the entry: used entries are evicted later. */
  use(at: number): void {
    const uses = this.octets[at + USES] ?? 0;
    if (uses < MAX_USES) this.octets[at + USES] = uses + 1;
  }

  lifeOf(at: number): Life {
    const { words } = this;
    const tail = this.tailOf(at);
    return {
      storedAt: this.doubles[((at >> 2) + FIELDS.storedAt) >> 1] ?? 0,
      fresh: (words[tail + TAIL.fresh] ?? 0) >>> 0,
      alone: (words[tail + TAIL.alone] ?? 0) >>> 0,
      stale: (words[tail + TAIL.stale] ?? 0) >>> 0,
    };
  }

  /** The offset of the octets that the owner keeps, after the key. */
  keptAt(at: number): number {
    return at + 4 * (FIELDS.key + (this.octets[at + KEY_WORDS] ?? 0));
  }

  /**
   * Lets an entry's reply be sent from now on, until `repeat` milliseconds after its `storedAt`.
   *
   * @param cutEpoch - The epoch of the cut that it depends on; 0 if it depends on none.
   */
  ready(at: number, repeat: Milliseconds, kind: number, cutEpoch: number): void {
    const word = at >> 2;
    this.octets[at + KIND] = kind;
    this.words[word + FIELDS.repeat] = Math.max(0, Math.min(Math.floor(repeat), MAX_SPAN));
    this.words[word + FIELDS.cutEpoch] = cutEpoch;
  }

  /** The stored answer stays, but a client's query no longer gets it without going through the stages. */
  unready(query: PlainQuery): void {
    const at = this.find(query, ANSWER);
    if (at >= 0) this.words[(at >> 2) + FIELDS.repeat] = 0;
  }

  /**
   * Makes an entry for the query. An existing one of that role is removed in any case.
   *
   * @param kept - How many octets the owner keeps after the key.
   * @returns The offset of the entry, whose fields and octets the owner writes; -1 if it is too large.
   */
  insert(query: PlainQuery, role: Role, kept: number, life: Life, now: Milliseconds): number {
    const place = this.find(query, role);
    if (place >= 0) this.kill(place);
    const size = roundUp(4 * (FIELDS.key + query.wordCount + TAIL.words) + kept);
    if (size > this.largest) return -1;
    const returns = this.ghosts[query.hash & (this.ghosts.length - 1)] === query.hash;
    const queue = returns || place >= this.border ? this.main : this.small;
    const at = this.makeRoom(queue, size, now, { left: MAX_MOVES });
    const word = at >> 2;
    this.words[word + FIELDS.octets] = 0;
    this.octets[at + KEY_WORDS] = query.wordCount;
    this.octets[at + ROLE] = role;
    this.words[word + FIELDS.repeat] = 0;
    this.words[word + FIELDS.cutEpoch] = 0;
    for (let i = 0; i < query.wordCount; i++) {
      this.words[word + FIELDS.key + i] = query.words[i] ?? 0;
    }
    this.doubles[(word + FIELDS.storedAt) >> 1] = life.storedAt;
    const tail = this.tailOf(at);
    this.words[tail + TAIL.fresh] = Math.min(life.fresh, MAX_SPAN);
    this.words[tail + TAIL.alone] = Math.min(life.alone, MAX_SPAN);
    this.words[tail + TAIL.stale] = Math.min(life.stale, MAX_SPAN);
    this.index.grow();
    this.index.link(at, this.freeSlot(query.hash, now), query.hash);
    return at;
  }

  /**
   * Copies an entry of another store, with its number of uses, but not its reply.
   *
   * @param query - The reader whose key is overwritten with that of the entry.
   */
  copy(other: EntryStore, from: number, query: PlainQuery, now: Milliseconds): void {
    query.load(other.words, (from >> 2) + FIELDS.key, other.octets[from + KEY_WORDS] ?? 0);
    const keptAt = other.keptAt(from);
    const end = 4 * other.tailOf(from);
    const at = this.insert(query, other.roleOf(from), end - keptAt, other.lifeOf(from), now);
    if (at < 0) return;
    this.octets[at + USES] = other.octets[from + USES] ?? 0;
    for (let field = FIELDS.flagsBody; field <= FIELDS.additionalTtls; field++) {
      this.words[(at >> 2) + field] = other.words[(from >> 2) + field] ?? 0;
    }
    this.octets.set(other.octets.subarray(keptAt, end), this.keptAt(at));
  }

  roleOf(at: number): Role {
    return this.octets[at + ROLE] === ANSWER ? ANSWER : MADE;
  }

  /** Removes the query's entry with this role. */
  delete(query: PlainQuery, role: Role): void {
    const at = this.find(query, role);
    if (at >= 0) this.kill(at);
  }

  /** Calls `tell` with each entry: the small queue before the main one, and in each the oldest first. */
  forEach(tell: (at: number) => void): void {
    const live = (at: number): void => {
      if (this.words[(at >> 2) + FIELDS.live] !== 0) tell(at);
    };
    this.small.forEach(live);
    this.main.forEach(live);
  }

  /** Whether the live entry at `at` belongs to `slot` and has the query's key. */
  private holds(at: number, slot: number, query: PlainQuery): boolean {
    const { words } = this;
    const { wordCount } = query;
    const word = at >> 2;
    // An empty slot is all zeros, and would otherwise seem to hold the entry at offset 0.
    if (words[word + FIELDS.live] !== slot + 1) return false;
    if (this.octets[at + KEY_WORDS] !== wordCount) return false;
    const key = query.words;
    const keyAt = word + FIELDS.key;
    for (let i = 0; i < wordCount; i++) if (words[keyAt + i] !== key[i]) return false;
    return true;
  }

  private isReady(at: number, now: Milliseconds, cutEpoch: number): boolean {
    const word = at >> 2;
    const repeat = (this.words[word + FIELDS.repeat] ?? 0) >>> 0;
    if (now >= (this.doubles[(word + FIELDS.storedAt) >> 1] ?? 0) + repeat) return false;
    const epoch = this.words[word + FIELDS.cutEpoch] ?? 0;
    return repeat > 0 && (epoch === 0 || epoch === cutEpoch);
  }

  private tailOf(at: number): number {
    return ((at + (this.words[(at >> 2) + FIELDS.size] ?? 0)) >> 2) - TAIL.words;
  }

  /** Whether the entry is of no use any more, not even as a stale answer for a silent upstream. */
  private isOver(at: number, now: Milliseconds): boolean {
    const { storedAt, fresh, stale } = this.lifeOf(at);
    return now >= storedAt + fresh + stale;
  }

  /** A slot in the bucket of `hash`: an empty one, else that of the entry that is worth least. */
  private freeSlot(hash: number, now: Milliseconds): number {
    const { slots } = this.index;
    const first = this.index.bucketOf(hash);
    let least = first;
    let leastWorth = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {
      const at = slots[slot + 1] ?? 0;
      if (this.words[(at >> 2) + FIELDS.live] !== slot + 1) return slot;
      const worth = this.worthOf(at, now);
      if (worth < leastWorth) {
        least = slot;
        leastWorth = worth;
      }
    }
    this.evict(slots[least + 1] ?? 0, now);
    return least;
  }

  /** Expired entries are worth least, those of the main queue most; within a queue each use counts. */
  private worthOf(at: number, now: Milliseconds): number {
    if (this.isOver(at, now)) return -1;
    return (this.octets[at + USES] ?? 0) + (at >= this.border ? MAX_USES + 1 : 0);
  }

  /**
   * Makes room at the end of a queue: its oldest entries are evicted, or moved to the end of the main queue if they
   * were used.
   */
  private makeRoom(
    queue: EntryRing,
    size: number,
    now: Milliseconds,
    moves: { left: number },
  ): number {
    for (;;) {
      const at = queue.append(size);
      if (at >= 0) return at;
      const oldest = queue.shift();
      if (this.words[(oldest >> 2) + FIELDS.live] === 0) continue;
      if (moves.left > 0 && this.stays(oldest, size, now)) this.move(oldest, now, moves);
      else this.evict(oldest, now);
    }
  }

  /** Whether the oldest entry of a queue should move to the main queue. */
  private stays(at: number, size: number, now: Milliseconds): boolean {
    if (this.isOver(at, now)) return false;
    // While there is room for all, an entry stays even if it was not asked for again.
    return (this.octets[at + USES] ?? 0) > 0 || (at < this.border && this.main.hasRoom(size));
  }

  /** Moves an entry that has been taken off its queue to the end of the main one. */
  private move(from: number, now: Milliseconds, moves: { left: number }): void {
    moves.left--;
    const word = from >> 2;
    const size = this.words[word + FIELDS.size] ?? 0;
    const slot = (this.words[word + FIELDS.live] ?? 0) - 1;
    const wasMain = from >= this.border;
    // An entry that was just taken off the main queue always fits at its end.
    const to = wasMain ? this.main.append(size) : this.makeRoom(this.main, size, now, moves);
    // The octets are still at `from`. Where `to` is the same place, the append has overwritten the entry's size and its
    // live word: the size is written again here, the live word by the index.
    this.octets.copyWithin(to, from, from + size);
    this.words[(to >> 2) + FIELDS.size] = size;
    if (wasMain) this.octets[to + USES] = (this.octets[to + USES] ?? 1) - 1;
    this.index.relink(to, slot);
  }

  private kill(at: number): void {
    const word = at >> 2;
    this.index.unlink((this.words[word + FIELDS.live] ?? 0) - 1);
    this.words[word + FIELDS.live] = 0;
  }

  /** Removes an entry to make room, and remembers its hash. */
  private evict(at: number, now: Milliseconds): void {
    const slot = (this.words[(at >> 2) + FIELDS.live] ?? 0) - 1;
    const hash = this.index.slots[slot] ?? 0;
    this.ghosts[hash & (this.ghosts.length - 1)] = hash;
    const { storedAt, fresh } = this.lifeOf(at);
    if (this.octets[at + ROLE] === ANSWER && now < storedAt + fresh) this.onLost();
    this.kill(at);
  }
}

function roundUp(octets: number): number {
  return Math.ceil(octets / 8) * 8;
}

function roundDown(octets: number): number {
  return Math.floor(octets / 8) * 8;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}
