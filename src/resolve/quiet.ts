import type { Milliseconds } from '../clock.ts';
import type { TimerClass } from '../upstream/retransmission.ts';

/**
 * How long upstream may be silent before it counts as away: four times its usual response time, so that a server that
 * is merely slow is waited for, within these bounds. The cluster's own names are answered from memory: 400 ms is past
 * the resends and TCP, and no job notices it. A recursion may take longer at any time (C4).
 */
const LEAST: Readonly<Record<TimerClass, Milliseconds>> = { zone: 400, other: 800 };
const MOST: Milliseconds = 3_000;
const TIMES_USUAL = 4;
/** Before the first answer: as long as C4 waits for an address. */
const UNKNOWN: Milliseconds = 800;
/** The weight of a new sample in the moving average of response times. */
const WEIGHT = 1 / 8;
/** If no question was asked for this long, the silence is counted from the next one. */
const PAUSE: Milliseconds = 2_000;

/** The questions of one class: the cluster's own names are answered from memory, others by a recursion. */
interface Owed {
  /** Whether any has been asked since the last answer. */
  isOwed: boolean;
  /** When the first of them was. */
  since: Milliseconds;
  askedAt: Milliseconds;
  usual: Milliseconds | undefined;
}

/**
 * Notices early that a route no longer answers any question (C4, N9).
 *
 * This may be sooner than its servers are found dead, since it only allows stale answers: a step of a walk that was
 * denied a moment ago may be denied again if later steps lead to known addresses.
 */
export class Quiet {
  private lastReplyAt: Milliseconds = Number.NEGATIVE_INFINITY;
  private readonly classes: Readonly<Record<TimerClass, Owed>> = {
    zone: nothingOwed(),
    other: nothingOwed(),
  };

  asked(of: TimerClass, now: Milliseconds): void {
    const { [of]: owed } = this.classes;
    if (!owed.isOwed || now - owed.askedAt >= PAUSE) owed.since = now;
    owed.isOwed = true;
    owed.askedAt = now;
  }

  /** @param took - How long the question was in flight. */
  heard(of: TimerClass, now: Milliseconds, took: Milliseconds): void {
    this.lastReplyAt = now;
    const { zone, other, [of]: owed } = this.classes;
    zone.isOwed = false;
    other.isOwed = false;
    owed.usual = owed.usual === undefined ? took : owed.usual + (took - owed.usual) * WEIGHT;
  }

  /** When the route will count as away for a question in flight, if it answers nothing before. */
  from(of: TimerClass, now: Milliseconds): Milliseconds {
    const { zone } = this.classes;
    if (of === 'zone') return this.end('zone');
    // A server that does not answer the cluster's own names will not answer others.
    const zoneIsOwed = zone.isOwed && now - zone.askedAt < PAUSE;
    return zoneIsOwed ? Math.min(this.end('zone'), this.end('other')) : this.end('other');
  }

  private end(of: TimerClass): Milliseconds {
    const { since, usual } = this.classes[of];
    const { [of]: least } = LEAST;
    const span =
      usual === undefined ? UNKNOWN : Math.min(Math.max(TIMES_USUAL * usual, least), MOST);
    return Math.max(since, this.lastReplyAt) + span;
  }
}

function nothingOwed(): Owed {
  return { isOwed: false, since: Number.NEGATIVE_INFINITY, askedAt: 0, usual: undefined };
}
