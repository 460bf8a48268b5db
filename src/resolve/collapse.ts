import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { Rcode, RrClass, RrType } from '../wire/codes.ts';
import { encodeName, type Name } from '../wire/name.ts';
import type { Rr } from '../wire/record.ts';
import { lowestTtl } from './answer-cache.ts';
import type { SearchList } from './search-list.ts';
import {
  type Answer,
  asking,
  type Expansion,
  isAddressQuery,
  ownQuery,
  type Query,
  type Resolve,
  type Stage,
  tell,
} from './stage.ts';
import { deniesName, verdictOf } from './verdict.ts';

export interface CollapseOptions {
  readonly list: SearchList;
  readonly clock: Clock;
}

/** A service created now must appear at once, as under a cut (N3). */
const ALIAS_TTL = 5;
/** One decision serves both families, and a client's repetitions. */
const DECISION_LIFE: Milliseconds = 2_000;
const MAX_DECISIONS = 4_096;
/** How long the first step waits for the last one's answer; after that the client walks by itself. */
const DECISION_WAIT: Milliseconds = 700;

/**
 * Answers a whole walk at its first step: an alias to the base, with the base's addresses (N10).
 *
 * Only where every candidate before the base is denied by upstream or by a cut, and the base has an address; both
 * families of a name get the same decision. Other questions under the first suffix are answered as usual.
 */
export function collapse(options: CollapseOptions): Stage {
  return (next) => {
    const walks = new Walks(next, options);
    return (query, asker) => {
      const first = isAddressQuery(query) ? walks.firstStep(query.qname) : undefined;
      if (first === undefined) next(query, asker);
      else tell(asker, walks.answer(query, first));
    };
  };
}

class Walks {
  private readonly next: (query: Query) => Promise<Answer>;
  private readonly options: CollapseOptions;
  private readonly decisions = lruMap<
    Name,
    { readonly at: Milliseconds; readonly made: Promise<boolean> }
  >(MAX_DECISIONS);

  constructor(next: Resolve, options: CollapseOptions) {
    this.next = asking(next);
    this.options = options;
  }

  /**
   * QNAME split as the first step of a walk; `undefined` if it is none, or if its base does not look like a full name.
   */
  firstStep(qname: Name): Expansion | undefined {
    const { list } = this.options;
    const expansion = list.expansionOf(qname);
    if (expansion === undefined || !list.isFirstStep(expansion)) return undefined;
    return list.isFqdnLike(expansion.base) ? expansion : undefined;
  }

  async answer(query: Query, first: Expansion): Promise<Answer> {
    // The client's own question: it starts the speculation that fetches the other answers.
    const own = this.next(query);
    // It may fail before anything awaits it.
    own.catch(() => undefined);
    if (!(await this.decide(query, first))) return own;
    // A failure of the base is passed on: a denial in its place would deny the other family too (M5).
    const base = await this.next({ ...query, qname: first.base });
    return verdictOf(base.message, query) === 'failure'
      ? base
      : aliased(query.qname, first.base, base);
  }

  private decide(query: Query, first: Expansion): Promise<boolean> {
    const { clock } = this.options;
    const known = this.decisions.get(query.qname);
    if (known !== undefined && clock.now() - known.at < DECISION_LIFE) return known.made;
    const made = this.inTime(this.isWholeWalkKnown(query, first));
    this.decisions.set(query.qname, { at: clock.now(), made });
    return made;
  }

  private async isWholeWalkKnown(query: Query, first: Expansion): Promise<boolean> {
    // The other steps one round trip later: by then their cuts exist, and nothing is asked twice.
    if (!(await this.isDenied(query.qname))) return false;
    const others = this.options.list.otherExpansions(first);
    const denials = await Promise.all(others.map(({ qname }) => this.isDenied(qname)));
    // This is the leak guard as well: a name that may exist in the cluster is not sent outside (N4).
    return denials.every((denied) => denied) && this.hasAddress(first.base);
  }

  private async isDenied(qname: Name): Promise<boolean> {
    // NXDOMAIN is about the name, so AAAA need not be asked (F3).
    const query = ownQuery(qname, RrType.A, { probe: true });
    const answer = await this.next(query).catch(() => undefined);
    return answer !== undefined && deniesName(answer.message, query);
  }

  private async hasAddress(base: Name): Promise<boolean> {
    for (const qtype of [RrType.A, RrType.AAAA]) {
      const query = ownQuery(base, qtype);
      const answer = await this.next(query).catch(() => undefined);
      if (answer !== undefined && verdictOf(answer.message, query) === 'data') return true;
    }
    return false;
  }

  private inTime(decision: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(DECISION_WAIT, () => resolve(false));
      void decision.then((made) => {
        timer.cancel();
        resolve(made);
      });
    });
  }
}

/** The base's answer under another name; the CNAME comes before its target (G6). @see RFC 1034 §3.6.2 */
function aliased(owner: Name, target: Name, base: Answer): Answer {
  const alias: Rr = {
    owner: encodeName(owner),
    type: RrType.CNAME,
    klass: RrClass.IN,
    // The age is subtracted from this TTL too when the reply is rendered (C2).
    ttl: Math.min(lowestTtl(base.message), base.age + ALIAS_TTL),
    rdata: encodeName(target),
  };
  const { message } = base;
  // RFC 6604 §3: NXDOMAIN would be about the base, which has an address of the other family.
  return {
    ...base,
    message: { ...message, rcode: Rcode.NOERROR, answer: [alias, ...message.answer] },
  };
}
