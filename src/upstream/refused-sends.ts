import type { Clock, Milliseconds, Timer } from '../clock.ts';

/**
 * Sends again after this machine refused a datagram (U2): a full conntrack table, a firewall, no route. Such a datagram
 * was not sent, so it is none of the three that RFC 9520 allows; the next one may be let through.
 */
export class RefusedSends {
  private readonly clock: Clock;
  private readonly resend: () => void;
  private timer: Timer | undefined;
  private delay = FIRST;

  constructor(clock: Clock, resend: () => void) {
    this.clock = clock;
    this.resend = resend;
  }

  /** Whether another send is due. */
  get isDue(): boolean {
    return this.timer !== undefined;
  }

  /** A datagram was refused. */
  note(): void {
    if (this.timer !== undefined) return;
    this.timer = this.clock.after(this.delay, () => {
      this.timer = undefined;
      this.resend();
    });
    this.delay = Math.min(2 * this.delay, LAST);
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}

/** Later than the first resend, which the server's own timer causes. */
const FIRST: Milliseconds = 200;
/** Six or seven tries in the life of a question: no load on a machine whose tables are full. */
const LAST: Milliseconds = 800;
