import type { Clock, Milliseconds } from '../clock.ts';
import type { AnswerMemory } from '../memory/answer-memory.ts';
import type { Life } from '../memory/entry.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
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

/**
 * N4: the least time that a speculative answer is kept, whatever its TTL: a libc walks five steps over the loopback in
 * a few ms.
 */
const HOLD: Milliseconds = 2_000;
/**
 * N4: the least time that a speculative denial is kept: enough for most walks, and short enough that the next walk
 * finds a name created since (C2).
 */
const DENIAL_HOLD: Milliseconds = 500;

/** C4: the least of the one to three days that RFC 8767 §5 suggests. */
const STALE: Milliseconds = 24 * 60 * 60_000;
/** N9: how long a denial may be served stale after it has expired. Short, since the name may exist by now. */
const STALE_DENIAL: Milliseconds = 5 * 60_000;
/** RFC 8767 §4: the recommended TTL of stale records. */
const STALE_TTL: Seconds = 30;

/**
 * Upstream's answers, each found by its question alone and never by the names of its records (C1, C2). Time comes from
 * the monotonic clock, so answers age whatever the wall clock does.
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
    /** How long a negative answer to this name may be cached (C2). */
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

  /** Whether there are fresh records of the type that this question asks for. */
  hasData(query: Query): boolean {
    return this.memory.hasFreshData(query, this.clock.now());
  }

  /** The earliest time at which the answer to exactly this question may expire; minus infinity if there is none. */
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

  /** An expired answer to exactly this question, to be served stale (C4, RFC 8767). */
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
   * Caches the message in place of the earlier answer. A failure or an incomplete message changes nothing. A message
   * that may not be cached, such as a negative answer without SOA (RFC 2308 §5), still removes the earlier answer (C4).
   *
   * @returns When it was stored; `undefined` if it was not.
   */
  store(query: Query, message: Message): Milliseconds | undefined {
    const verdict = verdictOf(message, query);
    // The next client must not take an incomplete message for a complete one. A walk has waited for the rest already (U3).
    const isForThisWalk = message.partial !== true || query.speculative === true;
    if (verdict === 'failure' || message.truncated === true || !isForThisWalk) return undefined;
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

  /** Copies another cache's answers for the names that `keeps` accepts: those whose servers are the same as before. */
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

/** A {@link Life} without its start. */
type Span = Omit<Life, 'storedAt'>;

/** Answers from the cache, except refreshes (C5). */
export function answerCache(cache: AnswerCache): Stage {
  return (next) => (query, asker) => {
    const hit = query.refresh === true ? undefined : cache.lookup(query);
    if (hit === undefined) next(query, asker);
    else asker.onAnswer(hit);
  };
}

/** Caches the answers of `next`, even if the client no longer waits. */
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

/** The lowest TTL of the answer section; infinity if it is empty. */
export function lowestTtl(message: Message): Seconds {
  return message.answer.reduce((lowest, rr) => Math.min(lowest, rr.ttl), Number.POSITIVE_INFINITY);
}

/**
 * How long a negative answer may be cached: the SOA's limit for the end of the chain, but no longer than the aliases'
 * TTLs; 0 without SOA.
 */
export function negativeTtl(message: Message, query: Question): Seconds {
  const end = chainOf(message.answer, query.qname).at(-1) ?? query.qname;
  const proof = negativeProof(message, end);
  return proof === undefined ? 0 : Math.min(proof.ttl, lowestTtl(message));
}
