import type { Clock, Milliseconds } from '../clock.ts';
import { isUnfinished } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import type { Seconds } from '../wire/record.ts';
import { lowestTtl, negativeTtl } from './answer-cache.ts';
import type { DenialLife } from './denial-life.ts';
import { renewableFor } from './prefetch.ts';
import { ONE_WALK } from './speculation.ts';
import { type Answer, isAddressQuery, type Query, siblingOf } from './stage.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** For how long a final answer may be given to equal questions without asking the stages again. */
export interface Repetition {
  /** When the current second of the answer's age began. */
  readonly agedAt: Milliseconds;
  readonly until: Milliseconds;
  readonly isExpansion: boolean;
}

/** `undefined` if every equal question has to pass the stages. */
export type Repeat = (query: Query, answer: Answer) => Repetition | undefined;

export interface RepetitionOptions {
  readonly clock: Clock;
  readonly isExpansion: (qname: Name) => boolean;
  /** How long a negative answer to this name may be cached (C2). */
  readonly denialLife: (qname: Name) => DenialLife;
  /** Until when the cache has an answer to a question. */
  readonly knownUntil: (query: Query) => Milliseconds;
}

/** How much older than its whole seconds an answer may be if its start is unknown. */
const UNKNOWN: Milliseconds = 999;

/**
 * Decides which answers may be repeated from the reply cache: those that the stages would give again, whatever happens
 * in the meantime.
 *
 * Each rule replaces a stage that is skipped: the result must be the same as through that stage.
 */
export function repetition({
  clock,
  isExpansion,
  denialLife,
  knownUntil,
}: RepetitionOptions): Repeat {
  /** F5: NODATA may become a failure if the other family fails, which it does not while it is cached. */
  const siblingLimit = (query: Query, { source }: Answer, verdict: Verdict): Milliseconds =>
    verdict === 'nodata' && source !== 'local' && isAddressQuery(query)
      ? knownUntil(siblingOf(query))
      : Number.POSITIVE_INFINITY;
  return (query, answer) => {
    const verdict = verdictOf(answer.message, query);
    // An answer to another sidestub's probe is not one for clients (N7).
    if (verdict === 'failure' || isForOnce(answer) || query.fromProbe === true) return undefined;
    const expansion = isExpansion(query.qname);
    if (verdict !== 'data' && hangsOnMore(query, answer, verdict, expansion)) return undefined;
    const now = clock.now();
    const agedAt = startOfAge(answer, now);
    const life =
      verdict === 'data'
        ? timeToRepeat(lowestTtl(answer.message)) * 1000
        : Math.min(negativeTtl(answer.message, query) * 1000, denialLife(query.qname).alone);
    const end = agedAt + life - answer.age * 1000;
    const until =
      verdict === 'data'
        ? end
        : Math.min(end, now + walkLimit(query, answer), siblingLimit(query, answer, verdict));
    // Its life is over, or it is a denial that the cache holds for one walk only (N4): neither may be repeated.
    return until > now ? { agedAt, until, isExpansion: expansion } : undefined;
  };
}

/** C5: a hit near the end has to pass the stages, which refresh the answer. */
function timeToRepeat(ttl: Seconds): Seconds {
  return Math.min(ttl, renewableFor(ttl));
}

/** A stale or repaired answer is for this one question (C4, F5); an answer with an EDE (C1) is rendered each time. */
function isForOnce({ source, ede, message }: Answer): boolean {
  if (isUnfinished(message) || message.otherOwner === true) return true;
  return source === 'stale' || source === 'failure' || ede !== undefined;
}

/**
 * Whether the families stage has to decide again: the answer for one family depends on the other family at that time.
 */
function hangsOnMore(
  query: Query,
  { source }: Answer,
  verdict: 'nodata' | 'nxdomain' | 'data',
  expansion: boolean,
): boolean {
  if (source === 'cut' || source === 'pin' || source === 'local' || !isAddressQuery(query)) {
    return false;
  }
  // F4: if the other family has got addresses since, NXDOMAIN would make musl fail the lookup. N7: NODATA of an
  // expansion may be repaired.
  return verdict === 'nxdomain' || expansion;
}

/**
 * N4: the search stage has to see the first question of each walk, so denials of address questions are repeated only
 * briefly.
 */
function walkLimit(query: Query, { source }: Answer): Milliseconds {
  if (source === 'cut' || source === 'pin') return ONE_WALK;
  return source !== 'local' && isAddressQuery(query) ? ONE_WALK : Number.POSITIVE_INFINITY;
}

function startOfAge({ source, age, freshAt }: Answer, now: Milliseconds): Milliseconds {
  if (freshAt !== undefined) return freshAt + age * 1000;
  // These are made anew for each question.
  return source === 'pin' || source === 'local' ? now : now - UNKNOWN;
}
