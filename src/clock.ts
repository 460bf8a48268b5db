/** A span of time, or a reading of a monotonic clock with an arbitrary origin. */
export type Milliseconds = number;

/** Something that will happen once, unless it is cancelled first. */
export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void;
}

/**
 * Time as the program sees it: it never goes back and no wall clock touches it, so a jump of the machine's date ages
 * nothing (C2).
 *
 * Tests pass a clock that is wound by hand.
 */
export interface Clock {
  now(): Milliseconds;
  /** Calls `fire` once, `delay` from now. A delay of 0 or less fires in a later turn, never at once. */
  after(delay: Milliseconds, fire: () => void): Timer;
}

/** The machine's monotonic clock. Its timers do not keep the process alive: only listeners do. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after: (delay, fire) => new MonotonicTimer(delay, fire),
};

/** A class and no closure: a question has several, and thousands of questions wait at a time. */
class MonotonicTimer implements Timer {
  private readonly handle: NodeJS.Timeout;

  constructor(delay: Milliseconds, fire: () => void) {
    this.handle = setTimeout(fire, Math.max(0, delay)).unref();
  }

  cancel(): void {
    clearTimeout(this.handle);
  }
}
