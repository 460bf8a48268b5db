import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { RepairKind } from '../observe/label-sets.ts';
import { isRefusal } from '../upstream/exchange.ts';
import { EdeCode, Rcode, RrClass, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownNegative } from '../wire/soa.ts';
import { type Answer, type Query, queryKey, type Resolve, type Stage } from './stage.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface FamiliesOptions {
  readonly clock: Clock;
  /** F5 is an option; without it a family's failure is told as it is. */
  readonly repair: boolean;
  /** The only family that the pod can route: its failure is never hidden (F5). */
  readonly onlyRoutable?: typeof RrType.A | typeof RrType.AAAA | undefined;
  /** When a datagram to the name's route was last refused on its way: what follows is not upstream's silence (F5). */
  readonly refusedAt: (qname: Name) => Milliseconds;
  readonly repairs: { add(kind: RepairKind): void };
}

/** F3, F5: how long one family waits for the other. Well under the 1 s that no lookup may exceed. */
const PATIENCE: Milliseconds = 700;
/**
 * F3: how long an expansion's AAAA waits for A's denial: past the resend of a lost A, and short enough that an A which
 * stays silent is given up (F5) within a second of the question.
 */
const HEAD_START: Milliseconds = 200;
/** F5: how long a family that failed is taken to have nothing. */
const REPAIR_TTL = 5;
/** Pairs whose addresses are remembered, for those 700 ms; a cached pair needs no memory. */
const MAX_PAIRS = 4_096;

/**
 * Keeps the two families of a name from contradicting each other (F3, F4, F5).
 *
 * It asks the other family itself where an answer hangs on it, so it stands above single flight and cache: what the
 * client asks next is then there.
 */
export function families(options: FamiliesOptions): Stage {
  return (next) => {
    const pairs = new Pairs(next, options);
    return (query) => (isAddressQuery(query) ? pairs.answer(query) : next(query));
  };
}

/** Whether a question is one half of a pair. */
export function isAddressQuery({ qtype, qclass }: Query): boolean {
  return qclass === RrClass.IN && (qtype === RrType.A || qtype === RrType.AAAA);
}

class Pairs {
  private readonly next: Resolve;
  private readonly options: FamiliesOptions;
  /** When each question's addresses arrived: silence of the other family is counted from there (F5). */
  private readonly arrivals = lruMap<string, Milliseconds>(MAX_PAIRS);

  constructor(next: Resolve, options: FamiliesOptions) {
    this.next = next;
    this.options = options;
  }

  async answer(query: Query): Promise<Answer> {
    const isExpansion = query.expansion !== undefined;
    if (isExpansion && query.qtype === RrType.AAAA) {
      const denied = await this.deniedByA(query);
      if (denied !== undefined) return denied;
    }
    const own = await this.ownAnswer(query);
    if (verdictOf(own.message, query) !== 'nxdomain') return own;
    // F3: an expansion's A stands alone; asking AAAA for each would double the walk.
    if (isExpansion && query.qtype === RrType.A) return own;
    return this.besideSibling(query, own);
  }

  /** F3: for an expansion, A's NXDOMAIN answers AAAA unasked; an A that is slow does not hold it back (F5). */
  private async deniedByA(query: Query): Promise<Answer | undefined> {
    const a = await this.within(HEAD_START, this.ask(siblingOf(query)));
    if (a === undefined || verdictOf(a.message, query) !== 'nxdomain') return undefined;
    this.options.repairs.add('shared_nxdomain');
    return a;
  }

  /** The upstream's word for this family, or NODATA where it fails beside a working one (F5). */
  private async ownAnswer(query: Query): Promise<Answer> {
    const own = this.ask(query);
    if (!this.options.repair || this.options.onlyRoutable === query.qtype) return own;
    const outcome = await this.waitFor(own, query);
    if (outcome === 'answered') return own;
    if (outcome === 'failed' && !(await this.siblingHasAddressesSoon(query))) return own;
    this.options.repairs.add(
      outcome === 'failed' ? 'failure_beside_addresses' : 'silence_beside_addresses',
    );
    return nothingInsteadOfFailure(query);
  }

  /** Waits for a family as long as it may be waited for: `silent` once the other has had addresses for 700 ms. */
  private waitFor(own: Promise<Answer>, query: Query): Promise<'answered' | 'failed' | 'silent'> {
    const { clock } = this.options;
    const started = clock.now();
    return new Promise((resolve) => {
      let settled = false;
      const patienceEnds = async (): Promise<void> => {
        const sibling = queryKey(siblingOf(query));
        // Read first: addresses with TTL 0 are asked for anew and arrive again.
        const before = this.arrivals.get(sibling) ?? Number.NEGATIVE_INFINITY;
        const addresses = await this.siblingAddresses(query);
        // Stale ones say that nobody answers for either family: then this one is not broken, and has its own (C4).
        if (addresses === undefined || addresses.source === 'stale') return;
        const arrived = before >= started ? before : (this.arrivals.get(sibling) ?? started);
        const left = Math.max(arrived, started) + PATIENCE - clock.now();
        if (settled) return;
        timer = clock.after(left, () => {
          if (this.options.refusedAt(query.qname) < started) resolve('silent');
        });
      };
      let timer = clock.after(PATIENCE, () => void patienceEnds());
      const settle = (outcome: 'answered' | 'failed'): void => {
        settled = true;
        timer.cancel();
        resolve(outcome);
      };
      own.then(
        (answer) => settle(isUpstreamsFailure(answer, query) ? 'failed' : 'answered'),
        (error: unknown) => settle(isRefusal(error) ? 'answered' : 'failed'),
      );
    });
  }

  /** F3 and F4: NXDOMAIN waits for the other family, and beside addresses it becomes NODATA. */
  private async besideSibling(query: Query, own: Answer): Promise<Answer> {
    const other = await this.within(PATIENCE, this.ask(siblingOf(query)));
    if (other === undefined || verdictOf(other.message, siblingOf(query)) !== 'data') return own;
    this.options.repairs.add('nxdomain_beside_addresses');
    return { ...own, message: { ...own.message, rcode: Rcode.NOERROR } };
  }

  /** A failure is told in time as well: the other family may stay silent until the client's deadline (U2). */
  private async siblingHasAddressesSoon(query: Query): Promise<boolean> {
    return (await this.within(PATIENCE, this.siblingAddresses(query))) !== undefined;
  }

  private async siblingAddresses(query: Query): Promise<Answer | undefined> {
    const sibling = siblingOf(query);
    const answer = await this.ask(sibling).catch(() => undefined);
    const isData = answer !== undefined && verdictOf(answer.message, sibling) === 'data';
    return isData ? answer : undefined;
  }

  /** The answer, where it comes in time and is no error. */
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

  private ask(query: Query): Promise<Answer> {
    return this.next(query).then((answer) => {
      const verdict: Verdict = verdictOf(answer.message, query);
      if (verdict === 'data' && answer.source === 'upstream') {
        this.arrivals.set(queryKey(query), this.options.clock.now());
      }
      return answer;
    });
  }
}

function isUpstreamsFailure({ message, wasRefused }: Answer, query: Query): boolean {
  return verdictOf(message, query) === 'failure' && wasRefused !== true;
}

/** The other half of a pair. */
export function siblingOf(query: Query): Query {
  return { ...query, qtype: query.qtype === RrType.A ? RrType.AAAA : RrType.A };
}

function nothingInsteadOfFailure(query: Query): Answer {
  return {
    message: ownNegative(Rcode.NOERROR, query.qname, REPAIR_TTL),
    source: 'failure',
    age: 0,
    ede: {
      code: EdeCode.OTHER,
      text: 'this address family failed upstream, the other has answers',
    },
  };
}
