import type { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { randomHex } from '../random.ts';
import { EdeCode, Rcode, RrType } from '../wire/codes.ts';
import type { Ede } from '../wire/edns.ts';
import { joinNames, type Name } from '../wire/name.ts';
import { ownNegative } from '../wire/soa.ts';
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
import { verdictOf } from './verdict.ts';

export interface WildcardGuardOptions {
  readonly list: SearchList;
  readonly clock: Clock;
}

/** A wildcard is a record in a zone: its removal takes effect after its TTL in any case. */
const PROBE_LIFE: Milliseconds = 60_000;
/** More suffixes than a configuration may have, in both families. */
const MAX_PROBES = 128;
/** The denial is for this one step of a walk. */
const DENIAL_TTL = 5;
const WILDCARD: Ede = {
  code: EdeCode.OTHER,
  text: 'an address that this suffix has for every name; the name itself has others',
};

/**
 * Keeps a suffix that has an address for every name from hiding names that have addresses of their own (N8).
 *
 * An expansion is denied only if its base looks like a full name and has an address, and if its own addresses are those
 * of a random name under the suffix: a host beside the wildcard keeps its own.
 */
export function wildcardGuard(options: WildcardGuardOptions): Stage {
  return (next) => {
    const guard = new Guard(next, options);
    return (query, asker) => {
      if (isAddressQuery(query)) tell(asker, guard.answer(query));
      else next(query, asker);
    };
  };
}

class Guard {
  private readonly next: (query: Query) => Promise<Answer>;
  private readonly options: WildcardGuardOptions;
  /** By suffix and type: the answer for a random name. */
  private readonly probes: LRUCache<
    string,
    { readonly at: Milliseconds; readonly found: Promise<ReadonlySet<string>> }
  >;

  constructor(next: Resolve, options: WildcardGuardOptions) {
    this.next = asking(next);
    this.options = options;
    this.probes = lruMap(MAX_PROBES);
  }

  async answer(query: Query): Promise<Answer> {
    const { list } = this.options;
    const expansion = list.expansionOf(query.qname);
    const own = await this.next(query);
    if (expansion === undefined || !list.isFqdnLike(expansion.base)) return own;
    if (verdictOf(own.message, query) !== 'data') return own;
    if (!(await this.isWildcards(own, query, expansion))) return own;
    if (!(await this.resolves(expansion.base))) return own;
    const message = ownNegative(Rcode.NXDOMAIN, expansion.suffix, DENIAL_TTL);
    return { message, source: own.source, age: 0, ede: WILDCARD };
  }

  private async isWildcards(own: Answer, query: Query, { suffix }: Expansion): Promise<boolean> {
    const wildcard = await this.probe(suffix, query.qtype);
    return addressesOf(own, query.qtype).every((each) => wildcard.has(each));
  }

  private probe(suffix: Name, qtype: number): Promise<ReadonlySet<string>> {
    const { clock } = this.options;
    const key = `${qtype} ${suffix}`;
    const known = this.probes.get(key);
    if (known !== undefined && clock.now() - known.at < PROBE_LIFE) return known.found;
    // No host has a name of 64 random bits.
    const random = ownQuery(joinNames(`${randomHex(8)}.`, suffix), qtype, { probe: true });
    const found = this.next(random).then(
      // Addresses that came under another owner name prove nothing about the suffix (C1).
      (answer) => new Set(answer.message.otherOwner === true ? [] : addressesOf(answer, qtype)),
      () => {
        // Without an answer nothing is known of the suffix: the next name asks again.
        this.probes.delete(key);
        return new Set<string>();
      },
    );
    this.probes.set(key, { at: clock.now(), found });
    return found;
  }

  private async resolves(base: Name): Promise<boolean> {
    const families = [RrType.A, RrType.AAAA].map((qtype) => {
      const query = ownQuery(base, qtype);
      return this.next(query).then(
        (answer) => verdictOf(answer.message, query) === 'data',
        () => false,
      );
    });
    return (await Promise.all(families)).some((has) => has);
  }
}

function addressesOf({ message }: Answer, qtype: number): string[] {
  return message.answer
    .filter(({ type }) => type === qtype)
    .map(({ rdata }) => Buffer.from(rdata).toString('hex'));
}
