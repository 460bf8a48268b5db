import type { Milliseconds } from '../clock.ts';

/** How quickly an answer is expected: the cluster's own names come from memory, others may need a recursion (U2). */
export type TimerClass = 'zone' | 'other';

/**
 * Round trips to one server for one class of questions, smoothed.
 *
 * Every send has a socket of its own, so a sample always belongs to its own send and Karn's rule is not needed.
 *
 * @see RFC 6298 §2
 */
export class RoundTrips {
  private mean: Milliseconds | undefined;
  /** The value by which equals are compared: the mean, corrected for silence. */
  private distance: Milliseconds | undefined;
  private deviation: Milliseconds = 0;
  private sampledAt: Milliseconds = Number.NEGATIVE_INFINITY;

  /** When to send again if nothing has come (U2). */
  get timeout(): Milliseconds {
    if (this.mean === undefined) return TIMEOUT_WITHOUT_SAMPLES;
    const margin = Math.max(MIN_MARGIN, 4 * this.deviation);
    return Math.min(MAX_TIMEOUT, Math.max(MIN_TIMEOUT, this.mean + margin));
  }

  /** SRTT; `undefined` if there is no recent sample. */
  smoothed(now: Milliseconds): Milliseconds | undefined {
    return now - this.sampledAt > RECENT ? undefined : this.distance;
  }

  sample(roundTrip: Milliseconds, now: Milliseconds): void {
    // The first sample after a long time replaces the mean, so that one question detects a server that has come nearer.
    if (this.mean === undefined || now - this.sampledAt > RECENT) {
      this.mean = roundTrip;
      this.distance = roundTrip;
      this.deviation = roundTrip / 2;
    } else {
      this.deviation += (Math.abs(this.mean - roundTrip) - this.deviation) / 4;
      this.mean = smooth(this.mean, roundTrip);
      this.distance = smooth(this.distance, roundTrip);
    }
    this.sampledAt = now;
  }

  /**
   * A send was given up unanswered after `waited`: it counts only if the estimate was lower, and only for the choice.
   * If the timer grew with it, a server would be waited for the longer the less it answers.
   */
  sampleAtLeast(waited: Milliseconds, now: Milliseconds): void {
    if (waited <= (this.distance ?? 0)) return;
    this.distance = smooth(this.distance, waited);
    this.sampledAt = now;
  }

  /** A server that was silent has answered again: its silence was no measure of its distance. */
  forgive(roundTrip: Milliseconds): void {
    if (this.distance !== undefined) this.distance = Math.min(this.distance, roundTrip);
  }
}

/** RFC 6298 §2.3: a new sample weighs an eighth. */
function smooth(estimate: Milliseconds | undefined, sample: Milliseconds): Milliseconds {
  return estimate === undefined ? sample : estimate + (sample - estimate) / 8;
}

/**
 * How long a round trip counts. After that the server has no distance in the choice among equals, and the next sample
 * replaces the mean.
 */
const RECENT: Milliseconds = 30_000;
/** U2: about the spread of a cluster DNS over one node hop, and far below the 5 s that libc waits. */
const TIMEOUT_WITHOUT_SAMPLES: Milliseconds = 150;
/** U2: the timer resolution of a busy event loop; a deviation of 0 must not make every answer late. */
const MIN_MARGIN: Milliseconds = 10;
const MIN_TIMEOUT: Milliseconds = 30;
const MAX_TIMEOUT: Milliseconds = 400;

/**
 * How many resends one server may get: a burst, then a share of the questions (U2).
 *
 * Loss returns its tokens and slowness does not: a server that only became slow is not sent double its load, while one
 * behind a lossy path is asked again as often as needed. At 1,000 questions a second, half of whose datagrams are lost,
 * more than 20 wait for an answer at any time: a busy server's burst is as many as it is asked in the time that a question
 * waits which finds no token.
 */
export class ResendBudget {
  private tokens = BURST;
  private burst = BURST;
  /** Since when questions are counted, and how many there were. */
  private countedFrom: Milliseconds = 0;
  private counted = 0;

  /** A question was asked for the first time. */
  earn(now: Milliseconds): void {
    if (now - this.countedFrom >= COUNT_SPAN) {
      this.burst = Math.max(BURST, (this.counted * RESEND_WITHOUT_TOKEN) / COUNT_SPAN);
      this.countedFrom = now;
      this.counted = 0;
    }
    this.counted++;
    this.tokens = Math.min(this.burst, this.tokens + SHARE);
  }

  take(): boolean {
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  giveBack(count: number): void {
    this.tokens = Math.min(this.burst, this.tokens + count);
  }
}

/** The tokens that one question has taken from its server's {@link ResendBudget}. */
export class ResendTokens {
  private readonly budget: ResendBudget;
  private taken = 0;

  /** The question earns its share. */
  constructor(budget: ResendBudget, now: Milliseconds) {
    this.budget = budget;
    budget.earn(now);
  }

  /** @returns Whether there was one left. */
  take(): boolean {
    if (!this.budget.take()) return false;
    this.taken++;
    return true;
  }

  /** The first send stayed unanswered, so the resends were loss: returns them all. */
  giveBack(): void {
    this.budget.giveBack(this.taken);
  }
}

const BURST = 20;
const COUNT_SPAN: Milliseconds = 1_000;
const SHARE = 0.1;

/** How long after the last send a question may be sent again when no token is left (U2). */
export const RESEND_WITHOUT_TOKEN: Milliseconds = 400;

/** RFC 9520 §3.1, U2: per server and transport; a send that a client's later query adds is not counted (L5). */
export const MAX_SENDS = 3;

/**
 * U3: how long a damaged reply waits for a sound one: long enough for TCP and its handshake, or for the true reply
 * after a forged one.
 */
export const PARTIAL_WAIT: Milliseconds = 250;

/** U3: after an unreadable reply, how long TCP may be silent before one more datagram is sent. */
export const SECOND_OPINION: Milliseconds = 100;

/** When silent TCP is tried once more on a new connection: the one before is given up after 250 ms. */
export const TCP_RESEND: Milliseconds = 270;
