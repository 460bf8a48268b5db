import type { Clock, Milliseconds } from '../clock.ts';
import type { Again } from '../upstream/exchange.ts';
import { ClientCounts } from './client-counts.ts';
import { FlightShares } from './flight-shares.ts';
import { type Answer, type Asker, type Query, queryKey, type Stage } from './stage.ts';

/** There is no room for the question, or it had to give its room to a newer one (S1). */
export class FlightsFullError extends Error {
  override readonly name = 'FlightsFullError';
}

export interface SingleFlightOptions {
  /** The most questions in flight, and the most queries that wait for one that another began. */
  readonly limit: number;
  readonly clock: Clock;
  readonly coalesced: { add(): void };
  /** A question had to give way, or to be refused. */
  readonly full: { add(): void };
  /** A query that would have joined was refused. */
  readonly crowded: { add(): void };
}

/** The questions in flight, oldest first, so that a gauge can read how many. */
export type Flights = Map<string, Flight>;

/** S1: what an honest upstream has answered by now, mostly; younger questions are not given up for newer ones. */
const PATIENCE: Milliseconds = 200;

/**
 * Coalesces equal questions in flight: the first asks `next`, the others wait for its answer (L5). A client that asks
 * while the question has been silent for a second makes it send once more: it would have sent itself.
 *
 * When the table is full, a question of the client that has most in it gives way, the oldest first: at once to a client
 * that has fewer, so that one that floods takes nothing from the others; else if it is older than 200 ms, so that new work
 * is not blocked by what nobody answers. What nobody asked for yet may use only half of the table: speculation never keeps
 * a client out (S1).
 */
export function singleFlight(flights: Flights, options: SingleFlightOptions): Stage {
  return (next) => {
    const table = new FlightTable(flights, options);
    return (query, asker) => {
      const flight = table.board(query, asker);
      if (flight === undefined) return;
      try {
        next({ ...query, again: flight }, flight);
      } catch (bug) {
        flight.onFailure(bug);
      }
    };
  };
}

class FlightTable {
  private readonly flights: Flights;
  private readonly options: SingleFlightOptions;
  /** Queries that wait for a flight that another began. */
  private readonly joined = new ClientCounts();
  private readonly shares = new FlightShares();

  constructor(flights: Flights, options: SingleFlightOptions) {
    this.flights = flights;
    this.options = options;
  }

  /** @returns A flight that this query begins; nothing where it waits for another, or was refused. */
  board(query: Query, asker: Asker): Flight | undefined {
    const { flights } = this;
    const key = queryKey(query);
    const pending = flights.get(key);
    if (pending !== undefined) {
      this.join(pending, query, asker);
      return undefined;
    }
    const { limit, clock } = this.options;
    const speculative = query.speculative === true;
    const hasRoom = flights.size < (speculative ? limit / 2 : limit);
    if (!hasRoom && (speculative || !this.makeRoom(query))) {
      asker.onFailure(new FlightsFullError(`questions in flight: ${flights.size}`));
      return undefined;
    }
    const flight = new Flight(this, key, query.client, clock.now(), asker);
    flights.set(key, flight);
    this.shares.add(query.client, key);
    return flight;
  }

  /** The flight's answer is there: whoever comes now begins another. */
  land(flight: Flight): void {
    const { key, client } = flight;
    this.flights.delete(key);
    this.shares.remove(client, key);
  }

  /** One that joined waits no longer. */
  leave(client: string | undefined): void {
    this.joined.remove(client);
  }

  private join(flight: Flight, { client }: Query, asker: Asker): void {
    const { joined, options } = this;
    // Whoever waits for nothing yet is let in: a client that repeats itself takes nobody's place.
    if (joined.total >= options.limit && joined.of(client) > 0) {
      options.crowded.add();
      asker.onFailure(new FlightsFullError(`queries that wait for others': ${joined.total}`));
      return;
    }
    options.coalesced.add();
    // Never fewer datagrams than the client alone would send. What nobody asked for adds none.
    if (client !== undefined) flight.send?.();
    joined.add(client);
    flight.join(client, asker);
  }

  private makeRoom({ client }: Query): boolean {
    const { flights, shares, options } = this;
    options.full.add();
    const largest = shares.largest(client);
    const [key = ''] = largest;
    const oldest = flights.get(key);
    const isFair = largest.size <= shares.of(client).size + 1;
    if (oldest === undefined || (isFair && options.clock.now() - oldest.since < PATIENCE)) {
      return false;
    }
    // What it asked upstream goes on, and fills the cache.
    oldest.onFailure(new FlightsFullError(`gave way to another: ${flights.size - 1} in flight`));
    return true;
  }
}

/** A question in flight, and everybody who waits for its answer: told once, in the order they came. */
export class Flight implements Asker, Again {
  readonly key: string;
  /** The one that began it: it counts for this one's share. */
  readonly client: string | undefined;
  readonly since: Milliseconds;
  /** Set by the upstream while the question is out. */
  send: (() => void) | undefined;
  private readonly table: FlightTable;
  private readonly first: Asker;
  /** Most have none. */
  private followers: Follower[] | undefined;
  private isOut = true;

  constructor(
    table: FlightTable,
    key: string,
    client: string | undefined,
    since: Milliseconds,
    first: Asker,
  ) {
    this.table = table;
    this.key = key;
    this.client = client;
    this.since = since;
    this.first = first;
    this.send = undefined;
    this.followers = undefined;
  }

  join(client: string | undefined, asker: Asker): void {
    this.followers ??= [];
    this.followers.push({ client, asker });
  }

  onAnswer(answer: Answer): void {
    this.land((asker) => asker.onAnswer(answer));
  }

  onFailure(error: unknown): void {
    this.land((asker) => asker.onFailure(error));
  }

  private land(tell: (asker: Asker) => void): void {
    if (!this.isOut) return;
    this.isOut = false;
    this.table.land(this);
    tellSafely(this.first, tell);
    for (const { client, asker } of this.followers ?? []) {
      this.table.leave(client);
      tellSafely(asker, tell);
    }
  }
}

/** A query that joined a flight. */
interface Follower {
  readonly client: string | undefined;
  readonly asker: Asker;
}

/** What goes wrong above for one of them is told to that one, and keeps nothing from the others. */
function tellSafely(asker: Asker, tell: (asker: Asker) => void): void {
  try {
    tell(asker);
  } catch (bug) {
    asker.onFailure(bug);
  }
}
