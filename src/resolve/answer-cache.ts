import { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Seconds } from '../wire/record.ts';
import { negativeProof } from '../wire/soa.ts';
import { type Answer, type Query, queryKey, type Stage } from './stage.ts';
import { chainOf, verdictOf } from './verdict.ts';

/** What the cache counts; an entry's octets are an estimate of what it holds on the heap. */
export interface CacheTallies {
  readonly hits: { add(): void };
  readonly misses: { add(): void };
  readonly evictions: { add(): void };
}

interface Entry {
  readonly message: Message;
  readonly storedAt: Milliseconds;
  readonly freshUntil: Milliseconds;
  readonly octets: number;
}

/** N4: how long what speculation brought waits for its walk: a libc walks five steps over the loopback in a few ms. */
const HOLD: Milliseconds = 2_000;

/** A V8 object with its Map and list entries, measured at about this many octets beside the records' own. */
const ENTRY_OCTETS = 400;
/** The same for a record: the object and two typed arrays. */
const RECORD_OCTETS = 300;

/**
 * Whole messages by question, bounded in octets; negative answers have a part of their own, so that a flood of NXDOMAIN
 * evicts no address (C1, C3).
 *
 * Nothing is ever indexed by the records found in a message. Time comes from the monotonic clock, so entries age
 * whatever the wall clock does (C2).
 */
export class AnswerCache {
  private readonly clock: Clock;
  private readonly tallies: CacheTallies;
  private readonly maxNegativeTtl: (qname: Name) => Seconds;
  private readonly positive: LRUCache<string, Entry>;
  private readonly negative: LRUCache<string, Entry>;

  constructor(options: {
    /** Of positive answers. */
    readonly octets: number;
    /** Of negative answers, apart from the others. */
    readonly negativeOctets: number;
    readonly clock: Clock;
    readonly tallies: CacheTallies;
    /** The longest that a denial of this name is believed (C2: 5 s in the cluster zone). */
    readonly maxNegativeTtl: (qname: Name) => Seconds;
  }) {
    this.clock = options.clock;
    this.maxNegativeTtl = options.maxNegativeTtl;
    this.tallies = options.tallies;
    const part = (maxSize: number): LRUCache<string, Entry> =>
      new LRUCache({
        maxSize,
        sizeCalculation: (entry) => entry.octets,
        dispose: (_entry, _key, reason) => {
          if (reason === 'evict') options.tallies.evictions.add();
        },
      });
    this.positive = part(options.octets);
    this.negative = part(options.negativeOctets);
  }

  /** Entries and octets of each part, for the gauges. */
  get sizes(): Record<'positive' | 'negative', { entries: number; octets: number }> {
    const size = (part: LRUCache<string, Entry>) => ({
      entries: part.size,
      octets: part.calculatedSize,
    });
    return { positive: size(this.positive), negative: size(this.negative) };
  }

  /** A fresh answer to exactly this question, without counting it as used. */
  peek(query: Query): Answer | undefined {
    const key = queryKey(query);
    return this.fresh(this.positive.peek(key) ?? this.negative.peek(key));
  }

  /** A fresh answer to exactly this question. */
  lookup(query: Query): Answer | undefined {
    const key = queryKey(query);
    const answer = this.fresh(this.positive.get(key) ?? this.negative.get(key));
    (answer === undefined ? this.tallies.misses : this.tallies.hits).add();
    return answer;
  }

  /** Keeps what may be kept: no failures, and no negative answer without SOA (RFC 2308 §5) unless it is held. */
  store(query: Query, message: Message): void {
    const verdict = verdictOf(message, query);
    if (verdict === 'failure') return;
    const ttl =
      verdict === 'data'
        ? lowestTtl(message)
        : Math.min(negativeTtl(message, query), this.maxNegativeTtl(query.qname));
    const fresh = Math.max(ttl * 1000, query.speculative === true ? HOLD : 0);
    if (fresh === 0) return;
    const now = this.clock.now();
    const key = queryKey(query);
    const [part, other] =
      verdict === 'data' ? [this.positive, this.negative] : [this.negative, this.positive];
    other.delete(key);
    part.set(key, {
      message,
      storedAt: now,
      freshUntil: now + fresh,
      octets: estimate(key, message),
    });
  }

  clear(): void {
    this.positive.clear();
    this.negative.clear();
  }

  private fresh(entry: Entry | undefined): Answer | undefined {
    const now = this.clock.now();
    if (entry === undefined || now >= entry.freshUntil) return undefined;
    const age = Math.floor((now - entry.storedAt) / 1000);
    return { message: entry.message, source: 'cache', age, freshAt: entry.storedAt };
  }
}

/** Answers from the cache, and fills it with what `next` brings. */
export function answerCache(cache: AnswerCache): Stage {
  return (next) => (query) => {
    const hit = cache.lookup(query);
    if (hit !== undefined) return Promise.resolve(hit);
    return next(query).then((answer) => {
      cache.store(query, answer.message);
      return answer;
    });
  };
}

/** How long the records of the answer section are all believed; without end where there is none. */
export function lowestTtl(message: Message): Seconds {
  return message.answer.reduce((lowest, rr) => Math.min(lowest, rr.ttl), Number.POSITIVE_INFINITY);
}

/** The SOA speaks for the end of the chain; the aliases on the way have TTLs of their own; 0 without SOA. */
export function negativeTtl(message: Message, query: Question): Seconds {
  const end = chainOf(message.answer, query.qname).at(-1) ?? query.qname;
  const proof = negativeProof(message, end);
  return proof === undefined ? 0 : Math.min(proof.ttl, lowestTtl(message));
}

function estimate(key: string, message: Message): number {
  let octets = ENTRY_OCTETS + 2 * key.length;
  for (const section of [message.answer, message.authority, message.additional]) {
    for (const rr of section) octets += RECORD_OCTETS + rr.owner.length + rr.rdata.length;
  }
  return octets;
}
