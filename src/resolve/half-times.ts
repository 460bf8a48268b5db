import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { type Answer, type Query, queryKey } from './stage.ts';
import { verdictOf } from './verdict.ts';

/** Questions of each kind whose time is remembered (S1): it is needed until the other family's deadline. */
const MAX_QUESTIONS = 4_096;
const NEVER: Milliseconds = Number.NEGATIVE_INFINITY;

/**
 * When each half of a pair got addresses, was denied or was refused: the outcome of the other half depends on it (F3,
 * F5). A time is minus infinity if that never happened.
 */
export class HalfTimes {
  private readonly clock: Clock;
  private readonly arrivals = lruMap<string, Milliseconds>(MAX_QUESTIONS);
  private readonly denials = lruMap<string, Milliseconds>(MAX_QUESTIONS);
  private readonly refusals = lruMap<string, Milliseconds>(MAX_QUESTIONS);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Records when upstream has given addresses, or denied them. */
  note(query: Query, { message, source }: Answer): void {
    const verdict = verdictOf(message, query);
    if (source !== 'upstream' || verdict === 'failure') return;
    const times = verdict === 'data' ? this.arrivals : this.denials;
    times.set(queryKey(query), this.clock.now());
  }

  /** Records that the question is given up as refused. */
  noteRefusal(query: Query): void {
    this.refusals.set(queryKey(query), this.clock.now());
  }

  /** When its addresses arrived: silence of the other family is counted from there (F5). */
  arrivedAt(query: Query): Milliseconds {
    return this.arrivals.peek(queryKey(query)) ?? NEVER;
  }

  /**
   * When upstream last denied it (F3). Every denial is recorded: the cache keeps none without an SOA, and may have lost
   * one with a short life before the other family is answered.
   */
  deniedAt(query: Query): Milliseconds {
    return this.denials.peek(queryKey(query)) ?? NEVER;
  }

  /** When it was given up as refused (F5). */
  refusedAt(query: Query): Milliseconds {
    return this.refusals.peek(queryKey(query)) ?? NEVER;
  }
}
