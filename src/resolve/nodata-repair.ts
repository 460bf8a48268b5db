import type { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { RepairKind } from '../vocabulary.ts';
import { Rcode } from '../wire/codes.ts';
import { NODATA_DENIED } from '../wire/edns.ts';
import type { Name } from '../wire/name.ts';
import type { SearchList } from './search-list.ts';
import {
  type Answer,
  asking,
  isAddressQuery,
  type Query,
  type Resolve,
  type Stage,
  siblingOf,
  tell,
} from './stage.ts';
import { verdictOf } from './verdict.ts';

export interface NodataRepairOptions {
  readonly list: SearchList;
  readonly clock: Clock;
  readonly repairs: { add(kind: RepairKind): void };
}

/** N7: libc waits at most 5 s for one step (M1, G1), so a walk has asked the previous step within this time. */
export const STEP_MEMORY: Milliseconds = 5_000;
/**
 * Steps remembered, some 150 octets each: those of thousands of walks at once. After an eviction NODATA stays as it is.
 */
const MAX_STEPS = 16_384;
/** F3, F5: how long one family waits for the other. libc waits for both in any case. */
const SIBLING_WAIT: Milliseconds = 700;

/**
 * Lets a walk go on at a name that exists without addresses, as glibc, Go and c-ares do themselves: musl ends its
 * search there (M6, N7).
 *
 * NODATA becomes NXDOMAIN only if both families have it, and only for a client that has just asked for the same base
 * under the previous suffix: a client that asks for `mail.corp.example` itself gets upstream's answer. An alias chain
 * is kept, because glibc takes it for the answer (G5).
 *
 * The EDE keeps the reply out of the reply cache: it is for this one step. It also tells a sidestub in front of us that
 * the denial proves nothing. A sidestub's own questions are not repaired at all.
 */
export function nodataRepair(options: NodataRepairOptions): Stage {
  return (next) => {
    const walks = new Walks(next, options);
    return (query, asker) => {
      const mayBeStep = isAddressQuery(query) && query.fromProbe !== true;
      if (mayBeStep && walks.isStep(query)) tell(asker, walks.answerStep(query));
      else next(query, asker);
    };
  };
}

class Walks {
  private readonly next: (query: Query) => Promise<Answer>;
  private readonly options: NodataRepairOptions;
  /** When a client asked for a name that may be the step before one that is repaired. */
  private readonly steps: LRUCache<string, Milliseconds>;

  constructor(next: Resolve, options: NodataRepairOptions) {
    this.next = asking(next);
    this.options = options;
    this.steps = lruMap(MAX_STEPS);
  }

  /** Whether the client reached this name by its search list; records a step that may precede one. */
  isStep({ qname, client }: Query): boolean {
    if (client === undefined) return false;
    const { list, clock } = this.options;
    const now = clock.now();
    const own = list.stepName(qname);
    if (own !== undefined) this.steps.set(stepKey(client, own), now);
    return list.precedingSteps(qname).some((step) => {
      const asked = this.steps.get(stepKey(client, step));
      return asked !== undefined && now - asked <= STEP_MEMORY;
    });
  }

  async answerStep(query: Query): Promise<Answer> {
    const own = await this.next(query);
    if (!isEmpty(own, query)) return own;
    const sibling = siblingOf(query);
    const other = await this.inTime(sibling);
    if (other === undefined || !isEmpty(other, sibling)) return own;
    this.options.repairs.add('nodata_in_search');
    return { ...own, message: { ...own.message, rcode: Rcode.NXDOMAIN }, ede: NODATA_DENIED };
  }

  /** The other family's answer, which is most often in the cache or in flight; `undefined` if it is late or fails. */
  private inTime(query: Query): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(SIBLING_WAIT, () => resolve(undefined));
      const settle = (answer: Answer | undefined): void => {
        timer.cancel();
        resolve(answer);
      };
      this.next(query).then(settle, () => settle(undefined));
    });
  }
}

/** F5's NODATA hides a failure: it says nothing of the name. */
function isEmpty({ message, source }: Answer, query: Query): boolean {
  const isNodata = verdictOf(message, query) === 'nodata';
  return isNodata && message.answer.length === 0 && source !== 'failure';
}

function stepKey(client: string, qname: Name): string {
  return `${client} ${qname}`;
}
