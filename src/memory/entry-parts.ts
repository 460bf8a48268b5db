import type { Milliseconds } from '../clock.ts';
import type { Role } from './entry.ts';
import { EntryStore, type EntryStoreOptions } from './entry-store.ts';
import type { PlainQuery } from './plain-query.ts';

/**
 * Positive and negative entries apart, so that a flood of NXDOMAIN evicts no address (C3). For each role, a question
 * has an entry in one of them at most.
 */
export class EntryParts {
  readonly positive: EntryStore;
  readonly negative: EntryStore;
  /**
   * The part in which {@link find} or {@link findReply} last found an entry. A field, so that a hit allocates nothing.
   */
  found: EntryStore;

  constructor(octets: number, negativeOctets: number, options: EntryStoreOptions) {
    this.positive = new EntryStore(octets, options);
    this.negative = new EntryStore(negativeOctets, options);
    this.found = this.positive;
  }

  /** Octets that entries hold. */
  get used(): number {
    return this.positive.used + this.negative.used;
  }

  /** As {@link EntryStore.find}; the offset is one in {@link found}. */
  find(query: PlainQuery, role: Role): number {
    this.found = this.positive;
    const at = this.positive.find(query, role);
    if (at >= 0) return at;
    this.found = this.negative;
    return this.negative.find(query, role);
  }

  /** As {@link EntryStore.findReply}; the offset is one in {@link found}. */
  findReply(query: PlainQuery, now: Milliseconds, cutEpoch: number): number {
    this.found = this.positive;
    const at = this.positive.findReply(query, now, cutEpoch);
    if (at >= 0) return at;
    this.found = this.negative;
    return this.negative.findReply(query, now, cutEpoch);
  }

  /** As {@link findReply}, if the first slot of the positive part with the query's hash is known; -1 if there is none. */
  findReplyFrom(slot: number, query: PlainQuery, now: Milliseconds, cutEpoch: number): number {
    this.found = this.positive;
    const at = slot < 0 ? -1 : this.positive.findReplyFrom(slot, query, now, cutEpoch);
    if (at >= 0) return at;
    this.found = this.negative;
    return this.negative.findReply(query, now, cutEpoch);
  }

  /** The part for entries with data, or the part for entries without. */
  of(isPositive: boolean): EntryStore {
    return isPositive ? this.positive : this.negative;
  }

  delete(query: PlainQuery, role: Role): void {
    this.positive.delete(query, role);
    this.negative.delete(query, role);
  }

  /** Stops the repetition of replies to the query, and keeps the answers. */
  unready(query: PlainQuery): void {
    this.positive.unready(query);
    this.negative.unready(query);
  }
}
