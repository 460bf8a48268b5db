import type { Clock } from '../clock.ts';
import type { ExpansionFate } from '../vocabulary.ts';
import { Rcode } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownNegative } from '../wire/soa.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { cutPoints } from './cuts.ts';
import { denialKindOf, probedKindOf, withoutLife } from './denial-life.ts';
import type { SearchList } from './search-list.ts';
import { Speculation } from './speculation.ts';
import {
  type Answer,
  type Asker,
  type DenialKind,
  type Expansion,
  isAddressQuery,
  type Query,
  type Resolve,
  type Stage,
  siblingOf,
} from './stage.ts';
import { verdictOf } from './verdict.ts';

export interface SearchOptions {
  readonly list: SearchList;
  /** Absent where there is no cluster, or nothing is to be proven of it. */
  readonly zone: ClusterZone | undefined;
  readonly clock: Clock;
  /** `off` fetches nothing early; what is denied by configuration is denied in every mode. */
  readonly mode: 'prove' | 'off';
  /** Expansions that the operator denies: pins (N6), and what `assume` assumes (N5). */
  readonly isDenied: (expansion: Expansion) => boolean;
  readonly publicTlds: ReadonlySet<string>;
  /** Whether the cache has a fresh answer, positive or negative; and whether it has fresh data. */
  readonly isKnown: (query: Query) => boolean;
  readonly hasData: (query: Query) => boolean;
  readonly fates: { add(fate: ExpansionFate): void };
  readonly speculations: { add(): void };
}

/** N5, N6: the TTL of a denial by the configuration, which a reload may change. */
const PIN_TTL = 30;

/**
 * Answers the steps of a client's search from proofs, and asks for the answers of later steps in advance (N3, N4, N6,
 * N9).
 *
 * An expansion is NXDOMAIN only by upstream's answer, by a cut, or by the operator's configuration.
 */
export function search(options: SearchOptions): Stage {
  return (next) => {
    options.zone?.attach(next);
    const steps = new Steps(next, options);
    return (query, asker) => {
      const readings = options.list.readingsOf(query.qname);
      // A reading that the operator denies comes first: a namespace called `com` does not undo a pin (N6).
      const expansion = readings.find(options.isDenied) ?? readings[0];
      if (expansion === undefined) next(query, asker);
      else steps.answer({ ...query, expansion }, expansion, asker);
    };
  };
}

/** A step in the cluster zone. */
interface ZoneStep {
  readonly zone: ClusterZone;
  readonly query: Query;
  readonly asker: Asker;
}

class Steps {
  private readonly next: Resolve;
  private readonly options: SearchOptions;
  private readonly speculation: Speculation;

  constructor(next: Resolve, options: SearchOptions) {
    this.next = next;
    this.options = options;
    this.speculation = new Speculation(next, { ...options, begun: options.speculations });
  }

  answer(query: Query, expansion: Expansion, asker: Asker): void {
    const { isDenied, mode, fates } = this.options;
    const isFirst = mode === 'prove' && isAddressQuery(query) && this.speculation.isDue(expansion);
    // The client waits for this step and not yet for those to come, so their questions go out after it.
    if (isFirst) {
      Promise.resolve()
        .then(() => this.speculation.begin(query, expansion))
        .catch((bug: unknown) => asker.onFailure(bug));
    }
    if (isDenied(expansion)) {
      fates.add('pin');
      asker.onAnswer(deniedByUs(expansion));
    } else if (!expansion.inZone) this.askUncut(query, asker);
    else this.answerInZone(query, expansion, asker);
  }

  private answerInZone(query: Query, expansion: Expansion, asker: Asker): void {
    const { zone } = this.options;
    const denialKind = this.kindOf(query, expansion);
    const step = { ...query, denialKind };
    if (denialKind === 'brief') {
      this.askUncut(step, new BriefStep(this, step, asker));
    } else if (this.isCached(step)) this.next(step, asker);
    else if (zone === undefined) this.ask(step, asker);
    else this.prove({ zone, query: step, asker }, expansion);
  }

  /** What the name may become; for another sidestub's probe, what any name below the probed point may become (N7). */
  private kindOf(query: Query, expansion: Expansion): DenialKind {
    const point = this.probedPoint(query);
    return point === undefined ? denialKindOf(this.options.list, expansion) : probedKindOf(point);
  }

  /** QNAME, if another sidestub probes it to make a cut (N7). */
  private probedPoint({ qname, fromProbe }: Query): Name | undefined {
    const { zone } = this.options.list;
    if (fromProbe !== true || zone === undefined) return undefined;
    return cutPoints(qname, zone).includes(qname) ? qname : undefined;
  }

  private isCached(query: Query): boolean {
    const isCached = this.options.isKnown(query);
    if (isCached) this.options.fates.add('cache');
    return isCached;
  }

  /** Answers from the cache or by upstream, and from no cut. */
  private askUncut(query: Query, asker: Asker): void {
    if (this.isCached(query)) this.next(query, asker);
    else this.ask(query, asker);
  }

  /**
   * C2: a name that may be created at any moment is denied only by upstream's answer, and the denial may not be cached.
   */
  briefly(query: Query, answer: Answer): Answer {
    if (answer.source === 'upstream') this.options.zone?.sawUncut(query, answer);
    const verdict = verdictOf(answer.message, query);
    const isKept = verdict === 'nodata' && this.isBesideAddresses(query);
    if (isKept || verdict === 'data' || verdict === 'failure') return answer;
    return { ...answer, message: withoutLife(answer.message) };
  }

  /** N4: when the first step of a base of one label is denied, the walk goes on: its other steps are asked ahead. */
  wasDenied(query: Query, { message }: Answer): void {
    const { expansion } = query;
    if (expansion === undefined || this.options.mode !== 'prove' || !isAddressQuery(query)) return;
    if (verdictOf(message, query) !== 'nxdomain') return;
    // After this turn's listeners: the same denial answers AAAA, and the client waits for both.
    void Promise.resolve().then(() => this.speculation.goOn(query, expansion));
  }

  /** Whether the other family has addresses, so that the name exists. */
  private isBesideAddresses(query: Query): boolean {
    return isAddressQuery(query) && this.options.hasData(siblingOf(query));
  }

  /** Counts what answered a question for which there was no live cut: upstream, or an expired cut (N9). */
  settle(answer: Answer | undefined): void {
    const isOldCut = answer?.source === 'stale' && answer.proof !== undefined;
    this.options.fates.add(isOldCut ? 'stale_cut' : 'upstream');
  }

  /** N3: a live cut answers; else the question is sent, together with a probe that may give a cut. */
  private prove(step: ZoneStep, expansion: Expansion): void {
    const { zone, query, asker } = step;
    const covered = this.fromCut(zone, query);
    if (covered !== undefined) {
      asker.onAnswer(covered);
      return;
    }
    const own = this.probedPoint(query) ?? zone.pointFor(expansion);
    const point = zone.conforms && isAddressQuery(query) ? own : undefined;
    if (point === undefined) this.ask(query, asker);
    else if (!zone.isProbing(point)) this.race(step, point);
    else {
      zone
        .awaitProbe(point)
        .then(() => {
          const cut = this.fromCut(zone, query);
          if (cut === undefined) this.race(step, point);
          else asker.onAnswer(cut);
        })
        .catch((bug: unknown) => asker.onFailure(bug));
    }
  }

  private fromCut(zone: ClusterZone, query: Query): Answer | undefined {
    const cut = zone.covering(query.qname);
    if (cut !== undefined) this.options.fates.add('cut');
    return cut;
  }

  /** The question's own answer, or a cut if the probe is answered first: a lost datagram then costs nothing. */
  private race({ zone, query, asker }: ZoneStep, point: Name): void {
    const race = new Race(zone, query, asker);
    this.ask(query, race);
    zone
      .denied(point)
      // When the point is QNAME itself the probe is the question: its answer arrives in the ordinary way.
      .then(() => race.onProbed(point !== query.qname))
      .catch((bug: unknown) => asker.onFailure(bug));
  }

  /** Asks the stages below: upstream, or a stale answer in its place. */
  private ask(query: Query, asker: Asker): void {
    this.next(query, new Step(this, asker));
  }
}

/** A step that was passed on. */
class Step implements Asker {
  private readonly steps: Steps;
  private readonly asker: Asker;

  constructor(steps: Steps, asker: Asker) {
    this.steps = steps;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    this.steps.settle(answer);
    this.asker.onAnswer(answer);
  }

  onFailure(error: unknown): void {
    this.steps.settle(undefined);
    this.asker.onFailure(error);
  }
}

/** A step for a name that may be created at any moment: its NXDOMAIN is handed on with TTL 0 (C2). */
class BriefStep implements Asker {
  private readonly steps: Steps;
  private readonly query: Query;
  private readonly asker: Asker;

  constructor(steps: Steps, query: Query, asker: Asker) {
    this.steps = steps;
    this.query = query;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    this.asker.onAnswer(this.steps.briefly(this.query, answer));
    this.steps.wasDenied(this.query, answer);
  }

  onFailure(error: unknown): void {
    this.asker.onFailure(error);
  }
}

/** A step in flight together with a probe that may answer it first. */
class Race implements Asker {
  private readonly zone: ClusterZone;
  private readonly query: Query;
  private readonly asker: Asker;
  private own: Answer | undefined;
  private isProbed = false;
  private isOpen = true;

  constructor(zone: ClusterZone, query: Query, asker: Asker) {
    this.zone = zone;
    this.query = query;
    this.asker = asker;
    this.own = undefined;
  }

  onAnswer(answer: Answer): void {
    this.own = answer;
    this.compare();
    this.tell(answer);
  }

  onFailure(error: unknown): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.asker.onFailure(error);
  }

  /**
   * The question for the cut's own name was answered.
   *
   * @param mayAnswer - Whether a cut may answer the client's question.
   */
  onProbed(mayAnswer: boolean): void {
    this.isProbed = true;
    this.compare();
    const cut = mayAnswer && this.isOpen ? this.zone.covering(this.query.qname) : undefined;
    if (cut !== undefined) this.tell(cut);
  }

  /** With both answers, checks whether the zone contradicts itself (N3). */
  private compare(): void {
    if (this.isProbed && this.own !== undefined) this.zone.saw(this.query, this.own);
  }

  private tell(answer: Answer): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.asker.onAnswer(answer);
  }
}

function deniedByUs(expansion: Expansion): Answer {
  const message = ownNegative(Rcode.NXDOMAIN, expansion.suffix, PIN_TTL);
  return { message, source: 'pin', age: 0 };
}
