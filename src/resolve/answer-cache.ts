import { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';
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
  /** Until when it may stand in for an upstream that does not answer (C4). */
  readonly staleUntil: Milliseconds;
  readonly octets: number;
}

/** N4: how long what speculation brought waits for its walk: a libc walks five steps over the loopback in a few ms. */
const HOLD: Milliseconds = 2_000;

/** C4: what RFC 8767 §5 lets it be at most is a week; addresses that are a day old lead nowhere more often than not. */
const STALE: Milliseconds = 24 * 60 * 60_000;
/** N9: what did not exist may exist by now; so long a denial is believed while nobody can be asked. */
const STALE_DENIAL: Milliseconds = 5 * 60_000;
/** RFC 8767 §4: long enough not to be asked again at once, short enough to be forgotten soon. */
const STALE_TTL: Seconds = 30;

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
        dispose: (entry, _key, reason) => {
          const lost = reason === 'evict' && this.clock.now() < entry.freshUntil;
          if (lost) options.tallies.evictions.add();
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

  /** An answer to exactly this question whose life is over, for when no other is to be had (C4, RFC 8767). */
  stale(query: Query): Answer | undefined {
    const key = queryKey(query);
    const entry = this.positive.get(key) ?? this.negative.get(key);
    const now = this.clock.now();
    if (entry === undefined || now < entry.freshUntil || now >= entry.staleUntil) return undefined;
    return staleAnswer(entry.message);
  }

  /**
   * Keeps what may be kept: no failures, and no negative answer without SOA (RFC 2308 §5) unless it is held. What was
   * kept before is gone in any case: it is not the upstream's word any more (C4).
   */
  store(query: Query, message: Message): void {
    const verdict = verdictOf(message, query);
    // What the upstream cut short must not be taken for the whole by the next client.
    if (verdict === 'failure' || message.truncated === true) return;
    const ttl =
      verdict === 'data'
        ? lowestTtl(message)
        : Math.min(negativeTtl(message, query), this.maxNegativeTtl(query.qname));
    const fresh = Math.max(ttl * 1000, query.speculative === true ? HOLD : 0);
    const now = this.clock.now();
    const key = queryKey(query);
    const [part, other] =
      verdict === 'data' ? [this.positive, this.negative] : [this.negative, this.positive];
    other.delete(key);
    part.delete(key);
    if (fresh === 0) return;
    const freshUntil = now + fresh;
    const stale = verdict === 'data' ? STALE : STALE_DENIAL;
    part.set(key, {
      message,
      storedAt: now,
      freshUntil,
      // What nobody gave a life has none after it.
      staleUntil: ttl === 0 ? freshUntil : freshUntil + stale,
      octets: estimate(key, message),
    });
  }

  /** Takes over what another cache knows, for the names that are answered by the same servers as before. */
  adopt(other: AnswerCache, keeps: (qname: Name) => boolean): void {
    for (const part of ['positive', 'negative'] as const) {
      // From the least recently used on, so that the order of eviction stays.
      for (const [key, entry] of [...other[part].entries()].reverse()) {
        if (keeps(qnameOf(key))) this[part].set(key, entry);
      }
    }
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

/** Answers from the cache; a refresh passes it by (C5). */
export function answerCache(cache: AnswerCache): Stage {
  return (next) => (query) => {
    const hit = query.refresh === true ? undefined : cache.lookup(query);
    return hit === undefined ? next(query) : Promise.resolve(hit);
  };
}

/** Fills the cache with what `next` brings, also when whoever asked for it waits no longer. */
export function cacheFill(cache: AnswerCache): Stage {
  return (next) => (query) =>
    next(query).then((answer) => {
      cache.store(query, answer.message);
      return answer;
    });
}

function staleAnswer(message: Message): Answer {
  const aged = (records: readonly Rr[]) => records.map((rr) => ({ ...rr, ttl: STALE_TTL }));
  const { answer, authority, additional } = message;
  const isDenied = message.rcode === Rcode.NXDOMAIN;
  return {
    message: {
      ...message,
      answer: aged(answer),
      authority: aged(authority),
      additional: aged(additional),
    },
    source: 'stale',
    age: 0,
    ede: {
      code: isDenied ? EdeCode.STALE_NXDOMAIN : EdeCode.STALE_ANSWER,
      text: 'upstream does not answer; this was its word before',
    },
  };
}

/** The QNAME in a {@link queryKey}: what follows type, class and bits. */
function qnameOf(key: string): Name {
  return key.slice(key.lastIndexOf(' ') + 1);
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
