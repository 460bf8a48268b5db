import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { Seconds } from '../wire/record.ts';
import { lowestTtl } from './answer-cache.ts';
import {
  type Answer,
  type Asker,
  NOBODY,
  type Query,
  queryKey,
  type Resolve,
  type Stage,
} from './stage.ts';
import { verdictOf } from './verdict.ts';

/** C5: in the last tenth of an answer's life, a client that asks for it causes a refresh. */
const LAST_PART = 0.1;
/**
 * Answers with a shorter TTL are not refreshed. A caching upstream returns the TTL that it has left, so refreshes would
 * follow each other ever faster: 300, 30, 3. 5 s is CoreDNS' TTL for a service.
 */
const SHORTEST: Seconds = 5;
/** Answers whose refresh is in flight or has failed; one that is evicted may be refreshed twice, no more. */
const MAX_RENEWALS = 4_096;

/**
 * Refreshes in the background an answer that is requested near the end of its life, so that clients never wait for a
 * popular name (C5).
 *
 * Each answer once: if the refresh fails, the answer lives to its end, and the next question goes through the stages
 * below. Denials are not refreshed: clients wait for them less often.
 */
export function prefetch(clock: Clock): Stage {
  return (next) => {
    const renewals = new Renewals(next, clock);
    return (query, asker) => next(query, new Renewable(renewals, query, asker));
  };
}

class Renewals {
  private readonly next: Resolve;
  private readonly clock: Clock;
  private readonly renewed = lruMap<string, Milliseconds>(MAX_RENEWALS);

  constructor(next: Resolve, clock: Clock) {
    this.next = next;
    this.clock = clock;
  }

  /** A failure is counted where it occurs; no client waits for it. */
  renewIfDue(query: Query, answer: Answer): void {
    if (this.isDue(query, answer)) this.next({ ...query, refresh: true }, NOBODY);
  }

  private isDue(query: Query, { source, message, freshAt }: Answer): boolean {
    if (source !== 'cache' || freshAt === undefined) return false;
    if (query.speculative === true || verdictOf(message, query) !== 'data') return false;
    if (this.clock.now() < freshAt + renewableFor(lowestTtl(message)) * 1_000) return false;
    const key = queryKey(query);
    if (this.renewed.get(key) === freshAt) return false;
    this.renewed.set(key, freshAt);
    return true;
  }
}

/** A question whose answer may be a hit near its end. */
class Renewable implements Asker {
  private readonly renewals: Renewals;
  private readonly query: Query;
  private readonly asker: Asker;

  constructor(renewals: Renewals, query: Query, asker: Asker) {
    this.renewals = renewals;
    this.query = query;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    this.asker.onAnswer(answer);
    this.renewals.renewIfDue(this.query, answer);
  }

  onFailure(error: unknown): void {
    this.asker.onFailure(error);
  }
}

/** The age from which a hit refreshes an answer with this TTL; infinity if none does. */
export function renewableFor(ttl: Seconds): Seconds {
  return ttl < SHORTEST ? Number.POSITIVE_INFINITY : ttl * (1 - LAST_PART);
}
