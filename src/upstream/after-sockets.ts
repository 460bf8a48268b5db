import type { Clock, Milliseconds, Timer } from '../clock.ts';

/**
 * Calls `fire` once, `delay` from now. If the process was kept from running until long after that, what has arrived at its
 * sockets is read before.
 *
 * A container at the limit of its CPU, or on a busy machine, wakes up to overdue timers and unread replies, and Node runs
 * the timers first: each would send again what has been answered.
 */
export function afterSockets(
  clock: Clock,
  delay: Milliseconds,
  fire: () => void,
): Pick<Timer, 'cancel'> {
  return new AfterSockets(clock, delay, fire);
}

class AfterSockets {
  private timer: Timer;

  constructor(clock: Clock, delay: Milliseconds, fire: () => void) {
    const due = clock.now() + delay;
    this.timer = clock.after(delay, () => {
      if (clock.now() - due < KEPT_FROM_RUNNING) fire();
      else this.timer = clock.after(0, fire);
    });
  }

  cancel(): void {
    this.timer.cancel();
  }
}

/** As much as a resend waits for a late answer at least (U2). */
const KEPT_FROM_RUNNING: Milliseconds = 10;
