import { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { isUnfinished, type Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import { type PackedMessage, packMessage, unpackMessage } from '../wire/packed-message.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { negativeProof } from '../wire/soa.ts';
import type { DenialLife } from './denial-life.ts';
import { isAddressQuery, siblingOf } from './families.ts';
import { type Answer, type Asker, type Query, queryKey, type Stage } from './stage.ts';
import { chainOf, verdictOf } from './verdict.ts';

/** What the cache counts; an entry's octets are an estimate of what it holds on the heap. */
export interface CacheTallies {
  readonly hits: { add(): void };
  readonly misses: { add(): void };
  readonly evictions: { add(): void };
}

/** There may be a hundred thousand: V8 boxes a number with a fraction or past 31 bits, so lives are whole milliseconds. */
interface Entry {
  readonly packed: PackedMessage;
  readonly storedAt: Milliseconds;
  /** From then on. */
  readonly fresh: Milliseconds;
  /** Of {@link fresh}, how long without a known address of the other family (C2). */
  readonly alone: Milliseconds;
  /** How long after {@link fresh} it may stand in for an upstream that does not answer (C4). */
  readonly stale: Milliseconds;
}

/** What an {@link Entry} knows of its life. */
type Life = Pick<Entry, 'fresh' | 'alone' | 'stale'>;

/** N4: how long what speculation brought waits for its walk: a libc walks five steps over the loopback in a few ms. */
const HOLD: Milliseconds = 2_000;
/** The same for denials: long enough for most walks, and a name that is made meanwhile is found by the next one (C2). */
const DENIAL_HOLD: Milliseconds = 500;

/** C4: what RFC 8767 §5 lets it be at most is a week; addresses that are a day old lead nowhere more often than not. */
const STALE: Milliseconds = 24 * 60 * 60_000;
/** N9: what did not exist may exist by now; a denial is believed so long while nobody can be asked. */
const STALE_DENIAL: Milliseconds = 5 * 60_000;
/** RFC 8767 §4: long enough not to be asked again at once, short enough to be forgotten soon. */
const STALE_TTL: Seconds = 30;

/** An entry, two strings, their places in the Map and the list: about so many octets beside what is in the strings. */
const ENTRY_OCTETS = 250;

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
  private readonly denialLife: (qname: Name) => DenialLife;
  private readonly positive: LRUCache<string, Entry>;
  private readonly negative: LRUCache<string, Entry>;

  constructor(options: {
    /** Of positive answers. */
    readonly octets: number;
    /** Of negative answers, apart from the others. */
    readonly negativeOctets: number;
    readonly clock: Clock;
    readonly tallies: CacheTallies;
    /** How long a negative answer to this name is believed (C2). */
    readonly denialLife: (qname: Name) => DenialLife;
  }) {
    this.clock = options.clock;
    this.denialLife = options.denialLife;
    this.tallies = options.tallies;
    const part = (maxSize: number): LRUCache<string, Entry> =>
      new LRUCache({
        maxSize,
        sizeCalculation: ({ packed }, key) => ENTRY_OCTETS + key.length + packed.length,
        dispose: (entry, _key, reason) => {
          const lost = reason === 'evict' && this.lifeLeft(entry) > 0;
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
    return this.fresh(query, this.positive.peek(key) ?? this.negative.peek(key));
  }

  /** Until when there is a fresh answer to exactly this question; in the past where there is none. */
  freshUntil(query: Query): Milliseconds {
    const key = queryKey(query);
    const entry = this.positive.peek(key) ?? this.negative.peek(key);
    return entry === undefined ? Number.NEGATIVE_INFINITY : entry.storedAt + entry.alone;
  }

  /** A fresh answer to exactly this question. */
  lookup(query: Query): Answer | undefined {
    const key = queryKey(query);
    const answer = this.fresh(query, this.positive.get(key) ?? this.negative.get(key));
    (answer === undefined ? this.tallies.misses : this.tallies.hits).add();
    return answer;
  }

  /** An answer to exactly this question whose life is over, for when no other is to be had (C4, RFC 8767). */
  stale(query: Query): Answer | undefined {
    const key = queryKey(query);
    const entry = this.positive.get(key) ?? this.negative.get(key);
    if (entry === undefined) return undefined;
    const left = this.lifeLeft(entry);
    return left > 0 || left + entry.stale <= 0
      ? undefined
      : staleAnswer(unpackMessage(entry.packed));
  }

  /**
   * Keeps what may be kept: no failures, and no negative answer without SOA (RFC 2308 §5) unless it is held. What was
   * kept before is gone in any case: it is not the upstream's word any more (C4).
   */
  store(query: Query, message: Message): void {
    const verdict = verdictOf(message, query);
    // What the upstream cut short must not be taken for the whole by the next client.
    if (verdict === 'failure' || isUnfinished(message)) return;
    const life =
      verdict === 'data' ? this.lifeOf(query, message) : this.lifeOfDenial(query, message);
    const key = queryKey(query);
    const [part, other] =
      verdict === 'data' ? [this.positive, this.negative] : [this.negative, this.positive];
    other.delete(key);
    part.delete(key);
    if (life.fresh === 0) return;
    part.set(key, { packed: packMessage(message), storedAt: this.clock.now(), ...life });
  }

  private lifeOf(query: Query, message: Message): Life {
    const ttl = lowestTtl(message) * 1000;
    const fresh = Math.max(ttl, query.speculative === true ? HOLD : 0);
    // What nobody gave a life has none after it.
    return { fresh, alone: fresh, stale: ttl === 0 ? 0 : STALE };
  }

  private lifeOfDenial(query: Query, message: Message): Life {
    const { alone, besideAddresses, isHeld } = this.denialLife(query.qname);
    const longest = verdictOf(message, query) === 'nodata' ? besideAddresses : alone;
    const ttl = Math.min(negativeTtl(message, query) * 1000, longest);
    const held = isHeld && query.speculative === true ? DENIAL_HOLD : 0;
    return {
      fresh: Math.max(ttl, held),
      alone: Math.max(Math.min(ttl, alone), held),
      stale: ttl === 0 ? 0 : STALE_DENIAL,
    };
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

  private fresh(query: Query, entry: Entry | undefined): Answer | undefined {
    if (entry === undefined || !this.isFresh(query, entry)) return undefined;
    const { packed, storedAt } = entry;
    const age = Math.floor((this.clock.now() - storedAt) / 1000);
    return { message: unpackMessage(packed), source: 'cache', age, freshAt: storedAt };
  }

  private isFresh(query: Query, entry: Entry): boolean {
    const left = this.lifeLeft(entry);
    if (left <= 0 || left > entry.fresh - entry.alone) return left > 0;
    return isAddressQuery(query) && this.hasAddresses(siblingOf(query));
  }

  private hasAddresses(query: Query): boolean {
    const entry = this.positive.peek(queryKey(query));
    return entry !== undefined && this.lifeLeft(entry) > 0;
  }

  private lifeLeft({ storedAt, fresh }: Entry): Milliseconds {
    return storedAt + fresh - this.clock.now();
  }
}

/** Answers from the cache; a refresh passes it by (C5). */
export function answerCache(cache: AnswerCache): Stage {
  return (next) => (query, asker) => {
    const hit = query.refresh === true ? undefined : cache.lookup(query);
    if (hit === undefined) next(query, asker);
    else asker.onAnswer(hit);
  };
}

/** Fills the cache with what `next` brings, also when whoever asked for it waits no longer. */
export function cacheFill(cache: AnswerCache): Stage {
  return (next) => (query, asker) => next(query, new Filling(cache, query, asker));
}

class Filling implements Asker {
  private readonly cache: AnswerCache;
  private readonly query: Query;
  private readonly asker: Asker;

  constructor(cache: AnswerCache, query: Query, asker: Asker) {
    this.cache = cache;
    this.query = query;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    this.cache.store(this.query, answer.message);
    this.asker.onAnswer(answer);
  }

  onFailure(error: unknown): void {
    this.asker.onFailure(error);
  }
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
