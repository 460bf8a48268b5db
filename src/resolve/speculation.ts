import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { RrType } from '../wire/codes.ts';
import { labelsOf, lastLabel, type Name } from '../wire/name.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { denialKindOf } from './denial-life.ts';
import type { SearchList } from './search-list.ts';
import { asking, type Expansion, NOBODY, ownQuery, type Query, type Resolve } from './stage.ts';
import { deniesName } from './verdict.ts';

export interface SpeculationOptions {
  readonly list: SearchList;
  readonly zone: ClusterZone | undefined;
  readonly clock: Clock;
  /** Last labels that are never namespaces: the base is asked without waiting for the proof (N4). */
  readonly publicTlds: ReadonlySet<string>;
  /** Expansions that need not be asked, since the configuration denies them (N5, N6). */
  readonly isDenied: (expansion: Expansion) => boolean;
  readonly begun: { add(): void };
}

/** N4: one speculation serves both families of a walk, and a client's repetitions. */
export const ONE_WALK: Milliseconds = 2_000;
/** Bases remembered for those two seconds. */
const MAX_WALKS = 4_096;

/**
 * Asks every question that a walk may need at once, when its first step arrives (N4).
 *
 * It answers nothing itself: its results are in the cache, in flight or cuts when the client asks for them. A name that
 * could be a service is not sent outside before the cluster has denied it.
 */
export class Speculation {
  private readonly options: SpeculationOptions;
  private readonly next: Resolve;
  private readonly begun = lruMap<Name, Milliseconds>(MAX_WALKS);

  constructor(next: Resolve, options: SpeculationOptions) {
    this.next = next;
    this.options = options;
  }

  /** Whether this expansion begins a walk whose questions are worth asking ahead: said once for a walk. */
  isDue(first: Expansion): boolean {
    const { base } = first;
    const { list, isDenied } = this.options;
    return (isDenied(first) || list.isFqdnLike(base)) && this.isNewWalk(base);
  }

  /** Asks ahead, where {@link isDue} has said so. */
  begin(query: Query, first: Expansion): void {
    const { base } = first;
    const { isDenied } = this.options;
    const others = this.othersOf(first);
    const mayBeInZone = [first, ...others].some((each) => each.inZone && !isDenied(each));
    const inZone = others
      .filter((other) => other.inZone)
      .map((other) => this.askInZone(query, other));
    void this.askOutside(query, base, others, !mayBeInZone || this.absentInCluster(base, inZone));
  }

  /**
   * Called when a step has been denied. After the first one of a short name it asks A of the others: of those in the cluster, of
   * those outside when the cluster has none, and then of the base.
   */
  async goOn(query: Query, first: Expansion): Promise<void> {
    const { base } = first;
    const isShort = labelsOf(base).length === 1 && this.options.list.isServiceName(first);
    if (!isShort || !this.isNewWalk(base)) return;
    const others = this.othersOf(first);
    for (const inZone of [true, false]) {
      const group = others.filter((other) => other.inZone === inZone);
      const denials = await Promise.all(group.map((other) => this.askFor(query, other)));
      if (!denials.every((denied) => denied)) return;
    }
    this.fetch(this.queryOf(query, base, RrType.A));
  }

  /** The steps that a walk takes beside this one, without those that the configuration denies. */
  private othersOf(expansion: Expansion): (Expansion & { qname: Name })[] {
    const { list, isDenied } = this.options;
    return list.otherExpansions(expansion).filter((other) => !isDenied(other));
  }

  /** Whether nothing was asked ahead for this base yet; from now on it was. */
  private isNewWalk(base: Name): boolean {
    const { clock, begun } = this.options;
    const last = this.begun.get(base);
    if (last !== undefined && clock.now() - last < ONE_WALK) return false;
    this.begun.set(base, clock.now());
    begun.add();
    return true;
  }

  /** Whether the expansion is denied: by the probe of its point, or by its own A if there are no proofs (N4). */
  private askInZone(query: Query, other: Expansion & { qname: Name }): Promise<boolean> {
    const { zone } = this.options;
    if (zone?.conforms === true && denialKindOf(this.options.list, other) !== 'brief') {
      const point = zone.pointFor(other);
      if (point !== undefined) return zone.denied(point);
    }
    return this.askFor(query, other);
  }

  /** Whether A of the expansion itself is NXDOMAIN; a failure counts as no. */
  private askFor(query: Query, other: Expansion & { qname: Name }): Promise<boolean> {
    const own = this.queryOf(query, other.qname, RrType.A, other);
    return asking(this.next)(own).then(
      (answer) => deniesName(answer.message, query),
      () => false,
    );
  }

  /** The leak guard: whether the base may be asked outside; `true` if that is known at once. */
  private absentInCluster(
    base: Name,
    inZone: readonly Promise<boolean>[],
  ): true | Promise<boolean> {
    const { list, zone, publicTlds } = this.options;
    const tld = lastLabel(base);
    if (publicTlds.has(tld) || zone === undefined || list.inZone(base)) return true;
    if (zone.conforms) return zone.denied(`${tld}.svc.${zone.domain}`);
    // If the zone gives no proofs, only the denials of the expansions themselves count.
    return Promise.all(inZone).then((denials) => denials.every((denied) => denied));
  }

  private async askOutside(
    query: Query,
    base: Name,
    others: readonly (Expansion & { qname: Name })[],
    guard: true | Promise<boolean>,
  ): Promise<void> {
    if (guard !== true && !(await guard)) return;
    // A before AAAA: the lane sends them in this order (F2).
    this.fetch(this.queryOf(query, base, RrType.A));
    this.fetch(this.queryOf(query, base, RrType.AAAA));
    for (const other of others) {
      if (!other.inZone) this.fetch(this.queryOf(query, other.qname, RrType.A, other));
    }
  }

  /** A failure is counted where it happens; the client's own step asks again. */
  private fetch(query: Query): void {
    this.next(query, NOBODY);
  }

  private queryOf(query: Query, qname: Name, qtype: number, other?: Expansion): Query {
    const { dnssecOk, checkingDisabled, client } = query;
    const expansion = other ?? this.options.list.expansionOf(qname);
    // Asked on the client's account: its questions count for the client's share.
    const whose = client === undefined ? {} : { client };
    const more = { dnssecOk, checkingDisabled, speculative: true, ...whose };
    // Only expansions are ever repaired, so only they need the mark (N7).
    const marked = expansion === undefined ? more : { ...more, expansion, probe: true };
    return ownQuery(qname, qtype, marked);
  }
}
