import type { AnswerSource, ExpansionFate, RepairKind } from '../vocabulary.ts';
import { type RcodeClass, SAVING_REASONS, type SavingReason } from './label-sets.ts';
import type { Histogram, TallyGrid, TallySet } from './tally.ts';

/** The counters that savings are computed from. */
export interface CountedAnswers {
  readonly responses: TallyGrid<RcodeClass, AnswerSource>;
  readonly repairs: TallySet<RepairKind>;
  readonly fates: TallySet<ExpansionFate>;
}

/**
 * What the proofs have saved, in questions and in time; nothing on the path of a query is counted twice.
 *
 * Answers from cuts and pins are read from the counters of responses, since the fastest of them never reach the stages.
 */
export class Savings {
  private readonly counted: CountedAnswers;
  private readonly servers: ReadonlyMap<string, { readonly latency: Histogram }>;
  private readonly estimate = { questions: 0, seconds: 0 };

  /** @param servers - With the seconds that the answers of each one took. */
  constructor(
    counted: CountedAnswers,
    servers: ReadonlyMap<string, { readonly latency: Histogram }>,
  ) {
    this.counted = counted;
    this.servers = servers;
  }

  /** Questions upstream that were not asked, for whatever reason. */
  get total(): number {
    return SAVING_REASONS.reduce((sum, reason) => sum + this.queries(reason), 0);
  }

  /** Questions that were not asked upstream, for one reason. */
  queries(reason: SavingReason): number {
    const { responses, repairs, fates } = this.counted;
    switch (reason) {
      case 'cut':
      case 'pin':
        return responsesFrom(responses, reason);
      case 'stale_cut':
        return fates.get('stale_cut');
      case 'shared_nxdomain':
        return repairs.get('shared_nxdomain');
    }
  }

  /**
   * Estimated seconds that clients did not wait; it never falls.
   *
   * A client waits one round trip for the pair of a step, so two questions count as one. AAAA answers from A's denial
   * do not count: the question would have travelled together with A's. Savings since the last reading count at the
   * current mean round trip.
   */
  seconds(): number {
    const spared: readonly SavingReason[] = ['cut', 'pin', 'stale_cut'];
    const questions = spared.reduce((sum, reason) => sum + this.queries(reason), 0);
    const fresh = questions - this.estimate.questions;
    this.estimate.seconds += (fresh / 2) * this.meanRoundTrip();
    this.estimate.questions = questions;
    return this.estimate.seconds;
  }

  private meanRoundTrip(): number {
    let sum = 0;
    let count = 0;
    for (const { latency } of this.servers.values()) {
      sum += latency.sum;
      count += latency.count;
    }
    return count === 0 ? 0 : sum / count;
  }
}

function responsesFrom(
  responses: TallyGrid<RcodeClass, AnswerSource>,
  wanted: AnswerSource,
): number {
  let sum = 0;
  for (const [, source, { value }] of responses.entries()) if (source === wanted) sum += value;
  return sum;
}
