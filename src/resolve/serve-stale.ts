import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { Name } from '../wire/name.ts';
import {
  type Answer,
  type Asker,
  asking,
  type Query,
  type Resolve,
  type Stage,
  tell,
} from './stage.ts';
import { verdictOf } from './verdict.ts';

export interface ServeStaleOptions {
  readonly clock: Clock;
  /** An answer whose life is over, where there is one that may still be told. */
  readonly stale: (query: Query) => Answer | undefined;
  /** Whether nobody answers for this name at the moment, about whatever name. */
  readonly isSilent: (qname: Name) => boolean;
}

/**
 * C4: before c-ares gives up, and within the second that no lookup may exceed; RFC 8767 §5 would wait for 1.8 s, as a
 * client's own timer of 2 s allows.
 */
const PATIENCE: Milliseconds = 800;
/** RFC 8767 §5: for so long one wait in vain speaks for the name; then it is waited for again. */
const RECHECK: Milliseconds = 30_000;
/** Names that upstream owes an answer for; one that is forgotten is waited for again. */
const MAX_OWED = 4_096;

/**
 * Tells an answer whose life is over where no other is to be had: upstream fails, or has said nothing for 800 ms (C4).
 *
 * The question stays out meanwhile and fills the cache when it is answered. A denial is told on failure or silence of the
 * whole route only: a name that has come into being since is worth waiting for (N9).
 *
 * @see RFC 8767
 */
export function serveStale(options: ServeStaleOptions): Stage {
  return (next) => {
    const renewals = new Renewals(next, options);
    return (query, asker) => {
      const stale = query.speculative === true ? undefined : options.stale(query);
      if (stale === undefined) next(query, asker);
      else renewals.answer(query, stale, asker);
    };
  };
}

class Renewals {
  private readonly next: (query: Query) => Promise<Answer>;
  private readonly options: ServeStaleOptions;
  /**
   * Since when upstream owes a word about a name: counted for both families, so that a pair waits once, and kept after a
   * wait in vain, so that the next client does not wait again.
   */
  private readonly owed = lruMap<Name, Milliseconds>(MAX_OWED);

  constructor(next: Resolve, options: ServeStaleOptions) {
    this.next = asking(next);
    this.options = options;
  }

  answer(query: Query, stale: Answer, asker: Asker): void {
    const fresh = this.ask(query);
    const patience = this.patienceFor(query, stale);
    if (patience !== undefined && patience <= 0) {
      // Whether it fails is counted where it does.
      fresh.catch(() => undefined);
      asker.onAnswer(stale);
      return;
    }
    const inTime = new Promise<Answer>((resolve) => {
      const { clock } = this.options;
      const timer =
        patience === undefined ? undefined : clock.after(patience, () => resolve(stale));
      const settle = (answer: Answer): void => {
        timer?.cancel();
        resolve(answer);
      };
      fresh.then(
        (answer) => settle(verdictOf(answer.message, query) === 'failure' ? stale : answer),
        () => settle(stale),
      );
    });
    tell(asker, inTime);
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

  /** `undefined`: as long as the question is out. */
  private patienceFor(query: Query, stale: Answer): Milliseconds | undefined {
    const { clock, isSilent } = this.options;
    if (isSilent(query.qname)) return 0;
    if (verdictOf(stale.message, query) !== 'data') return undefined;
    const since = this.owed.peek(query.qname) ?? clock.now();
    return since + PATIENCE - clock.now();
  }
}
