import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { randomHex } from '../random.ts';
import type { ConformanceState } from '../vocabulary.ts';
import { RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { isAtOrBelow, type Name } from '../wire/name.ts';
import { negativeProof } from '../wire/soa.ts';
import { asking, ownQuery, type Resolve } from './stage.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface ConformanceOptions {
  readonly zone: Name;
  /** Asks upstream directly: no cache may come between a test and the server that it tests. */
  readonly ask: Resolve;
  readonly clock: Clock;
  /** Called when the verdict changes; `reason` says what the server did. */
  readonly onVerdict: (verdict: ConformanceState, reason: string) => void;
}

/** N2. */
const RETEST_EVERY: Milliseconds = 10 * 60_000;
/** Without an answer the test is repeated soon, then less and less often: a cluster may be starting. */
const FIRST_RETRY: Milliseconds = 1_000;
const LONGEST_RETRY: Milliseconds = 30_000;
/** After a contradiction, and where two servers answer in turn: long enough for a rollout to pass, doubled each time up to the ordinary interval. */
const FIRST_SUSPENSION: Milliseconds = 30_000;

/**
 * Tests whether the server of a cluster zone says NXDOMAIN only for names with nothing below them (N2).
 *
 * Queries never wait for the verdict: until it is positive there are no cuts, and nothing else changes. kube-dns fails
 * the test, rightly: it denies `svc.Z`, below which every service is.
 */
export class Conformance {
  readonly zone: Name;
  private readonly options: ConformanceOptions;
  private current: ConformanceState = 'unknown';
  private mname: Name | undefined;
  private timer: Timer | undefined;
  private running = false;
  private retry = FIRST_RETRY;
  private suspension = FIRST_SUSPENSION;
  private stopped = false;
  /** Counts contradictions: the result of a test is discarded if one arrived while it ran. */
  private doubts = 0;
  private testedAt: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(options: ConformanceOptions) {
    this.options = options;
    this.zone = options.zone;
  }

  get verdict(): ConformanceState {
    return this.current;
  }

  /** Tests now, and again every ten minutes. */
  start(): void {
    void this.test();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /**
   * Another server answers, so the old verdict no longer applies. Soon after a test, the next one waits: two servers
   * behind one address, with different MNAMEs, would otherwise start one for every denial.
   */
  retest(reason: string): void {
    if (this.running || this.stopped) return;
    if (this.options.clock.now() - this.testedAt < FIRST_SUSPENSION) {
      this.suspend(reason);
      return;
    }
    this.settle('unknown', reason);
    void this.test();
  }

  /** Notes the SOA MNAME of a denial in the zone; another MNAME means another server (N2). The serial says nothing. */
  sawMname(mname: Name): void {
    if (this.mname === undefined || this.mname === mname) return;
    this.mname = mname;
    this.retest(`SOA MNAME changed: ${mname}`);
  }

  /** The server contradicted a proof: no cuts until a later test passes (N3). */
  suspend(reason: string): void {
    if (this.stopped) return;
    this.doubts++;
    this.settle('unknown', reason);
    this.schedule(this.suspension);
    this.suspension = Math.min(2 * this.suspension, RETEST_EVERY);
  }

  private async test(): Promise<void> {
    if (this.running || this.stopped) return;
    this.running = true;
    this.testedAt = this.options.clock.now();
    const { doubts } = this;
    try {
      const failed = await this.firstFailure();
      if (this.stopped || doubts !== this.doubts) return;
      this.settle(
        failed === undefined ? 'conforming' : 'nonconforming',
        failed ?? 'all six answers',
      );
      this.retry = FIRST_RETRY;
      this.schedule(RETEST_EVERY);
    } catch {
      // No answer is no verdict; the upstream layer has counted and logged the reason.
      if (doubts !== this.doubts) return;
      this.schedule(this.retry);
      this.retry = Math.min(2 * this.retry, LONGEST_RETRY);
    } finally {
      this.running = false;
    }
  }

  private async firstFailure(): Promise<string | undefined> {
    const { zone } = this;
    const svc = `svc.${zone}`;
    const failures = await Promise.all([
      this.mustExist(`kubernetes.default.${svc}`, RrType.A),
      this.mustExist(`kubernetes.default.${svc}`, RrType.AAAA),
      this.mustExist(`default.${svc}`, RrType.A),
      this.mustExist(svc, RrType.A),
      this.mustBeDenied(`default.${svc}`),
      this.mustBeDenied(svc),
    ]);
    return failures.find((failure) => failure !== undefined);
  }

  private async mustExist(name: Name, qtype: number): Promise<string | undefined> {
    const { verdict } = await this.ask(name, qtype);
    return verdict === 'nxdomain' ? `${name} is denied` : undefined;
  }

  private async mustBeDenied(parent: Name): Promise<string | undefined> {
    // No service or namespace has a name of 64 random bits.
    const name = `${randomHex(8)}.${parent}`;
    const { verdict, message } = await this.ask(name, RrType.A);
    if (verdict !== 'nxdomain') return `a random name below ${parent} is not denied: ${verdict}`;
    const proof = negativeProof(message, name);
    if (proof === undefined) return `NXDOMAIN below ${parent} without SOA`;
    if (!isAtOrBelow(proof.zone, this.zone)) return `NXDOMAIN below ${parent} from ${proof.zone}`;
    this.mname = proof.mname;
    return undefined;
  }

  /** @throws {Error} If the answer is a failure. */
  private async ask(qname: Name, qtype: number): Promise<{ verdict: Verdict; message: Message }> {
    const query = ownQuery(qname, qtype, { probe: true });
    const { message } = await asking(this.options.ask)(query);
    const verdict = verdictOf(message, query);
    if (verdict === 'failure') throw new Error(`no verdict on ${qname}: RCODE ${message.rcode}`);
    return { verdict, message };
  }

  private settle(verdict: ConformanceState, reason: string): void {
    if (verdict === this.current) return;
    this.current = verdict;
    this.options.onVerdict(verdict, reason);
  }

  private schedule(delay: Milliseconds): void {
    this.timer?.cancel();
    if (!this.stopped) this.timer = this.options.clock.after(delay, () => void this.test());
  }
}
