import type { Milliseconds } from '../clock.ts';
import type { Role } from './entry.ts';
import { EntryStore } from './entry-store.ts';
import type { PlainQuery } from './plain-query.ts';

/**
 * Positive and negative entries, apart, so that a flood of NXDOMAIN evicts no address (C3). A question has an entry of
 * one role in one of them at most.
 */
export class EntryParts {
  readonly positive: EntryStore;
  readonly negative: EntryStore;
  /** The part that {@link find} or {@link findReply} last found an entry in: a hit allocates nothing. */
  found: EntryStore;

  constructor(octets: number, negativeOctets: number, onLost?: () => void) {
    this.positive = new EntryStore(octets, onLost);
    this.negative = new EntryStore(negativeOctets, onLost);
    this.found = this.positive;
  }

  /** As {@link EntryStore.find}; the place is one in {@link found}. */
  find(query: PlainQuery, role: Role): number {
    this.found = this.positive;
    const at = this.positive.find(query, role);
    if (at >= 0) return at;
    this.found = this.negative;
    return this.negative.find(query, role);
  }

  /** As {@link EntryStore.findReply}; the place is one in {@link found}. */
  findReply(query: PlainQuery, now: Milliseconds, cutEpoch: number): number {
    this.found = this.positive;
    const at = this.positive.findReply(query, now, cutEpoch);
    if (at >= 0) return at;
    this.found = this.negative;
    return this.negative.findReply(query, now, cutEpoch);
  }

  /** Where an entry belongs that is data, or is none. */
  of(isPositive: boolean): EntryStore {
    return isPositive ? this.positive : this.negative;
  }

  delete(query: PlainQuery, role: Role): void {
    this.positive.delete(query, role);
    this.negative.delete(query, role);
  }

  /** Ends what may be repeated for the query, and keeps the answers. */
  unready(query: PlainQuery): void {
    this.positive.unready(query);
    this.negative.unready(query);
  }
}
