import type { Clock, Milliseconds, Timer } from './clock.ts';

/** Something with a deadline. */
export interface Expiring {
  /** The deadline has passed. It is over; nothing has to be cancelled. */
  onDeadline(): void;
}

/** A deadline that is set. */
export type Waiting = Pick<Timer, 'cancel'>;

/**
 * Deadlines that are all equally far away when they are set, so that they pass in the order they were set: one timer of
 * the clock serves all of them, and each costs one small object.
 *
 * Thousands of questions have several deadlines each, and nearly all of those are cancelled.
 */
export class Deadlines {
  private readonly clock: Clock;
  private readonly span: Milliseconds;
  private first: Deadline | undefined;
  private last: Deadline | undefined;
  private timer: Timer | undefined;

  constructor(clock: Clock, span: Milliseconds) {
    this.clock = clock;
    this.span = span;
  }

  /** Tells `owner` when the span is over, unless it is cancelled before. */
  set(owner: Expiring): Waiting {
    const deadline = new Deadline(this, owner, this.clock.now() + this.span, this.last);
    if (this.last === undefined) this.first = deadline;
    else this.last.next = deadline;
    this.last = deadline;
    this.timer ??= this.clock.after(this.span, this.onTimer);
    return deadline;
  }

  /** For {@link Deadline.cancel}. */
  remove(deadline: Deadline): void {
    const { previous, next } = deadline;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    if (this.first !== undefined) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private readonly onTimer = (): void => {
    const fired = this.timer;
    const now = this.clock.now();
    while (this.first !== undefined && this.first.at <= now) this.first.pass();
    // A deadline that was set during this loop comes last. It has started the timer itself if the queue was empty.
    if (this.first === undefined || this.timer !== fired) return;
    this.timer = this.clock.after(this.first.at - now, this.onTimer);
  };
}

/** One deadline, linked to the ones before and after it. */
class Deadline implements Waiting {
  readonly at: Milliseconds;
  previous: Deadline | undefined;
  next: Deadline | undefined;
  private readonly deadlines: Deadlines;
  /** Absent once it has passed or was cancelled. */
  private owner: Expiring | undefined;

  constructor(
    deadlines: Deadlines,
    owner: Expiring,
    at: Milliseconds,
    previous: Deadline | undefined,
  ) {
    this.deadlines = deadlines;
    this.owner = owner;
    this.at = at;
    this.previous = previous;
    this.next = undefined;
  }

  cancel(): void {
    if (this.owner === undefined) return;
    this.owner = undefined;
    this.deadlines.remove(this);
  }

  /** Called when the deadline has passed. */
  pass(): void {
    const { owner } = this;
    this.cancel();
    owner?.onDeadline();
  }
}
