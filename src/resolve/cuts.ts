import type { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { Message } from '../wire/message.ts';
import { isAtOrBelow, joinNames, labelsOf, type Name, relativeTo } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Seconds } from '../wire/record.ts';
import { negativeProof, OWN_MNAME } from '../wire/soa.ts';
import { isIanaTld } from './iana-tlds.ts';
import type { Answer } from './stage.ts';
import { deniesName, verdictOf } from './verdict.ts';

export interface CutsOptions {
  readonly zone: Name;
  readonly clock: Clock;
  /** Whether the zone's server passed its test (N2); called at each use. */
  readonly trusted: () => boolean;
  /** Asks again for a cut that was used and has expired; the caller reports the answer to {@link Cuts.note}. */
  readonly refresh: (point: Name) => void;
}

interface Cut {
  readonly message: Message;
  readonly storedAt: Milliseconds;
  readonly expiresAt: Milliseconds;
  readonly timer: Timer;
  used: boolean;
}

/** N3: a top-level domain does not become a service from one moment to the next. */
const TLD_LIFE: Seconds = 30;
/** N3: a service created now must appear at once (kubernetes#128359). */
const OTHER_LIFE: Seconds = 5;
/** N3: how long the old cut serves while it is refreshed. */
const GRACE: Milliseconds = 500;
/** N9: the greatest age of a cut that may answer for a failing upstream. */
const STALE: Milliseconds = 5 * 60_000;
/** One cut is about 1 KiB; a job meets a handful of last labels, a node daemon some hundreds. */
const MAX_CUTS = 4_096;

/**
 * Proven NXDOMAINs of one cluster zone: nothing exists at or below the point of a cut (N3, RFC 8020).
 *
 * Points are only children of Z, `svc.Z` and `NS.svc.Z`, never a label that starts with `_` or is `dns`; so one cut for
 * `com.svc.Z` answers every expansion of every `.com` name under `svc.Z`.
 */
export class Cuts {
  private readonly options: CutsOptions;
  private readonly cuts: LRUCache<Name, Cut>;

  constructor(options: CutsOptions) {
    this.options = options;
    this.cuts = lruMap(MAX_CUTS, (cut) => cut.timer.cancel());
  }

  get size(): number {
    return this.cuts.size;
  }

  /** NXDOMAIN from a live cut at `qname` or above; `undefined` if there is none. */
  covering(qname: Name): Answer | undefined {
    if (!this.options.trusted()) return undefined;
    const now = this.options.clock.now();
    for (const point of cutPoints(qname, this.options.zone)) {
      const cut = this.cuts.get(point);
      if (cut === undefined || now >= cut.expiresAt + GRACE) continue;
      cut.used = true;
      return answerOf(cut, now, point);
    }
    return undefined;
  }

  /** Whether there is a live cut at exactly this point. */
  standsAt(point: Name): boolean {
    const cut = this.cuts.peek(point);
    const live = cut !== undefined && this.options.clock.now() < cut.expiresAt + GRACE;
    return live && this.options.trusted();
  }

  /** A cut that expired not long ago, for a name whose upstream is failing (N9). */
  lastKnown(qname: Name): Answer | undefined {
    if (!this.options.trusted()) return undefined;
    const now = this.options.clock.now();
    for (const point of cutPoints(qname, this.options.zone)) {
      const cut = this.cuts.peek(point);
      if (cut !== undefined && now < cut.expiresAt + STALE) return answerOf(cut, now, point);
    }
    return undefined;
  }

  /**
   * Takes upstream's answer to `question`, whose QNAME is a point: NXDOMAIN makes a cut, any other answer ends an
   * existing one.
   */
  note(question: Question, answer: Answer): void {
    const point = question.qname;
    const { zone, clock, trusted } = this.options;
    if (!trusted() || !cutPoints(point, zone).includes(point)) return;
    if (verdictOf(answer.message, question) === 'failure') return;
    const proof = negativeProof(answer.message, point);
    // A denial that a sidestub upstream makes from its configuration says nothing about the zone.
    if (proof?.mname === OWN_MNAME) return;
    if (
      !deniesName(answer.message, question) ||
      proof === undefined ||
      !isAtOrBelow(proof.zone, zone)
    ) {
      this.cuts.delete(point);
      return;
    }
    const now = clock.now();
    // The age is rounded up: a cut made from a cached denial must not outlive that cache entry (C2).
    const spent = Math.ceil((now - (answer.freshAt ?? now - answer.age * 1000)) / 1000);
    // Subtracted from our own limit as well: the limit counts from upstream's answer, not from the cut.
    const life = Math.min(proof.ttl, isTldPoint(point) ? TLD_LIFE : OTHER_LIFE) - spent;
    if (life > 0) this.set(point, answer.message, life, now);
  }

  /** Ends the cuts at a name and above: something is there now. */
  end(qname: Name): void {
    for (const point of cutPoints(qname, this.options.zone)) this.cuts.delete(point);
  }

  /** Forgets every cut: the zone's server contradicted one, or has changed. */
  clear(): void {
    this.cuts.clear();
  }

  private set(point: Name, message: Message, life: Seconds, now: Milliseconds): void {
    const authority = message.authority.map((rr) => ({ ...rr, ttl: Math.min(rr.ttl, life) }));
    this.cuts.set(point, {
      message: { ...message, authority, additional: [] },
      storedAt: now,
      expiresAt: now + life * 1000,
      timer: this.options.clock.after(life * 1000, () => this.expire(point)),
      used: false,
    });
  }

  private expire(point: Name): void {
    const cut = this.cuts.peek(point);
    if (cut?.used === true && this.options.trusted()) this.options.refresh(point);
  }
}

/** The points of `qname` in the zone, from the top: at most three. */
export function cutPoints(qname: Name, zone: Name): Name[] {
  if (!isAtOrBelow(qname, zone)) return [];
  const labels = labelsOf(relativeTo(qname, zone));
  // Below `svc.Z` the two levels of namespaces and services; elsewhere only the children of Z.
  const depth = labels.at(-1) === 'svc' ? 3 : 1;
  const points: Name[] = [];
  for (let count = 1; count <= Math.min(depth, labels.length); count++) {
    const label = labels.at(-count) ?? '';
    if (label.startsWith('_') || label === 'dns') continue;
    points.push(joinNames(`${labels.slice(-count).join('.')}.`, zone));
  }
  return points;
}

function isTldPoint(point: Name): boolean {
  return isIanaTld(point.slice(0, point.indexOf('.')));
}

function answerOf(cut: Cut, now: Milliseconds, proof: Name): Answer {
  const age = Math.floor((now - cut.storedAt) / 1000);
  return { message: cut.message, source: 'cut', age, freshAt: cut.storedAt, proof };
}
