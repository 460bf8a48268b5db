import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { noAnswer } from '../upstream/exchange.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { ownNegative } from '../wire/soa.ts';
import { type Answer, type Query, queryKey } from './stage.ts';
import { isSilencePassedOn } from './verdict.ts';

/** S1. */
const MAX_FAILURES = 4_096;
/** F5: libc sends both questions in one go; a busy daemon may read the second a little later. */
const SAME_MOMENT: Milliseconds = 50;

/** F5: the TTL of the NODATA that replaces a family's failure. */
const REPAIR_TTL = 5;

/** An error in the place of an answer. */
export class FailedWith {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** F5: the outcome of a family that is still unanswered when the wait for it ends. */
export const STILL_SILENT = new FailedWith(noAnswer('the other family', 'timeout'));

/** F5: NODATA for a family that failed beside one that has addresses. */
export function nothingInsteadOfFailure(query: Query): Answer {
  return {
    message: ownNegative(Rcode.NOERROR, query.qname, REPAIR_TTL),
    source: 'failure',
    age: 0,
    ede: {
      code: EdeCode.OTHER,
      text: 'this address family failed upstream, the other has answers',
    },
  };
}

/** Remembers how address questions failed: while one family has failed, NODATA of the other is not given (F5). */
export class FailedHalves {
  private readonly clock: Clock;
  private readonly failures = lruMap<string, Failure>(MAX_FAILURES);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Records a failed question, except upstream's own SERVFAIL for an expansion: NODATA of the other family is then
   * passed on, since some clients go on with the search.
   */
  note(query: Query, outcome: Answer | FailedWith): void {
    if (query.expansion !== undefined && wasSaid(outcome)) return;
    this.failures.set(queryKey(query), { at: this.clock.now(), outcome });
  }

  /** How this question failed, if it did after about `came`. */
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

/** Whether upstream itself sent this SERVFAIL. A forwarder whose own upstream is silent says so in an EDE. */
function wasSaid(outcome: Answer | FailedWith): boolean {
  if (outcome instanceof FailedWith || isSilencePassedOn(outcome.message)) return false;
  return outcome.source !== 'failure' || outcome.wasSaid === true;
}
