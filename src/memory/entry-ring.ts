/** Words at the start of each entry that the ring and its owner share; the rest is the owner's. */
export const RING_WORDS = { size: 0, live: 1 } as const;

/**
 * A queue of entries of different sizes in one region of an arena, oldest first. Its memory is bounded exactly, never
 * fragments, and is touched only as far as it was ever used.
 *
 * Each entry begins with its size in octets (a multiple of 8) and a word that is 0 once the entry is dead. Its owner
 * may set that word at any time; the room is free again when the entry has become the oldest.
 */
export class EntryRing {
  private readonly words: Int32Array;
  private readonly start: number;
  private readonly end: number;
  /** The offset of the next entry, and that of the oldest. */
  private head: number;
  private tail: number;
  private used = 0;
  /** The end of what has ever been written. */
  private reached: number;

  /**
   * @param start - First octet of the region in the arena that `words` covers; `start` and `end` are multiples of 8.
   */
  constructor(words: Int32Array, start: number, end: number) {
    this.words = words;
    this.start = start;
    this.end = end;
    this.head = start;
    this.tail = start;
    this.reached = start;
  }

  /**
   * Where what was never written begins, from the region's start on; its end if there is none. After the first round
   * the last octets of the region may be unwritten, where an entry did not fit.
   */
  get writtenTo(): number {
    return this.reached;
  }

  /** Octets that entries hold, dead ones included. */
  get octets(): number {
    return this.used;
  }

  /**
   * Reserves `size` octets after the youngest entry, writes the size there, and marks the entry as dead.
   *
   * @returns The offset of the entry; -1 if the oldest entries must be removed first.
   */
  append(size: number): number {
    let needed = size;
    const rest = this.end - this.head;
    // An entry is never split: what is left at the end of the region becomes a dead one.
    if (size > rest) needed += rest;
    if (needed > this.end - this.start - this.used) return -1;
    if (size > rest) {
      this.reached = this.end;
      this.mark(this.head, rest);
      this.head = this.start;
    }
    const at = this.head;
    this.mark(at, size);
    this.reached = Math.max(this.reached, at + size);
    this.head = this.behind(at);
    this.used += needed;
    return at;
  }

  /** Whether there is certainly room for `size` octets, wherever the end of the region is. */
  hasRoom(size: number): boolean {
    return 2 * size <= this.end - this.start - this.used;
  }

  /**
   * Removes the oldest entry.
   * @returns Its offset, where its octets stay until the next append; -1 if there is none.
   */
  shift(): number {
    if (this.used === 0) return -1;
    const at = this.tail;
    this.tail = this.behind(at);
    this.used -= this.sizeAt(at);
    if (this.used === 0) this.clear();
    return at;
  }

  /** Calls `tell` with each entry, oldest first, dead ones included. */
  forEach(tell: (at: number) => void): void {
    let at = this.tail;
    for (let left = this.used; left > 0; ) {
      tell(at);
      left -= this.sizeAt(at);
      at = this.behind(at);
    }
  }

  clear(): void {
    this.head = this.start;
    this.tail = this.start;
    this.used = 0;
  }

  private sizeAt(at: number): number {
    return this.words[(at >> 2) + RING_WORDS.size] ?? 0;
  }

  /** The offset after this entry, where the next one is or will be. */
  private behind(at: number): number {
    const end = at + this.sizeAt(at);
    return end === this.end ? this.start : end;
  }

  private mark(at: number, size: number): void {
    this.words[(at >> 2) + RING_WORDS.size] = size;
    this.words[(at >> 2) + RING_WORDS.live] = 0;
  }
}
