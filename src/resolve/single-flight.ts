import type { Clock, Milliseconds } from '../clock.ts';
import type { Again } from '../upstream/exchange.ts';
import { ClientCounts } from './client-counts.ts';
import { FlightShares } from './flight-shares.ts';
import { type Answer, type Asker, type Query, queryKey, type Stage } from './stage.ts';

/** There was no room for the question, or it was dropped for a newer one (S1). */
export class FlightsFullError extends Error {
  override readonly name = 'FlightsFullError';
}

export interface SingleFlightOptions {
  /** The most questions in flight, and the most queries that wait for a question of another client. */
  readonly limit: number;
  readonly clock: Clock;
  readonly coalesced: { add(): void };
  /** Called when the table is full: a question is dropped for the new one, or the new one is refused. */
  readonly full: { add(): void };
  /** Called when a query is refused that would have joined a question in flight. */
  readonly crowded: { add(): void };
}

/** The questions in flight, oldest first, so that a gauge can read how many. */
export type Flights = Map<string, Flight>;

/** S1: an honest upstream has mostly answered by now; younger questions are not dropped for newer ones. */
const EVICTABLE_AFTER: Milliseconds = 200;

/**
 * Coalesces equal questions in flight: the first asks `next`, the others wait for its answer (L5). A client that asks
 * when the question has been silent for a second makes it send once more: the client alone would have sent as well.
 *
 * When the table is full, the oldest question of the client with the most is dropped: at once for a client that has
 * fewer, so that one that floods takes nothing from the others; else if it is older than 200 ms, so that unanswered
 * questions do not block new work. Questions that no client has asked yet may use only half of the table: speculation
 * never keeps a client out (S1).
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

  /** The flight has its answer: the next client begins another. */
  land(flight: Flight): void {
    const { key, client } = flight;
    this.flights.delete(key);
    this.shares.remove(client, key);
  }

  /** A client that joined no longer waits. */
  leave(client: string | undefined): void {
    this.joined.remove(client);
  }

  private join(flight: Flight, { client }: Query, asker: Asker): void {
    const { joined, options } = this;
    // A client that is not waiting yet is let in: its repetitions take no other client's place.
    if (joined.total >= options.limit && joined.of(client) > 0) {
      options.crowded.add();
      asker.onFailure(new FlightsFullError(`queries that wait for others': ${joined.total}`));
      return;
    }
    options.coalesced.add();
    // Never fewer datagrams than the client alone would send. A question of our own adds none.
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
    if (oldest === undefined || (isFair && options.clock.now() - oldest.since < EVICTABLE_AFTER)) {
      return false;
    }
    // Its question upstream goes on, and fills the cache.
    oldest.onFailure(new FlightsFullError(`gave way to another: ${flights.size - 1} in flight`));
    return true;
  }
}

/** A question in flight and the clients that wait for its answer: each is called once, in order of arrival. */
export class Flight implements Asker, Again {
  readonly key: string;
  /** The client that began it: the flight counts for this client's share. */
  readonly client: string | undefined;
  readonly since: Milliseconds;
  /** Set by the upstream while the question is in flight. */
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

/** An exception for one client is reported to that one, and does not affect the others. */
function tellSafely(asker: Asker, tell: (asker: Asker) => void): void {
  try {
    tell(asker);
  } catch (bug) {
    asker.onFailure(bug);
  }
}
