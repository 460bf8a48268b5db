import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import { DEADLINE } from '../upstream/timeouts.ts';
import { labelsOf, type Name } from '../wire/name.ts';
import type { SearchList } from './search-list.ts';
import type { Query } from './stage.ts';

export interface LookupWaitsOptions {
  readonly list: Pick<SearchList, 'expansionOf' | 'isFirstStep'>;
  readonly clock: Clock;
  /** The clients' ndots: a name with at least this many dots is tried as it is before the search list. */
  readonly ndots: number;
  /** When the route of this name last replied, to a question about any name. */
  readonly lastReplyAt: (qname: Name) => Milliseconds;
}

/** A client goes on to its next step as soon as one has failed. */
const NEXT_STEP: Milliseconds = 1_000;
/** Enough for an answer from the cache; glibc asks twice for each of five steps. */
const LATER_STEP: Milliseconds = 100;
/** A failure that took at least this long was a wait in vain. */
const LONG: Milliseconds = 1_000;
/** S1: names that one lookup waits for at once; if there are more, the last ones count. */
const MAX_NAMES = 4;
/** S1: lookups that have waited in vain; the steps of one that is forgotten wait again. */
const MAX_WAITS = 4_096;

interface Wait {
  /** When it ended. */
  readonly at: Milliseconds;
  /**
   * The names that were waited for: the step, and those that a sidecar in front of us asks in advance beside it (N4).
   */
  readonly names: readonly Name[];
}

/**
 * Makes a lookup wait for a silent upstream once, and not at each step of its search list (U2).
 *
 * Asking directly, glibc ends its walk at the first step without an answer, after 10 s. After SERVFAIL it goes on to
 * the next step, and at 4.5 s each the walk would take a minute.
 */
export class LookupWaits {
  private readonly options: LookupWaitsOptions;
  private readonly waits = lruMap<string, Wait>(MAX_WAITS);

  constructor(options: LookupWaitsOptions) {
    this.options = options;
  }

  /** How long a client may wait for the answer to this question. */
  spanOf(query: Query): Milliseconds {
    return this.isLaterStep(query) && !this.isOver(query) ? LATER_STEP : DEADLINE;
  }

  /** Whether upstream has answered anything since the lookup waited in vain. */
  isOver(query: Query): boolean {
    const wait = this.waits.peek(this.keyOf(query));
    return wait === undefined || this.options.lastReplyAt(query.qname) >= wait.at;
  }

  /** Records that a question has failed. @param came - When it was asked. */
  failed(query: Query, came: Milliseconds): void {
    if (query.client === undefined) return;
    const at = this.options.clock.now();
    const key = this.keyOf(query);
    const before = this.waits.peek(key);
    const names = before !== undefined && at - before.at < NEXT_STEP ? before.names : [];
    if (at - came >= LONG) {
      const others = names.filter((name) => name !== query.qname);
      this.waits.set(key, { at, names: [...others, query.qname].slice(-MAX_NAMES) });
    } else if (this.isLaterStep(query)) this.waits.set(key, { at, names });
  }

  /** Whether it is a later step of a lookup that has just waited in vain for another one. */
  private isLaterStep(query: Query): boolean {
    const { list, clock, ndots } = this.options;
    if (this.waits.size === 0) return false;
    const wait = this.waits.peek(this.keyOf(query));
    // The same step again is no later one: glibc makes two attempts at each (G1).
    if (wait === undefined || wait.names.includes(query.qname)) return false;
    if (clock.now() - wait.at >= NEXT_STEP) return false;
    const expansion = list.expansionOf(query.qname);
    if (expansion !== undefined) return !list.isFirstStep(expansion);
    return labelsOf(query.qname).length - 1 < ndots;
  }

  private keyOf({ client, qname }: Query): string {
    return `${client} ${this.options.list.expansionOf(qname)?.base ?? qname}`;
  }
}
