import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { noAnswer } from '../upstream/exchange.ts';
import { type Answer, type Query, queryKey } from './stage.ts';
import { isSilencePassedOn } from './verdict.ts';

/** S1. */
const MAX_FAILURES = 4_096;
/** F5: libc sends both questions in one go; a busy daemon may read the second a little later. */
const SAME_MOMENT: Milliseconds = 50;

/** An error in the place of an answer. */
export class FailedWith {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** F5: what the other family has come to when the wait for it is over. */
export const STILL_SILENT = new FailedWith(noAnswer('the other family', 'timeout'));

/** How the questions of pairs that have no answer ended: NODATA is none beside them (F5). */
export class FailedHalves {
  private readonly clock: Clock;
  private readonly failures = lruMap<string, Failure>(MAX_FAILURES);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Takes note of a question that has no answer. What upstream says itself of an expansion is passed on beside what it says
   * of the other family: some clients go on with the search then.
   */
  note(query: Query, outcome: Answer | FailedWith): void {
    if (query.expansion !== undefined && wasSaid(outcome)) return;
    this.failures.set(queryKey(query), { at: this.clock.now(), outcome });
  }

  /** How this question failed, since about `came`. */
  since(query: Query, came: Milliseconds): Answer | FailedWith | undefined {
    const failure = this.failures.peek(queryKey(query));
    return failure !== undefined && failure.at >= came - SAME_MOMENT ? failure.outcome : undefined;
  }
}

/** How a question without an answer ended, and when. */
interface Failure {
  readonly at: Milliseconds;
  readonly outcome: Answer | FailedWith;
}

/** Whether SERVFAIL is upstream's own. A forwarder that passes on the silence behind it says so in an EDE. */
function wasSaid(outcome: Answer | FailedWith): boolean {
  if (outcome instanceof FailedWith || isSilencePassedOn(outcome.message)) return false;
  return outcome.source !== 'failure' || outcome.wasSaid === true;
}
