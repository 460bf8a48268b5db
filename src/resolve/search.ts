import type { Clock } from '../clock.ts';
import type { ExpansionFate } from '../observe/label-sets.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownNegative } from '../wire/soa.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { isAddressQuery } from './families.ts';
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
    if (this.options.peek(query) !== undefined) {
      fates.add('cache');
      return this.next(query);
    }
    return zone === undefined ? this.ask(query) : this.prove(zone, query, expansion);
  }

  /**
   * N3: a live cut answers; else the question goes up, and at the same time the probe that may become one. Outside the
   * zone there is neither.
   */
  private async prove(zone: ClusterZone, query: Query, expansion: Expansion): Promise<Answer> {
    const covered = this.fromCut(zone, query);
    if (covered !== undefined) return covered;
    const point = zone.conforms && isAddressQuery(query) ? zone.pointFor(expansion) : undefined;
    if (point === undefined) return this.ask(query);
    await zone.awaitProbe(point);
    return this.fromCut(zone, query) ?? this.race(zone, query, point);
  }

  private fromCut(zone: ClusterZone, query: Query): Answer | undefined {
    const cut = zone.covering(query.qname);
    if (cut !== undefined) this.options.fates.add('cut');
    return cut;
  }

  /** The question's own answer, or a cut that stands before it comes: a lost datagram then costs nothing. */
  private race(zone: ClusterZone, query: Query, point: Name): Promise<Answer> {
    const own = this.ask(query);
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

  /** Upstream's own word, or a cut of the last minutes where upstream fails (N9). */
  private async ask(query: Query): Promise<Answer> {
    const remembered = this.options.isSilent(query.qname) ? this.lastKnown(query) : undefined;
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
    const known = failed ? this.lastKnown(query) : undefined;
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
