import type { Clock } from '../clock.ts';
import type { ExpansionFate } from '../observe/label-sets.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownNegative } from '../wire/soa.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { type DenialKind, denialKindOf, probedKindOf, withoutLife } from './denial-life.ts';
import { isAddressQuery, siblingOf } from './families.ts';
import type { SearchList } from './search-list.ts';
import { Speculation } from './speculation.ts';
import type { Answer, Expansion, Query, Resolve, Stage } from './stage.ts';
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
  /** A fresh answer that is already here. */
  readonly peek: (query: Query) => Answer | undefined;
  /** Whether nobody answers for this name at the moment, about whatever name. */
  readonly isSilent: (qname: Name) => boolean;
  readonly fates: { add(fate: ExpansionFate): void };
  readonly speculations: { add(): void };
}

/** N5, N6: what the configuration denies; a reload may change it. */
const PIN_TTL = 30;

/**
 * Answers the steps of a client's search from proofs, and has the answers of the steps to come fetched (N3, N4, N6, N9).
 *
 * It never lies when the truth is one round trip away: an expansion is NXDOMAIN only by upstream's own word, by a live
 * cut, or by the operator's word.
 */
export function search(options: SearchOptions): Stage {
  return (next) => {
    options.zone?.attach(next);
    const steps = new Steps(next, options);
    return (query) => {
      const readings = options.list.readingsOf(query.qname);
      // However it is read, what the operator denies is denied: a namespace `com` takes no pinned name (N6).
      const expansion = readings.find(options.isDenied) ?? readings[0];
      if (expansion === undefined) return next(query);
      return steps.answer({ ...query, expansion }, expansion);
    };
  };
}

/** A question, and the probe that may become a cut above it. */
interface Race {
  readonly zone: ClusterZone;
  readonly query: Query;
  readonly point: Name;
  readonly kind: DenialKind;
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

  answer(query: Query, expansion: Expansion): Promise<Answer> {
    const { isDenied, mode, fates, zone } = this.options;
    if (mode === 'prove' && isAddressQuery(query)) this.speculation.begin(query, expansion);
    if (isDenied(expansion)) {
      fates.add('pin');
      return Promise.resolve(deniedByUs(expansion));
    }
    if (!expansion.inZone) return this.answerUncut(query);
    const kind = this.kindOf(query, expansion);
    if (kind === 'brief') return this.answerBriefly(query);
    if (this.isCached(query)) return this.next(query);
    return zone === undefined ? this.ask(query, kind) : this.prove(zone, query, expansion, kind);
  }

  /** What the denial may hide; the question of a sidestub that is about to make a cut is one for all below it (N7). */
  private kindOf(query: Query, expansion: Expansion): DenialKind {
    return query.fromProbe === true
      ? probedKindOf(expansion)
      : denialKindOf(this.options.list, expansion);
  }

  private isCached(query: Query): boolean {
    const isCached = this.options.peek(query) !== undefined;
    if (isCached) this.options.fates.add('cache');
    return isCached;
  }

  /** The cache, or upstream's own word. */
  private answerUncut(query: Query): Promise<Answer> {
    return this.isCached(query) ? this.next(query) : this.ask(query, 'usual');
  }

  /** C2: what may be made at any moment is denied by upstream's word alone, and nobody is to keep the denial. */
  private async answerBriefly(query: Query): Promise<Answer> {
    const answer = await this.answerUncut(query);
    if (answer.source === 'upstream') this.options.zone?.sawUncut(query, answer);
    const verdict = verdictOf(answer.message, query);
    const isKept = verdict === 'nodata' && this.isBesideAddresses(query);
    if (isKept || verdict === 'data' || verdict === 'failure') return answer;
    return { ...answer, message: withoutLife(answer.message) };
  }

  /** Whether the name is there by its other family. */
  private isBesideAddresses(query: Query): boolean {
    if (!isAddressQuery(query)) return false;
    const sibling = siblingOf(query);
    const known = this.options.peek(sibling);
    return known !== undefined && verdictOf(known.message, sibling) === 'data';
  }

  /**
   * N3: a live cut answers; else the question goes up, and at the same time the probe that may become one.
   */
  private async prove(
    zone: ClusterZone,
    query: Query,
    expansion: Expansion,
    kind: DenialKind,
  ): Promise<Answer> {
    const covered = this.fromCut(zone, query);
    if (covered !== undefined) return covered;
    const point = zone.conforms && isAddressQuery(query) ? zone.pointFor(expansion) : undefined;
    if (point === undefined) return this.ask(query, kind);
    await zone.awaitProbe(point);
    return this.fromCut(zone, query) ?? this.race({ zone, query, point, kind });
  }

  private fromCut(zone: ClusterZone, query: Query): Answer | undefined {
    const cut = zone.covering(query.qname);
    if (cut !== undefined) this.options.fates.add('cut');
    return cut;
  }

  /** The question's own answer, or a cut that stands before it comes: a lost datagram then costs nothing. */
  private race({ zone, query, point, kind }: Race): Promise<Answer> {
    const own = this.ask(query, kind);
    const denied = zone.denied(point);
    void Promise.all([own, denied]).then(
      ([answer]) => zone.saw(query, answer),
      () => undefined,
    );
    // When the point is QNAME itself the probe is the question: its word comes by the ordinary way.
    if (point === query.qname) return own;
    return new Promise((resolve, reject) => {
      own.then(resolve, reject);
      void denied.then(() => {
        const cut = zone.covering(query.qname);
        if (cut !== undefined) resolve(cut);
      });
    });
  }

  /** Upstream's own word, or a cut of the last minutes where upstream fails and the name is one of the world outside (N9). */
  private async ask(query: Query, kind: DenialKind): Promise<Answer> {
    const isSilent = kind === 'tld' && this.options.isSilent(query.qname);
    const remembered = isSilent ? this.lastKnown(query) : undefined;
    if (remembered !== undefined) {
      // Each step of a walk would wait anew for a server that says nothing; the question stays out, and may be answered.
      this.next(query).catch(() => undefined);
      this.options.fates.add('stale_cut');
      return remembered;
    }
    let answer: Answer | undefined;
    let failure: unknown;
    try {
      answer = await this.next(query);
    } catch (error) {
      failure = error;
    }
    const failed = answer === undefined || verdictOf(answer.message, query) === 'failure';
    const known = failed && kind === 'tld' ? this.lastKnown(query) : undefined;
    this.options.fates.add(known === undefined ? 'upstream' : 'stale_cut');
    if (known !== undefined) return known;
    if (answer === undefined) throw failure;
    return answer;
  }

  private lastKnown(query: Query): Answer | undefined {
    const known = this.options.zone?.lastKnown(query.qname);
    if (known === undefined) return undefined;
    const ede = { code: EdeCode.STALE_NXDOMAIN, text: 'denied within the last five minutes' };
    return { ...known, source: 'stale', ede };
  }
}

function deniedByUs(expansion: Expansion): Answer {
  const message = ownNegative(Rcode.NXDOMAIN, expansion.suffix, PIN_TTL);
  return { message, source: 'pin', age: 0 };
}
