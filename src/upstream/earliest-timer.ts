import type { Clock, Milliseconds, Timer } from '../clock.ts';

/** A timer that is set several times and fires once, at the earliest of the times. */
export class EarliestTimer {
  private readonly clock: Clock;
  private readonly onOver: () => void;
  private at = Number.POSITIVE_INFINITY;
  private timer: Timer | undefined;

  constructor(clock: Clock, onOver: () => void) {
    this.clock = clock;
    this.onOver = onOver;
  }

  set(span: Milliseconds): void {
    const at = this.clock.now() + span;
    if (at >= this.at) return;
    this.at = at;
    this.timer?.cancel();
    this.timer = this.clock.after(span, this.onOver);
  }

  cancel(): void {
    this.timer?.cancel();
  }
}
