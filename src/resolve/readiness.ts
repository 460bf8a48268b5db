import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { RrType, rcodeName } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownQuery, type Resolve } from './stage.ts';
import { verdictOf } from './verdict.ts';

export interface ReadinessOptions {
  /** A name that upstream answers, whether it exists or not. */
  readonly probeName: Name;
  /** Asks upstream itself: an answer from the cache proves nothing. */
  readonly ask: Resolve;
  readonly clock: Clock;
  readonly onReady: () => void;
  /**
   * Called for each failed probe, with the reason: silence, an unreadable reply and SERVFAIL have different remedies.
   */
  readonly onFailure?: (reason: string) => void;
}

/** How soon a cluster DNS that comes up is noticed. */
const FIRST_PAUSE: Milliseconds = 100;
/** A probe each second is no load even for a node full of pods. */
const LONGEST_PAUSE: Milliseconds = 1_000;

/**
 * Finds out when upstream answers for the first time: before that, no client's lookup can succeed.
 *
 * Probes do not wait for each other: each has a deadline of seconds, and the first datagrams of a cold cluster are
 * often lost.
 */
export class Readiness {
  private readonly options: ReadinessOptions;
  private answered = false;
  private stopped = false;
  private timer: Timer | undefined;
  private pause = FIRST_PAUSE;

  constructor(options: ReadinessOptions) {
    this.options = options;
  }

  get ready(): boolean {
    return this.answered;
  }

  start(): void {
    this.probe();
  }

  /** The result of a probe in flight is ignored from then on. */
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private probe(): void {
    const { ask, probeName, clock } = this.options;
    const query = ownQuery(probeName, RrType.A);
    ask(query, {
      // A cluster DNS that has not yet loaded its zone answers SERVFAIL.
      onAnswer: ({ message }) => {
        if (verdictOf(message, query) !== 'failure') this.succeed();
        else this.fail(`upstream says ${rcodeName(message.rcode)}`);
      },
      // The next probe is due in any case.
      onFailure: (error) => this.fail(error instanceof Error ? error.message : String(error)),
    });
    this.timer = clock.after(this.pause, () => this.probe());
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  private fail(reason: string): void {
    if (!this.answered && !this.stopped) this.options.onFailure?.(reason);
  }

  private succeed(): void {
    if (this.answered || this.stopped) return;
    this.answered = true;
    this.timer?.cancel();
    this.options.onReady();
  }
}
