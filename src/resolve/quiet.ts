import type { Milliseconds } from '../clock.ts';
import type { TimerClass } from '../upstream/retransmission.ts';

/**
 * How long upstream may say nothing before it counts as away: four times what its answers usually take, so that a server
 * that is merely slow is waited for, and within these bounds. The cluster's own names are answered from memory: 400 ms is
 * past the resends and TCP, and no job notices it. A recursion may take longer at any time (C4).
 */
const LEAST: Readonly<Record<TimerClass, Milliseconds>> = { zone: 400, other: 800 };
const MOST: Milliseconds = 3_000;
const TIMES_USUAL = 4;
/** Where nothing is known of its answers: what C4 waits for an address. */
const UNKNOWN: Milliseconds = 800;
/** The weight of a new sample in the moving average of response times. */
const WEIGHT = 1 / 8;
/** A question that has been out for so long alone says nothing of now: the next one is waited for. */
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
 * Notices within half a second that a route says nothing any more, to whatever question (C4, N9).
 *
 * Sooner than its servers are found dead, since nothing but memory is at stake: a step of a walk that was denied a moment
 * ago may be denied again, where the next steps lead to addresses that are known.
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

  /** @param took - How long the question was out. */
  heard(of: TimerClass, now: Milliseconds, took: Milliseconds): void {
    this.lastReplyAt = now;
    const { zone, other, [of]: owed } = this.classes;
    zone.isOwed = false;
    other.isOwed = false;
    owed.usual = owed.usual === undefined ? took : owed.usual + (took - owed.usual) * WEIGHT;
  }

  /** From when on the route counts as away for one whose question is out, if nothing is heard before. */
  from(of: TimerClass, now: Milliseconds): Milliseconds {
    const { zone } = this.classes;
    if (of === 'zone') return this.end('zone');
    // Where the cluster's own names are not answered, no others will be.
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
