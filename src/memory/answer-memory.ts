import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { canonicalName, type Name } from '../wire/name.ts';
import { ANSWER, FIELDS, type Life } from './entry.ts';
import { EntryParts } from './entry-parts.ts';
import type { EntryStore, Written } from './entry-store.ts';
import { keptOctets, messageOf, packedRecords, putRecords } from './kept-records.ts';
import { type Asked, PlainQuery } from './plain-query.ts';

export interface AnswerMemoryOptions {
  /** Memory for positive answers, the index included. */
  readonly octets: number;
  /** Memory for negative answers, the index included. */
  readonly negativeOctets: number;
  /** 32 random bits, so that no client can choose names that collide (HashDoS). */
  readonly seed: number;
  /** Called for each answer that was evicted while it was fresh. */
  readonly onLost?: () => void;
  /**
   * Whether V8 does not count this memory among what it has to collect. What it counts brings its next full collection
   * forward. What it does not count is given back no sooner than at the next one, whatever its size: only for a memory
   * that lives as long as the process.
   */
  readonly isUncounted?: boolean;
}

/**
 * All answers, each stored once: the stages read messages from it, and the listeners copy replies from it. It lies
 * outside V8's heap, in two parts of a fixed size, so that a flood of NXDOMAIN evicts no address (C1, C3).
 *
 * An entry is a message with the question that it answers before it, as on the wire. Once a client was given the
 * message, the entry is also a reply that may be repeated for some time ({@link Replies}).
 */
export class AnswerMemory {
  readonly parts: EntryParts;
  readonly seed: number;
  private readonly query: PlainQuery;

  constructor({ octets, negativeOctets, seed, ...options }: AnswerMemoryOptions) {
    this.parts = new EntryParts(octets, negativeOctets, options);
    this.seed = seed;
    this.query = new PlainQuery(seed);
  }

  /** Entries and octets of each part, for the gauges (C3). */
  get sizes(): Record<'positive' | 'negative', { entries: number; octets: number }> {
    const size = ({ entries, used }: EntryStore) => ({ entries, octets: used });
    const { positive, negative } = this.parts;
    return { positive: size(positive), negative: size(negative) };
  }

  /** The memory that answers have filled so far, and that stays where it is. */
  get written(): readonly Written[] {
    return [...this.parts.positive.written, ...this.parts.negative.written];
  }

  /** Upstream's answer to exactly this question, expired or not; not counted as a use. */
  find(asked: Asked): KnownAnswer | undefined {
    this.query.asked(asked);
    const at = this.parts.find(this.query, ANSWER);
    return at < 0 ? undefined : new KnownAnswer(this.parts.found, at);
  }

  /** Whether data of the type that was asked for is known and fresh at `now`. */
  hasFreshData(asked: Asked, now: Milliseconds): boolean {
    this.query.asked(asked);
    const { positive } = this.parts;
    const at = positive.find(this.query, ANSWER);
    if (at < 0) return false;
    const { storedAt, fresh } = positive.lifeOf(at);
    return now < storedAt + fresh;
  }

  /**
   * Keeps the answer of upstream in place of its earlier answer.
   *
   * @returns Whether there is room for it.
   */
  put(asked: Asked, message: Message, isPositive: boolean, life: Life): boolean {
    const { query, parts } = this;
    query.asked(asked);
    const part = parts.of(isPositive);
    parts.of(!isPositive).delete(query, ANSWER);
    const records = packedRecords(message, query.name);
    if (records === undefined) {
      part.delete(query, ANSWER);
      return false;
    }
    const at = part.insert(query, ANSWER, keptOctets(records), life, life.storedAt);
    if (at >= 0) putRecords(part, at, records, message);
    return at >= 0;
  }

  delete(asked: Asked): void {
    this.query.asked(asked);
    this.parts.delete(this.query, ANSWER);
  }

  /**
   * Copies upstream's answers for the names that `keeps` accepts. Their replies are not copied: clients must be given
   * them anew.
   */
  adopt(other: AnswerMemory, keeps: (qname: Name) => boolean, now: Milliseconds): void {
    const query = new PlainQuery(this.seed);
    for (const part of ['positive', 'negative'] as const) {
      const from = other.parts[part];
      from.forEach((at) => {
        if (from.roleOf(at) !== ANSWER) return;
        if (!keeps(canonicalName(from.octets, at + 4 * FIELDS.key))) return;
        this.parts[part].copy(from, at, query, now);
      });
    }
  }
}

/** An answer in the memory. It must be read before anything else is stored there. */
export class KnownAnswer {
  private readonly store: EntryStore;
  private readonly at: number;

  constructor(store: EntryStore, at: number) {
    this.store = store;
    this.at = at;
  }

  get life(): Life {
    return this.store.lifeOf(this.at);
  }

  get message(): Message {
    return messageOf(this.store, this.at);
  }

  /** Counts a use: used entries are evicted later. */
  use(): void {
    this.store.use(this.at);
  }
}
