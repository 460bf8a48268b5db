import type { Clock, Milliseconds } from '../clock.ts';
import { lruMap } from '../lru-map.ts';
import type { Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';

/** What the selection knows about a server. */
export interface Selectable {
  readonly dead: boolean;
  /** Silent recently: its equals are asked before it, and in its place. */
  readonly doubtful: boolean;
  /** `undefined` if it was not measured recently. */
  expectedRoundTrip(question: Question): Milliseconds | undefined;
}

/** A server in its place in the order for one question. */
export interface Candidate<S extends Selectable> {
  readonly server: S;
  /** Servers of one group are equals, and may replace each other. */
  readonly group: number;
}

/**
 * The order in which the servers are asked one question.
 *
 * Groups in the order of the configuration; equals by their measured times, with those in doubt behind them; dead ones
 * after all others, in the same order (U1, U6).
 */
export class Selection<S extends Selectable> {
  private readonly groups: readonly (readonly S[])[];
  private readonly clock: Clock;
  /** The candidates if there is only one server. */
  private readonly only: Candidate<S>[] | undefined;
  private readonly pairs = lruMap<Name, { readonly server: S; readonly until: Milliseconds }>(
    MAX_PAIRS,
  );

  /** @param groups - Ordered groups of equals, none of them empty. */
  constructor(groups: readonly (readonly S[])[], clock: Clock) {
    this.groups = groups;
    this.clock = clock;
    const [first, second] = groups.flat();
    this.only =
      first !== undefined && second === undefined ? [{ server: first, group: 0 }] : undefined;
  }

  /** Every server once, in the order to ask them. */
  candidates(question: Question): readonly Candidate<S>[] {
    if (this.only !== undefined) return this.only;
    const ordered = this.groups.flatMap((servers, group) =>
      this.order(servers, question).map((server) => ({ server, group })),
    );
    const alive = ordered.filter(({ server }) => !server.dead);
    return [...alive, ...ordered.filter(({ server }) => server.dead)];
  }

  private order(servers: readonly S[], question: Question): readonly S[] {
    if (servers.length === 1) return servers;
    const times = new Map(servers.map((s) => [s, s.expectedRoundTrip(question) ?? 0]));
    const timeOf = (server: S) => times.get(server) ?? 0;
    const nearest = servers.toSorted((a, b) => timeOf(a) - timeOf(b));
    const alive = nearest.filter((server) => !server.dead);
    const trusted = alive.filter((server) => !server.doubtful);
    const sorted = [...trusted, ...nearest.filter((server) => !trusted.includes(server))];
    const eligible = trusted.length > 0 ? trusted : alive;
    const first = this.stay(eligible, question) ?? spread(eligible, timeOf, question);
    if (first === undefined) return sorted;
    this.pairs.set(question.qname, { server: first, until: this.clock.now() + PAIR_MEMORY });
    return [first, ...sorted.filter((server) => server !== first)];
  }

  /** The two questions of a pair go to one server: equals may be updated at different moments (U1, U6). */
  private stay(eligible: readonly S[], { qname }: Question): S | undefined {
    const pair = this.pairs.get(qname);
    if (pair === undefined || pair.until <= this.clock.now()) return undefined;
    return eligible.includes(pair.server) ? pair.server : undefined;
  }
}

/** Longer than a client takes from the first question of a pair to the second, retries included. */
const PAIR_MEMORY: Milliseconds = 5_000;
/** The names that a busy node asks for in 5 s; for one that is evicted early, the server is chosen again. */
const MAX_PAIRS = 4_096;

/**
 * Spreads names over the servers that are about as near as the nearest: by name, so that each server's own cache is
 * asked for the same names again. A server without measurements counts as 0, and so gets its share until it has some.
 *
 * @param sorted - Nearest first.
 */
function spread<S>(
  sorted: readonly S[],
  timeOf: (server: S) => Milliseconds,
  { qname }: Question,
): S | undefined {
  const [nearest] = sorted;
  if (nearest === undefined) return undefined;
  const measured = sorted.map(timeOf).find((time) => time > 0) ?? 0;
  const near = sorted.filter((server) => timeOf(server) <= 1.5 * measured + NEAR);
  return near[hash(qname) % near.length];
}

/** Below this, differences are jitter of the scheduler and not distance. */
const NEAR: Milliseconds = 5;

/** FNV-1a: even for names that differ in one character; a client gains nothing by choosing which equal is asked. */
function hash(name: Name): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
