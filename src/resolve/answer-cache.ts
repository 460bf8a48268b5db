import type { Clock, Milliseconds } from '../clock.ts';
import type { AnswerMemory } from '../memory/answer-memory.ts';
import type { Life } from '../memory/entry.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { isUnfinished, type Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { negativeProof } from '../wire/soa.ts';
import type { DenialLife } from './denial-life.ts';
import {
  type Answer,
  type Asker,
  isAddressQuery,
  type Query,
  type Stage,
  siblingOf,
} from './stage.ts';
import { chainOf, verdictOf } from './verdict.ts';

/** Counters of the cache. */
export interface CacheTallies {
  readonly hits: { add(): void };
  readonly misses: { add(): void };
  /** Evictions of answers that were still fresh. */
  readonly evictions: { add(): void };
}

/** N4: how long what speculation brought waits for its walk: a libc walks five steps over the loopback in a few ms. */
const HOLD: Milliseconds = 2_000;
/**
 * N4: how long a denial that speculation fetched is kept: long enough for most walks; the next walk finds a name that
 * was created since (C2).
 */
const DENIAL_HOLD: Milliseconds = 500;

/** C4: what RFC 8767 §5 lets it be at most is a week; addresses that are a day old lead nowhere more often than not. */
const STALE: Milliseconds = 24 * 60 * 60_000;
/** N9: what did not exist may exist by now; a denial is believed so long while nobody can be asked. */
const STALE_DENIAL: Milliseconds = 5 * 60_000;
/** RFC 8767 §4: long enough not to be asked again at once, short enough to be forgotten soon. */
const STALE_TTL: Seconds = 30;

/**
 * What upstream answered, for as long as it is believed (C1, C2). Nothing is ever looked up by the records found in a
 * message. Time comes from the monotonic clock, so answers age whatever the wall clock does.
 */
export class AnswerCache {
  readonly memory: AnswerMemory;
  private readonly clock: Clock;
  private readonly tallies: Pick<CacheTallies, 'hits' | 'misses'>;
  private readonly denialLife: (qname: Name) => DenialLife;

  constructor(options: {
    readonly memory: AnswerMemory;
    readonly clock: Clock;
    readonly tallies: Pick<CacheTallies, 'hits' | 'misses'>;
    /** How long a negative answer to this name is believed (C2). */
    readonly denialLife: (qname: Name) => DenialLife;
  }) {
    this.memory = options.memory;
    this.clock = options.clock;
    this.denialLife = options.denialLife;
    this.tallies = options.tallies;
  }

  /** Whether there is a fresh answer to exactly this question. */
  has(query: Query): boolean {
    const known = this.memory.find(query);
    return known !== undefined && this.isFresh(query, known.life);
  }

  /** Whether what this question asks for is known to be there, and fresh. */
  hasData(query: Query): boolean {
    return this.memory.hasFreshData(query, this.clock.now());
  }

  /** Until when there is a fresh answer to exactly this question; in the past where there is none. */
  freshUntil(query: Query): Milliseconds {
    const life = this.memory.find(query)?.life;
    return life === undefined ? Number.NEGATIVE_INFINITY : life.storedAt + life.alone;
  }

  /** A fresh answer to exactly this question. */
  lookup(query: Query): Answer | undefined {
    const answer = this.fresh(query);
    (answer === undefined ? this.tallies.misses : this.tallies.hits).add();
    return answer;
  }

  /** An answer to exactly this question whose life is over, for when no other is to be had (C4, RFC 8767). */
  stale(query: Query): Answer | undefined {
    const known = this.memory.find(query);
    if (known === undefined) return undefined;
    const { life } = known;
    const left = this.lifeLeft(life);
    if (left > 0 || left + life.stale <= 0) return undefined;
    known.use();
    return staleAnswer(known.message);
  }

  /**
   * Keeps what may be kept: no failures, and no negative answer without SOA (RFC 2308 §5) unless it is held. What was
   * kept before is gone in any case: it is not the upstream's word any more (C4).
   *
   * @returns When it was stored; `undefined` where it is not kept.
   */
  store(query: Query, message: Message): Milliseconds | undefined {
    const verdict = verdictOf(message, query);
    // What the upstream cut short must not be taken for the whole by the next client.
    if (verdict === 'failure' || isUnfinished(message)) return undefined;
    const isPositive = verdict === 'data';
    const span = isPositive ? this.lifeOf(query, message) : this.lifeOfDenial(query, message);
    if (span.fresh === 0) {
      this.memory.delete(query);
      return undefined;
    }
    const storedAt = this.clock.now();
    const isKept = this.memory.put(query, message, isPositive, { storedAt, ...span });
    return isKept ? storedAt : undefined;
  }

  private lifeOf(query: Query, message: Message): Span {
    const ttl = lowestTtl(message) * 1000;
    const fresh = Math.max(ttl, query.speculative === true ? HOLD : 0);
    // An answer with TTL 0 is never served stale.
    return { fresh, alone: fresh, stale: ttl === 0 ? 0 : STALE };
  }

  private lifeOfDenial(query: Query, message: Message): Span {
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
    this.memory.adopt(other.memory, keeps, this.clock.now());
  }

  private fresh(query: Query): Answer | undefined {
    const known = this.memory.find(query);
    if (known === undefined) return undefined;
    const { life } = known;
    if (!this.isFresh(query, life)) return undefined;
    known.use();
    const { message } = known;
    const age = Math.floor((this.clock.now() - life.storedAt) / 1000);
    return { message, source: 'cache', age, freshAt: life.storedAt, kept: message };
  }

  private isFresh(query: Query, life: Life): boolean {
    const left = this.lifeLeft(life);
    if (left <= 0 || left > life.fresh - life.alone) return left > 0;
    return isAddressQuery(query) && this.hasData(siblingOf(query));
  }

  private lifeLeft({ storedAt, fresh }: Life): Milliseconds {
    return storedAt + fresh - this.clock.now();
  }
}

/** A life that has not begun. */
type Span = Omit<Life, 'storedAt'>;

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
    const { message } = answer;
    const storedAt = this.cache.store(this.query, message);
    if (storedAt === undefined) this.asker.onAnswer(answer);
    else this.asker.onAnswer({ ...answer, freshAt: storedAt, kept: message });
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
