import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { Name } from '../wire/name.ts';
import { type Answer, type Asker, asking, type Query, type Resolve, type Stage } from './stage.ts';
import type { StaleAnswer } from './stale-answers.ts';
import { verdictOf } from './verdict.ts';

export interface ServeStaleOptions {
  readonly clock: Clock;
  /** The expired answer that may be given, if there is one. */
  readonly staleAnswer: (query: Query) => StaleAnswer | undefined;
  /** Whether the route of this name is silent at the moment. */
  readonly isSilent: (qname: Name) => boolean;
  /** When upstream will count as away for a question in flight, if it answers nothing before. */
  readonly quietFrom: (qname: Name) => Milliseconds;
}

/**
 * C4: before c-ares gives up, and within the second that no lookup may exceed; RFC 8767 §5 would wait for 1.8 s, as a
 * client's own timer of 2 s allows.
 */
const STALE_AFTER: Milliseconds = 800;
/** RFC 8767 §5, failure recheck timer: for how long after a wait in vain nobody waits for this name again. */
const RECHECK: Milliseconds = 30_000;
/** Names for which upstream owes an answer; if one is evicted, its next question waits for upstream again (C4). */
const MAX_OWED = 4_096;

/**
 * Gives an expired answer when there is no other: upstream fails, has stopped answering, or takes longer than 800 ms
 * for an address (C4).
 *
 * The question stays in flight and fills the cache when it is answered. A denial is never given because upstream is
 * slow: a name that has been created since is worth waiting for (N9).
 *
 * @see RFC 8767
 */
export function serveStale(options: ServeStaleOptions): Stage {
  return (next) => {
    const renewals = new Renewals(next, options);
    return (query, asker) => {
      const last = query.speculative === true ? undefined : options.staleAnswer(query);
      if (last === undefined) next(query, asker);
      else renewals.answer(query, last, asker);
    };
  };
}

class Renewals {
  private readonly next: (query: Query) => Promise<Answer>;
  private readonly options: ServeStaleOptions;
  /**
   * Since when upstream has not answered about a name: one entry for both families, so that a pair waits once, and kept
   * after a wait in vain, so that the next client does not wait again.
   */
  private readonly owed = lruMap<Name, Milliseconds>(MAX_OWED);

  constructor(next: Resolve, options: ServeStaleOptions) {
    this.next = asking(next);
    this.options = options;
  }

  answer(query: Query, last: StaleAnswer, asker: Asker): void {
    const { clock } = this.options;
    let timer: Timer | undefined;
    let isWaiting = true;
    const tell = (answer: Answer): void => {
      if (!isWaiting) return;
      isWaiting = false;
      timer?.cancel();
      asker.onAnswer(answer);
    };
    // If upstream replies in the meantime, the wait starts again.
    const watch = (): void => {
      const rest = this.dueAt(query, last) - clock.now();
      if (rest <= 0) tell(last.answer);
      else if (Number.isFinite(rest)) timer = clock.after(rest, watch);
    };
    // A failure is counted where it occurs.
    this.ask(query)
      .then(
        (answer) => tell(verdictOf(answer.message, query) === 'failure' ? last.answer : answer),
        () => tell(last.answer),
      )
      .catch((bug: unknown) => asker.onFailure(bug));
    watch();
  }

  private ask(query: Query): Promise<Answer> {
    const { owed, options } = this;
    const now = options.clock.now();
    const since = owed.peek(query.qname);
    if (since === undefined || now - since >= RECHECK) owed.set(query.qname, now);
    return this.next(query).then((answer) => {
      if (verdictOf(answer.message, query) !== 'failure') owed.delete(query.qname);
      return answer;
    });
  }

  /** When the stale answer is due; infinity while only an answer or a failure of upstream can decide. */
  private dueAt({ qname }: Query, { when }: StaleAnswer): Milliseconds {
    const { clock, isSilent, quietFrom } = this.options;
    const now = clock.now();
    if (isSilent(qname)) return now;
    if (when === 'away') return Number.POSITIVE_INFINITY;
    if (when === 'quiet') return quietFrom(qname);
    return Math.min(quietFrom(qname), (this.owed.peek(qname) ?? now) + STALE_AFTER);
  }
}
