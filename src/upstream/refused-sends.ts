import type { Clock, Milliseconds, Timer } from '../clock.ts';

/**
 * Sends again after a message was refused before it was sent, so that it is none of the three that RFC 9520 allows (U2):
 * this machine refused a datagram (a full conntrack table, a firewall, no route), or the server refused a connection. The
 * next one may be let through, or meet another pod behind the address of a service.
 */
export class RefusedSends {
  private readonly clock: Clock;
  private readonly resend: () => void;
  private timer: Timer | undefined;
  private readonly last: Milliseconds;
  private delay: Milliseconds;
  private left: number;

  /**
   * @param pace - How long to wait each of {@link MOST} times; by default {@link FIRST}, doubled up to {@link LAST}, as
   *   long as there is time.
   */
  constructor(clock: Clock, resend: () => void, pace?: Milliseconds) {
    this.clock = clock;
    this.resend = resend;
    this.delay = pace ?? FIRST;
    this.last = pace ?? LAST;
    this.left = pace === undefined ? Number.POSITIVE_INFINITY : MOST;
  }

  /** Whether another send is due. */
  get isDue(): boolean {
    return this.timer !== undefined;
  }

  /** A message was refused. */
  note(): void {
    if (this.timer !== undefined || this.left-- <= 0) return;
    this.timer = this.clock.after(this.delay, () => {
      this.timer = undefined;
      this.resend();
    });
    this.delay = Math.min(2 * this.delay, this.last);
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
/** Of two pods behind an address, of which one is gone, all of these and the first miss once in 128 times. */
const MOST = 6;
