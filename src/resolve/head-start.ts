import type { Clock, Milliseconds } from '../clock.ts';
import { Deadlines, type Expiring, type Waiting } from '../deadlines.ts';
import type { HalfTimes } from './half-times.ts';
import type { Answer, Asker, Query } from './stage.ts';
import { verdictOf } from './verdict.ts';

/**
 * F3: how long an expansion's AAAA waits for A's denial: past the resend of a lost A, and short enough that an A which
 * stays silent is given up (F5) within a second of the question.
 */
const HEAD_START: Milliseconds = 200;

/** What all head starts of a daemon share. */
export interface HeadStartParts {
  readonly clock: Clock;
  readonly times: HalfTimes;
  readonly deadlines: Deadlines;
}

/** @param times - Of the same pairs: the A's answer is recorded there. */
export function headStartParts(clock: Clock, times: HalfTimes): HeadStartParts {
  return { clock, times, deadlines: new Deadlines(clock, HEAD_START) };
}

/** The AAAA that is held back. */
interface Held {
  /** The head start is over. */
  ask(): void;
  /** The A's NXDOMAIN answers it. */
  onDenial(answer: Answer): void;
}

/** F3: the A that an expansion's AAAA waits for, up to a limit (F5). */
export class HeadStart implements Asker, Expiring {
  readonly query: Query;
  private readonly parts: HeadStartParts;
  private readonly aaaa: Held;
  private timer: Waiting | undefined;
  /** Whether AAAA is still held back. */
  private holds = true;

  /** @param query - The A. */
  constructor(parts: HeadStartParts, query: Query, aaaa: Held) {
    this.parts = parts;
    this.query = query;
    this.aaaa = aaaa;
    this.timer = undefined;
  }

  /** Limits the wait, unless the A was answered at once. */
  limit(span: Milliseconds | undefined): void {
    if (!this.holds) return;
    const { deadlines, clock } = this.parts;
    this.timer = span === undefined ? deadlines.set(this) : clock.after(span, () => this.release());
  }

  onAnswer(answer: Answer): void {
    this.parts.times.note(this.query, answer);
    if (verdictOf(answer.message, this.query) === 'nxdomain') this.aaaa.onDenial(answer);
    this.release();
  }

  onFailure(): void {
    this.release();
  }

  onDeadline(): void {
    this.release();
  }

  private release(): void {
    if (!this.holds) return;
    this.holds = false;
    this.timer?.cancel();
    this.aaaa.ask();
  }
}
