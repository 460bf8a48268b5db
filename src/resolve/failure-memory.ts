import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { isOurDoing, isRefusal, UpstreamError } from '../upstream/exchange.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { type Ede, undelivered } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import { EMPTY } from '../wire/render.ts';
import {
  type Answer,
  type Asker,
  isAddressQuery,
  type Query,
  queryKey,
  type Resolve,
  type Stage,
  siblingOf,
} from './stage.ts';
import { isSilencePassedOn, verdictOf } from './verdict.ts';

export interface FailureMemoryOptions {
  readonly clock: Clock;
  /** When the route of this name last replied, to a question about any name. */
  readonly lastReplyAt: (qname: Name) => Milliseconds;
  /** Whether the route of this name is known to be silent at the moment. */
  readonly isSilent: (qname: Name) => boolean;
  /** Whether the cache has addresses of this question's name. */
  readonly hasAddresses: (query: Query) => boolean;
}

/** RFC 9520 §3.2: at least 1 s, at most 5 min; C6 stops at 30 s, since most jobs are short. */
const FIRST: Milliseconds = 1_000;
const LONGEST: Milliseconds = 30_000;
/** S1. */
const MAX_FAILURES = 4_096;

interface Failure {
  readonly message: Message;
  readonly at: Milliseconds;
  readonly span: Milliseconds;
  /** Upstream itself sent SERVFAIL. */
  readonly wasSaid: boolean;
}

/**
 * Remembers questions that upstream could not answer, so that impatient clients do not flood it (C6).
 *
 * 1 s at first, twice as long after each failure in a row, up to 30 s. A failure beside a family that has addresses is
 * remembered for 1 s: NODATA replaces it (F5), and an answer would be better. If the whole route was silent meanwhile,
 * the name is not the cause and nothing is remembered: RouteSilence holds the next question back for a second.
 *
 * @see RFC 9520 §3
 */
export function failureMemory(options: FailureMemoryOptions): Stage {
  return (next) => {
    const failures = new Failures(next, options);
    return (query, asker) => failures.answer(query, asker);
  };
}

class Failures {
  private readonly next: Resolve;
  private readonly options: FailureMemoryOptions;
  private readonly failures = lruMap<string, Failure>(MAX_FAILURES);

  constructor(next: Resolve, options: FailureMemoryOptions) {
    this.next = next;
    this.options = options;
  }

  answer(query: Query, asker: Asker): void {
    const key = queryKey(query);
    const failure = this.failures.get(key);
    if (failure !== undefined && this.holds(failure, query)) asker.onAnswer(remembered(failure));
    else this.next(query, new Attempt(this, key, query, asker));
  }

  /** Whether the route of this name is silent at the moment. */
  isSilent(qname: Name): boolean {
    return this.options.isSilent(qname);
  }

  now(): Milliseconds {
    return this.options.clock.now();
  }

  /** Takes note of what an attempt came to. */
  onAnswer(attempt: Attempt, { message }: Answer): void {
    if (verdictOf(message, attempt.query) !== 'failure') this.failures.delete(attempt.key);
    else if (!isSilencePassedOn(message)) {
      this.note(attempt, message, true);
    }
    // Else a forwarder upstream had no answer. It remembers its own failures, and knows better when they are over.
  }

  onFailure(attempt: Attempt, error: unknown): void {
    if (!(error instanceof UpstreamError) || isOurDoing(error)) return;
    // Sent while the route was silent: if it answers again, the reason of this failure is over.
    if (attempt.intoSilence) return;
    const message = { ...EMPTY, rcode: Rcode.SERVFAIL };
    this.note(attempt, isRefusal(error) ? { ...message, undelivered: true } : message, false);
  }

  private note({ key, query, started }: Attempt, message: Message, wasSaid: boolean): void {
    if (this.options.lastReplyAt(query.qname) < started) return;
    const at = this.options.clock.now();
    const before = this.failures.peek(key);
    // In a row: it failed again within 30 s after the last failure was forgotten.
    const grows = before !== undefined && at - before.at < before.span + LONGEST;
    const span = grows ? Math.min(2 * before.span, LONGEST) : FIRST;
    this.failures.set(key, { message, wasSaid, at, span });
  }

  private holds({ at, span }: Failure, query: Query): boolean {
    return this.options.clock.now() < at + (this.isRepaired(query) ? FIRST : span);
  }

  private isRepaired(query: Query): boolean {
    return isAddressQuery(query) && this.options.hasAddresses(siblingOf(query));
  }
}

/** A question that was passed on. */
class Attempt implements Asker {
  readonly key: string;
  readonly query: Query;
  readonly started: Milliseconds;
  /** Whether its route was known to be silent when it was asked. */
  readonly intoSilence: boolean;
  private readonly failures: Failures;
  private readonly asker: Asker;

  constructor(failures: Failures, key: string, query: Query, asker: Asker) {
    this.failures = failures;
    this.key = key;
    this.query = query;
    this.asker = asker;
    this.started = failures.now();
    this.intoSilence = failures.isSilent(query.qname);
  }

  onAnswer(answer: Answer): void {
    this.failures.onAnswer(this, answer);
    this.asker.onAnswer(answer);
  }

  onFailure(error: unknown): void {
    this.failures.onFailure(this, error);
    this.asker.onFailure(error);
  }
}

function remembered({ message, wasSaid }: Failure): Answer {
  return { message, source: 'failure', age: 0, ede: whyRemembered(message, wasSaid), wasSaid };
}

const NOT_REACHED = undelivered('upstream was not reached a moment ago');
const NOT_ANSWERED: Ede = {
  code: EdeCode.NO_REACHABLE_AUTHORITY,
  text: 'upstream did not answer this a moment ago',
};
const HAS_FAILED: Ede = {
  code: EdeCode.CACHED_ERROR,
  text: 'upstream failed to answer this a moment ago',
};

/** A sidestub in front of us must read a remembered failure as it would read the first one (F5). */
function whyRemembered(message: Message, wasSaid: boolean): Ede {
  if (wasSaid) return HAS_FAILED;
  return message.undelivered === true ? NOT_REACHED : NOT_ANSWERED;
}
