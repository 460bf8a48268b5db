import { EdeCode, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import type { AnswerCache } from './answer-cache.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { denialKindOf, withoutLife } from './denial-life.ts';
import type { SearchList } from './search-list.ts';
import { type Answer, isAddressQuery, type Query, siblingOf } from './stage.ts';
import { verdictOf } from './verdict.ts';

/** An expired answer of upstream. */
export interface StaleAnswer {
  readonly answer: Answer;
  /**
   * When it may be given. `slow`: upstream takes too long, whatever else it answers. `quiet`: it has stopped answering.
   * `away`: it has answered nothing for seconds. All of them: it has failed.
   */
  readonly when: 'slow' | 'quiet' | 'away';
}

export interface StaleAnswersOptions {
  readonly cache: Pick<AnswerCache, 'has' | 'hasData' | 'stale'>;
  readonly list: SearchList;
  readonly zone: Pick<ClusterZone, 'lastKnown'> | undefined;
}

/**
 * Finds the answers that may be given while upstream does not answer (C4, N9).
 *
 * Addresses may be given soon. A denial may have become wrong since, so it is given only if that does no harm: the name
 * is one of the outside world, in the cluster zone; or a later step of the walk leads to known addresses, so that the
 * walk ends at them and not at the denial.
 */
export class StaleAnswers {
  private readonly options: StaleAnswersOptions;

  constructor(options: StaleAnswersOptions) {
    this.options = options;
  }

  of(query: Query): StaleAnswer | undefined {
    const own = this.options.cache.stale(query);
    if (own !== undefined && verdictOf(own.message, query) === 'data') {
      return { answer: own, when: 'slow' };
    }
    const denial = own ?? this.fromCut(query);
    if (denial === undefined) return undefined;
    const isInZone = this.options.list.inZone(query.qname);
    // It may not be cached: the name may exist by now.
    const answer = isInZone ? { ...denial, message: withoutLife(denial.message) } : denial;
    if (query.denialKind === 'tld' || this.leadsOn(query, denial)) return { answer, when: 'quiet' };
    // Any other name may have been created since: a client that asks directly waits, and finds it.
    const isDeniable = !isInZone && this.isOutsideName(query);
    return isDeniable ? { answer, when: 'away' } : undefined;
  }

  private fromCut(query: Query): Answer | undefined {
    const { denialKind } = query;
    if (denialKind === undefined || denialKind === 'brief') return undefined;
    const known = this.options.zone?.lastKnown(query.qname);
    // An answer for the name itself, if there is one, takes precedence over a cut.
    if (known === undefined || this.options.cache.has(query)) return undefined;
    const ede = { code: EdeCode.STALE_NXDOMAIN, text: 'denied within the last five minutes' };
    return { ...known, source: 'stale', ede };
  }

  /** Whether it is an expansion of a public name, which hardly ever exists. */
  private isOutsideName({ expansion }: Query): boolean {
    return expansion !== undefined && denialKindOf(this.options.list, expansion) === 'tld';
  }

  /**
   * Whether a client that gets this denial still reaches addresses: of the other family, or at a later step of its
   * walk.
   */
  private leadsOn(query: Query, { message }: Answer): boolean {
    // Another sidestub's question for a proof is no step of a walk (N7).
    if (query.fromProbe === true || !isAddressQuery(query)) return false;
    const { expansion } = query;
    if (verdictOf(message, query) === 'nodata' && this.hasAddresses(siblingOf(query))) return true;
    if (expansion === undefined) return false;
    return this.options.list.laterSteps(expansion).some((step) => this.mayEndAt(query, step));
  }

  private mayEndAt(query: Query, qname: Name): boolean {
    return [RrType.A, RrType.AAAA].some((qtype) => this.hasAddresses({ ...query, qname, qtype }));
  }

  private hasAddresses(query: Query): boolean {
    const { cache } = this.options;
    if (cache.hasData(query)) return true;
    const known = cache.stale(query);
    return known !== undefined && verdictOf(known.message, query) === 'data';
  }
}
