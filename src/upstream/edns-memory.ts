import type { Clock, Milliseconds } from '../clock.ts';

/** Remembers for a while that a server does not understand EDNS, so that only the first question pays for it (U4). */
export class EdnsMemory {
  private readonly clock: Clock;
  private plainUntil: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Whether to send an OPT. */
  get usable(): boolean {
    return this.clock.now() >= this.plainUntil;
  }

  /** The server refused an OPT and answered without one. */
  refuse(): void {
    this.plainUntil = this.clock.now() + FORGET_AFTER;
  }
}

/** As long as an upgrade or a changed DNAT choice may go unnoticed; the price of asking again is one round trip. */
const FORGET_AFTER: Milliseconds = 600_000;
