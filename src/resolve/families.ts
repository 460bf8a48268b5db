import type { Clock, Milliseconds } from '../clock.ts';
import { Deadlines, type Expiring, type Waiting } from '../deadlines.ts';
import { isRefusal, UpstreamError } from '../upstream/exchange.ts';
import { DEADLINE } from '../upstream/timeouts.ts';
import type { RepairKind } from '../vocabulary.ts';
import { Rcode, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import {
  FailedHalves,
  FailedWith,
  nothingInsteadOfFailure,
  STILL_SILENT,
} from './failed-halves.ts';
import { HalfTimes } from './half-times.ts';
import { HeadStart, type HeadStartParts, headStartParts } from './head-start.ts';
import {
  type Answer,
  type Asker,
  asking,
  type Expansion,
  isAddressQuery,
  type Query,
  type Resolve,
  type Stage,
  siblingOf,
  tell,
} from './stage.ts';
import { verdictOf } from './verdict.ts';

export interface FamiliesOptions {
  readonly clock: Clock;
  /** F5 is an option; without it a family's failure is passed on. */
  readonly repair: boolean;
  /** The only family that the pod can route: its failure is never hidden (F5). */
  readonly onlyRoutable?: typeof RrType.A | typeof RrType.AAAA | undefined;
  /** When a datagram to the name's route was last refused on its way: silence after that is not upstream's (F5). */
  readonly refusedAt: (qname: Name) => Milliseconds;
  /**
   * F3: how long the AAAA of an expansion waits for the A's answer; 200 ms by default. Where the expansion may well
   * exist and pairs are staggered, no longer than the lane would delay it.
   */
  readonly headStart?: (expansion: Expansion) => Milliseconds | undefined;
  /** Since when a question is in flight; `undefined` where it is not. */
  readonly outSince: (query: Query) => Milliseconds | undefined;
  /** Whether the name's route has answered nothing since then, and the cache has no address for this question. */
  readonly isRouteSilent?: (query: Query, since: Milliseconds) => boolean;
  readonly repairs: { add(kind: RepairKind): void };
}

/** F3, F5: how long one family waits for the other. Well under the 1 s that no lookup may exceed. */
const FAMILY_WAIT: Milliseconds = 700;
/**
 * F5: less if it was refused: a node daemon says so before its sidecar, which does not know it, gives the family up as
 * silent.
 */
const REFUSED_WAIT: Milliseconds = FAMILY_WAIT - 50;
/**
 * F3, F5: how long an answer without addresses waits for the other family if that is in flight: until just before the
 * deadline.
 */
const AWAITED: Milliseconds = DEADLINE - 100;
/** F5: Go and c-ares ask again at once after SERVFAIL; musl asks later, by its timer, and waits anew. */
const AT_ONCE: Milliseconds = 100;

/**
 * Keeps the two families of a name from contradicting each other (F3, F4, F5).
 *
 * It asks for the other family itself when an answer depends on it, so it is above single flight and cache: the
 * client's next question then finds it there.
 */
export function families(options: FamiliesOptions): Stage {
  return (next) => {
    const pairs = new Pairs(next, options);
    return (query, asker) => {
      if (isAddressQuery(query)) pairs.answer(query, asker);
      else next(query, asker);
    };
  };
}

class Pairs {
  readonly next: Resolve;
  readonly options: FamiliesOptions;
  /** How long each question in flight may stay silent beside the other family. */
  readonly familyWaits: Deadlines;
  private readonly askSibling: (query: Query) => Promise<Answer>;
  readonly failures: FailedHalves;
  readonly times: HalfTimes;
  private readonly headStarts: HeadStartParts;

  constructor(next: Resolve, options: FamiliesOptions) {
    this.next = next;
    this.options = options;
    this.familyWaits = new Deadlines(options.clock, REFUSED_WAIT);
    this.failures = new FailedHalves(options.clock);
    this.times = new HalfTimes(options.clock);
    this.headStarts = headStartParts(options.clock, this.times);
    this.askSibling = asking(next);
  }

  answer(query: Query, asker: Asker): void {
    const half = new Half(this, query, asker);
    const { expansion } = query;
    if (expansion !== undefined && query.qtype === RrType.AAAA) {
      const a = new HeadStart(this.headStarts, siblingOf(query), half);
      this.next(a.query, a);
      a.limit(this.options.headStart?.(expansion));
    } else half.ask();
  }

  /** F5 is an option, and the only family that the pod can route keeps its failure. */
  mayRepair({ qtype }: Query): boolean {
    return this.options.repair && this.options.onlyRoutable !== qtype;
  }

  /** F5: whether the other half of a pair that came at `came` may have failed, or may still fail. */
  mayHaveFailed(query: Query, came: Milliseconds): boolean {
    const sibling = siblingOf(query);
    return this.failures.since(sibling, came) !== undefined || this.isOut(sibling);
  }

  private isOut(query: Query): boolean {
    return this.options.outSince(query) !== undefined;
  }

  /** F5: whether a client asks again at once for a family that was given up as refused, and still is in flight. */
  wasJustRefused(query: Query): boolean {
    const at = this.times.refusedAt(query);
    return (
      this.options.clock.now() - at < AT_ONCE && this.wasRefused(query, at) && this.isOut(query)
    );
  }

  /**
   * F5: whether a datagram was refused on its way since this question was sent: at `started`, or earlier if it joined
   * one in flight.
   */
  wasRefused(query: Query, started: Milliseconds): boolean {
    const { outSince, refusedAt } = this.options;
    return refusedAt(query.qname) >= Math.min(started, outSince(query) ?? started);
  }

  /** F5: a denial, or the failure of the other half: after a failure it is not known that the name has no address. */
  async besideFailure(query: Query, own: Answer, came: Milliseconds): Promise<Answer> {
    const sibling = siblingOf(query);
    let isSilent = this.isOut(sibling);
    if (isSilent) {
      const answer = await this.within(this.untilDeadline(came), this.fromSibling(query));
      // Another client may have asked for it anew by now.
      isSilent = answer === undefined && this.isOut(sibling);
    }
    const outcome = isSilent ? STILL_SILENT : this.failures.since(sibling, came);
    if (outcome === undefined) return own;
    this.options.repairs.add('denial_beside_failure');
    if (outcome instanceof FailedWith) throw outcome.error;
    return outcome;
  }

  /** How long a question that came at `came` may wait for the other family if its client waits for both. */
  private untilDeadline(came: Milliseconds): Milliseconds {
    return AWAITED - (this.options.clock.now() - came);
  }

  /** F3, F4, F5: NXDOMAIN waits for the other family, and beside addresses it becomes NODATA. */
  async besideSibling(query: Query, own: Answer, came: Milliseconds): Promise<Answer> {
    // A client that has asked for both waits for both. If musl got NXDOMAIN before addresses that come late, its lookup
    // would fail though it has them.
    const sibling = siblingOf(query);
    if (this.times.deniedAt(sibling) >= came) return own;
    const mayHaveFailed = query.qtype === RrType.AAAA && this.mayHaveFailed(query, came);
    const span = this.isOut(sibling) ? this.untilDeadline(came) : FAMILY_WAIT;
    const other = await this.within(span, this.fromSibling(query));
    // Some servers deny AAAA where there is an A. A denial of the A is passed on, since musl then goes on with its
    // search. A client that asks for one family alone gets what upstream said of that family.
    if (other === undefined) return mayHaveFailed ? this.besideFailure(query, own, came) : own;
    if (verdictOf(other.message, sibling) !== 'data') return own;
    this.options.repairs.add('nxdomain_beside_addresses');
    return { ...own, message: { ...own.message, rcode: Rcode.NOERROR } };
  }

  /**
   * F5: NODATA if a family failed beside one that has addresses, else its failure. The wait is limited: the other
   * family may stay silent until the client's deadline (U2).
   */
  async repaired(query: Query, own: Answer | FailedWith, came: Milliseconds): Promise<Answer> {
    const hasAddresses =
      this.hasJustArrived(siblingOf(query), came) ||
      (await this.within(FAMILY_WAIT, this.siblingAddresses(query))) !== undefined;
    if (hasAddresses) {
      this.options.repairs.add('failure_beside_addresses');
      return nothingInsteadOfFailure(query);
    }
    if (own instanceof FailedWith) throw own.error;
    return own;
  }

  /**
   * When to give up a family that has been silent since `started`: 700 ms after the other's addresses have arrived;
   * `undefined` if it has none.
   */
  async givenUpAt(query: Query, started: Milliseconds): Promise<Milliseconds | undefined> {
    const sibling = siblingOf(query);
    // Read first: addresses with TTL 0 are asked for anew and arrive again.
    const before = this.times.arrivedAt(sibling);
    const addresses = await this.siblingAddresses(query);
    // Stale answers mean that neither family is answered: then this one is not broken, and has its own stale answer
    // (C4).
    if (addresses === undefined || addresses.source === 'stale') return undefined;
    const arrived = before >= started ? before : this.times.arrivedAt(sibling);
    const wait = this.wasRefused(query, started) ? REFUSED_WAIT : FAMILY_WAIT;
    return Math.max(arrived, started) + wait;
  }

  /** Whether addresses arrived that a client still has: those with TTL 0 would be asked for anew. */
  private hasJustArrived(query: Query, came: Milliseconds): boolean {
    return this.times.arrivedAt(query) > came - FAMILY_WAIT;
  }

  private async siblingAddresses(query: Query): Promise<Answer | undefined> {
    const answer = await this.fromSibling(query).catch(() => undefined);
    const isData = answer !== undefined && verdictOf(answer.message, siblingOf(query)) === 'data';
    return isData ? answer : undefined;
  }

  private async fromSibling(query: Query): Promise<Answer> {
    const sibling = siblingOf(query);
    const answer = await this.askSibling(sibling);
    this.times.note(sibling, answer);
    return answer;
  }

  /** The answer; `undefined` if it is late or an error. */
  private within<Value>(span: Milliseconds, answer: Promise<Value>): Promise<Value | undefined> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(span, () => resolve(undefined));
      const settle = (value: Value | undefined): void => {
        timer.cancel();
        resolve(value);
      };
      answer.then(settle, () => settle(undefined));
    });
  }
}

/** One question of a pair in flight. What every question needs is here, what few of them need is in {@link Pairs}. */
class Half implements Asker, Expiring {
  private readonly pairs: Pairs;
  private readonly query: Query;
  private readonly asker: Asker;
  /** When the question came. {@link started} is later if an AAAA has waited for the A's answer first (F3). */
  private readonly came: Milliseconds;
  private started: Milliseconds;
  private timer: Waiting | undefined;
  private isOpen = true;

  constructor(pairs: Pairs, query: Query, asker: Asker) {
    this.pairs = pairs;
    this.query = query;
    this.asker = asker;
    this.came = pairs.options.clock.now();
    this.started = this.came;
    this.timer = undefined;
  }

  ask(): void {
    // The A's NXDOMAIN has answered it while it was held back.
    if (!this.isOpen) return;
    const { pairs, query } = this;
    this.started = pairs.options.clock.now();
    pairs.next(query, this);
    if (!this.isOpen || !pairs.mayRepair(query)) return;
    if (pairs.wasJustRefused(query)) this.giveUp();
    else this.timer = pairs.familyWaits.set(this);
  }

  onAnswer(answer: Answer): void {
    const { pairs, query, asker } = this;
    pairs.times.note(query, answer);
    if (!this.close()) return;
    const verdict = verdictOf(answer.message, query);
    if (verdict === 'failure') this.onFailed(answer);
    else if (verdict === 'nxdomain' && !standsAlone(query)) {
      tell(asker, pairs.besideSibling(query, answer, this.came));
    } else if (verdict === 'nodata' && pairs.mayHaveFailed(query, this.came)) {
      tell(asker, pairs.besideFailure(query, answer, this.came));
    } else asker.onAnswer(answer);
  }

  private onFailed(answer: Answer): void {
    const { pairs, query, asker } = this;
    pairs.failures.note(query, answer);
    const mayRepair = pairs.mayRepair(query) && answer.message.undelivered !== true;
    if (mayRepair) tell(asker, pairs.repaired(query, answer, this.came));
    else asker.onAnswer(answer);
  }

  onFailure(error: unknown): void {
    const { pairs, query, asker } = this;
    if (!this.close()) return;
    const failed = new FailedWith(error);
    pairs.failures.note(query, failed);
    const mayRepair = pairs.mayRepair(query) && !isRefusal(error);
    if (mayRepair) tell(asker, pairs.repaired(query, failed, this.came));
    else asker.onFailure(error);
  }

  /** F3: the A's NXDOMAIN answers this AAAA, which was not sent or not answered yet. */
  onDenial(answer: Answer): void {
    if (!this.close()) return;
    this.pairs.options.repairs.add('shared_nxdomain');
    this.asker.onAnswer(answer);
  }

  /** F5: it has been silent for as long as it may be if the other family has addresses. */
  onDeadline(): void {
    const { pairs, query, started } = this;
    // While upstream answers no question at all, this family is not the broken one, and asking for the other would only
    // double the queries.
    if (pairs.options.isRouteSilent?.(siblingOf(query), started) === true) {
      this.timer = pairs.familyWaits.set(this);
      return;
    }
    void this.giveUpSoon().catch((bug: unknown) => this.asker.onFailure(bug));
  }

  private async giveUpSoon(): Promise<void> {
    const { pairs, query, started } = this;
    const at = await pairs.givenUpAt(query, started);
    if (at === undefined || !this.isOpen) return;
    const { clock } = pairs.options;
    this.timer = clock.after(at - clock.now(), () => this.giveUp());
  }

  private giveUp(): void {
    const { pairs, query, started } = this;
    if (!this.close()) return;
    if (pairs.wasRefused(query, started)) {
      pairs.times.noteRefusal(query);
      // Not upstream's failure, so no NODATA; musl asks again, and other clients go on with the addresses they have.
      this.asker.onFailure(new UpstreamError('local', 'datagrams were refused on their way'));
      return;
    }
    pairs.options.repairs.add('silence_beside_addresses');
    this.asker.onAnswer(nothingInsteadOfFailure(query));
  }

  /** @returns Whether it was still open. */
  private close(): boolean {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.timer?.cancel();
    return wasOpen;
  }
}

/** F3: an expansion's A is asked alone; asking AAAA for each would double the walk. */
function standsAlone({ expansion, qtype }: Query): boolean {
  return expansion !== undefined && qtype === RrType.A;
}
