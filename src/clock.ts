/** A span of time, or a reading of a monotonic clock with an arbitrary origin. */
export type Milliseconds = number;

/** Something that will happen once, unless it is cancelled first. */
export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void;
  /**
   * Keeps the process alive until the timer has fired or is cancelled.
   *
   * A daemon is kept alive by its listeners, so its timers do not call this. A command calls it for what it waits for:
   * its pause between two attempts has no socket that would keep the process alive.
   *
   * @returns The timer.
   */
  keepAlive(): Timer;
}

/**
 * Time as the program sees it: it never goes back and no wall clock touches it, so a jump of the machine's date ages
 * nothing (C2).
 *
 * Tests pass a clock that is wound by hand; both keep the contract that `test/clock.test.ts` states.
 */
export interface Clock {
  now(): Milliseconds;
  /**
   * Calls `fire` once, `delay` from now. A delay of 0 or less fires in a later turn, never at once.
   *
   * The machine counts whole milliseconds: measured by `now()`, a timer may fire up to one millisecond early.
   *
   * @throws {RangeError} If `delay` is not finite, or above {@link LONGEST_DELAY}.
   */
  after(delay: Milliseconds, fire: () => void): Timer;
}

/** What a timer of Node can wait for: 24.8 days. Node turns whatever is longer, `Infinity` too, into 1 ms. */
export const LONGEST_DELAY: Milliseconds = 2 ** 31 - 1;

/** @throws {RangeError} If no clock can wait for that long. */
export function checkDelay(delay: Milliseconds): void {
  if (Number.isFinite(delay) && delay <= LONGEST_DELAY) return;
  throw new RangeError(`no timer waits for ${delay} ms: at most ${LONGEST_DELAY}`);
}

/** The machine's monotonic clock. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after: (delay, fire) => {
    checkDelay(delay);
    return delay <= 0 ? new NextTurn(fire) : new MonotonicTimer(delay, fire);
  },
};

/**
 * A class and not a closure, which would take more memory: each question has several timers, and thousands of questions
 * wait at a time.
 */
class MonotonicTimer implements Timer {
  private readonly handle: NodeJS.Timeout;

  constructor(delay: Milliseconds, fire: () => void) {
    // Node cuts fractions off, which would make the timer fire up to another millisecond early.
    this.handle = setTimeout(fire, Math.ceil(delay)).unref();
  }

  cancel(): void {
    clearTimeout(this.handle);
  }

  keepAlive(): Timer {
    this.handle.ref();
    return this;
  }
}

/**
 * For a delay of 0, for which `setTimeout` would wait a millisecond. The timer keeps the process alive for its one turn:
 * an immediate without a reference would run only when something else wakes the loop.
 */
class NextTurn implements Timer {
  private readonly handle: NodeJS.Immediate;

  constructor(fire: () => void) {
    this.handle = setImmediate(fire);
  }

  cancel(): void {
    clearImmediate(this.handle);
  }

  keepAlive(): Timer {
    return this;
  }
}

/**
 * Resolves after a span of time, or as soon as `signal` aborts.
 *
 * @param keepsAlive - A command waits so: no socket is open in its pause, and the process would end. A daemon does not.
 */
export function elapsed(
  clock: Clock,
  span: Milliseconds,
  {
    signal,
    keepsAlive = false,
  }: { readonly signal?: AbortSignal; readonly keepsAlive?: boolean } = {},
): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(span, end);
    if (keepsAlive) timer.keepAlive();
    signal?.addEventListener('abort', end);
  });
}
