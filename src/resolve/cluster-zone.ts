import { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import type { ConformanceState } from '../vocabulary.ts';
import { RrType } from '../wire/codes.ts';
import { isUnfinished, type Message } from '../wire/message.ts';
import { joinNames, labelsOf, lastLabel, type Name, relativeTo } from '../wire/name.ts';
import { negativeProof, OWN_MNAME } from '../wire/soa.ts';
import { Conformance } from './conformance.ts';
import { Cuts, cutPoints } from './cuts.ts';
import {
  type Answer,
  asking,
  type Expansion,
  ownQuery,
  type Query,
  type Resolve,
} from './stage.ts';
import { deniesName, verdictOf } from './verdict.ts';

export interface ClusterZoneOptions {
  readonly zone: Name;
  readonly clock: Clock;
  /** Whether two names are answered by the same upstream: a proof holds for its own route only (N3). */
  readonly sameRoute: (a: Name, b: Name) => boolean;
  readonly onVerdict: (verdict: ConformanceState, reason: string) => void;
}

/** How far apart the replies to two questions sent at the same moment may arrive. */
const JITTER: Milliseconds = 10;
/** More namespaces than the pods of one node are in; one that is evicted is found again by the next probe. */
const MAX_NAMESPACES = 1_024;
/**
 * How long a label counts as a namespace after it was last seen. That only decides how a QNAME is split, and proves
 * nothing (N1).
 */
const NAMESPACE_LIFE: Milliseconds = 10 * 60_000;

/** What is known of one cluster zone: whether its server's denials can be trusted, and what it denied (N2, N3). */
export class ClusterZone {
  readonly domain: Name;
  private readonly options: ClusterZoneOptions;
  private readonly cuts: Cuts;
  private conformance: Conformance | undefined;
  /** Probes in flight: whether nothing exists at their point. */
  private readonly probes = new Map<Name, Promise<boolean>>();
  /** When each namespace was last seen. */
  private readonly namespaces = new LRUCache<string, Milliseconds>({ max: MAX_NAMESPACES });
  private ask: ((query: Query) => Promise<Answer>) | undefined;

  constructor(options: ClusterZoneOptions) {
    this.options = options;
    this.domain = options.zone;
    this.cuts = new Cuts({
      zone: options.zone,
      clock: options.clock,
      trusted: () => this.conforms,
      refresh: (point) => void this.probe(point),
    });
  }

  /** Gives the zone the stages below the search, which its probes go through. */
  attach(next: Resolve): void {
    this.ask = asking(next);
  }

  /** Begins to test the zone's server; `upstream` asks it with no cache between. */
  test(upstream: Resolve): void {
    const { zone, clock, onVerdict } = this.options;
    this.conformance?.stop();
    this.conformance = new Conformance({
      zone,
      clock,
      ask: upstream,
      onVerdict: (verdict, reason) => {
        // Also when it begins to conform: there are no cuts then.
        this.cuts.clear();
        onVerdict(verdict, reason);
      },
    });
    this.conformance.start();
  }

  /** Ends the tests and forgets what was proven; a probe still in flight then proves nothing. */
  stop(): void {
    this.conformance?.stop();
    this.conformance = undefined;
    this.cuts.clear();
  }

  get verdict(): ConformanceState {
    return this.conformance?.verdict ?? 'unknown';
  }

  /** Whether NXDOMAIN in this zone means that nothing is below, so that cuts are allowed. */
  get conforms(): boolean {
    return this.verdict === 'conforming';
  }

  get cutCount(): number {
    return this.cuts.size;
  }

  /** NXDOMAIN from a live cut; `undefined` for a name that another upstream answers. */
  covering(qname: Name): Answer | undefined {
    return this.isOwn(qname) ? this.cuts.covering(qname) : undefined;
  }

  /** NXDOMAIN from a cut that was live in the last five minutes (N9). */
  lastKnown(qname: Name): Answer | undefined {
    return this.isOwn(qname) ? this.cuts.lastKnown(qname) : undefined;
  }

  /** Whether a label was seen to be a namespace. */
  isNamespace(label: string): boolean {
    const seen = this.namespaces.get(label);
    return seen !== undefined && this.options.clock.now() - seen < NAMESPACE_LIFE;
  }

  /**
   * The point whose denial would answer every name with this base's last label under its suffix (N3); `undefined` if
   * there can be no cut.
   */
  pointFor(expansion: Expansion): Name | undefined {
    const point = joinNames(`${lastLabel(expansion.base)}.`, expansion.suffix);
    return cutPoints(point, this.domain).includes(point) ? point : undefined;
  }

  /** Whether nothing exists at `point`: from its cut, else from upstream. Never rejects. */
  denied(point: Name): Promise<boolean> {
    return this.cuts.standsAt(point) ? Promise.resolve(true) : this.probe(point);
  }

  /** Whether a probe of `point` is in flight. */
  isProbing(point: Name): boolean {
    return this.probes.has(point);
  }

  /** Waits a moment for a probe that an earlier question sent, so that its cut can answer this one. */
  async awaitProbe(point: Name): Promise<void> {
    const probe = this.probes.get(point);
    if (probe === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.options.clock.after(JITTER, resolve);
      void probe.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Checks the answer to a client's question in the zone: data below a live cut suspends all cuts (N3). */
  saw(query: Query, answer: Answer): void {
    const { conformance } = this;
    if (conformance?.verdict !== 'conforming' || isNoWordOnTheName(answer.message)) return;
    const verdict = verdictOf(answer.message, query);
    if (verdict === 'nxdomain') {
      const proof = negativeProof(answer.message, query.qname);
      // Not from a zone delegated inside Z, whose server has another MNAME, nor from another sidestub, which has its
      // own.
      if (proof?.zone === this.domain && proof.mname !== OWN_MNAME) {
        conformance.sawMname(proof.mname);
      }
    } else if (verdict !== 'failure' && this.cuts.covering(query.qname) !== undefined) {
      conformance.suspend(`data below a cut: ${relativeTo(query.qname, this.domain)}`);
    }
  }

  /**
   * As {@link saw}, for a name that cuts do not answer because it may be created at any moment: if it exists now, the
   * cuts above it end, which is no contradiction (C2).
   */
  sawUncut(query: Query, answer: Answer): void {
    const verdict = verdictOf(answer.message, query);
    const isThere = verdict === 'data' || verdict === 'nodata';
    if (isThere && !isNoWordOnTheName(answer.message)) {
      this.cuts.end(query.qname);
      this.sawNamespace(query.qname);
    }
    this.saw(query, answer);
  }

  private probe(point: Name): Promise<boolean> {
    const pending = this.probes.get(point);
    if (pending !== undefined) return pending;
    const probe = this.askAt(point).finally(() => this.probes.delete(point));
    this.probes.set(point, probe);
    return probe;
  }

  private async askAt(point: Name): Promise<boolean> {
    if (this.ask === undefined || !this.isOwn(point)) return false;
    const suffix = point.slice(point.indexOf('.') + 1);
    const expansion = { base: relativeTo(point, suffix), suffix, inZone: true };
    const query = ownQuery(point, RrType.A, { speculative: true, probe: true, expansion });
    try {
      const answer = await this.ask(query);
      this.cuts.note(query, answer);
      const denies = deniesName(answer.message, query);
      const isThere = !denies && verdictOf(answer.message, query) !== 'failure';
      if (isThere) this.sawNamespace(point);
      return denies;
    } catch {
      // Counted where it failed. Without an answer nothing is known of the point.
      return false;
    }
  }

  /** This name exists, and so does the namespace in it. */
  private sawNamespace(qname: Name): void {
    const [svc, namespace] = labelsOf(relativeTo(qname, this.domain)).reverse();
    if (svc !== 'svc' || namespace === undefined) return;
    this.namespaces.set(namespace, this.options.clock.now());
  }

  private isOwn(name: Name): boolean {
    return this.options.sameRoute(name, this.domain);
  }
}

/** Addresses of another owner, or a part of an answer: they neither support a proof nor contradict one (C1, U3). */
function isNoWordOnTheName(message: Message): boolean {
  return message.otherOwner === true || isUnfinished(message);
}
