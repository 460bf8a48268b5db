import type { Clock, Milliseconds } from '../clock.ts';
import type { Again } from '../upstream/exchange.ts';
import { ClientCounts } from './client-counts.ts';
import { FlightShares } from './flight-shares.ts';
import { type Answer, type Query, queryKey, type Stage } from './stage.ts';

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

/** A question in flight. */
export interface Flight {
  readonly answer: Promise<Answer>;
  readonly since: Milliseconds;
  /** Who asked first: it counts for this one's share. */
  readonly client: string | undefined;
  readonly again: Again;
  /** Tells everybody who waits that there is no room. What it asked upstream goes on, and fills the cache. */
  giveWay(error: FlightsFullError): void;
}

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
  const { limit, clock, coalesced, full, crowded } = options;
  const waiting = new ClientCounts();
  const join = (flight: Flight, { client }: Query): Promise<Answer> => {
    // Whoever waits for nothing yet is let in: a client that repeats itself takes nobody's place.
    if (waiting.total >= limit && waiting.of(client) > 0) {
      crowded.add();
      return Promise.reject(
        new FlightsFullError(`queries that wait for others': ${waiting.total}`),
      );
    }
    coalesced.add();
    // Never fewer datagrams than the client alone would send. What nobody asked for adds none.
    if (client !== undefined) flight.again.send?.();
    waiting.add(client);
    return flight.answer.finally(() => waiting.remove(client));
  };
  const shares = new FlightShares();
  const remove = (key: string, { client }: Flight): void => {
    flights.delete(key);
    shares.remove(client, key);
  };
  const makeRoom = ({ client }: Query): boolean => {
    full.add();
    const largest = shares.largest(client);
    const [key = ''] = largest;
    const oldest = flights.get(key);
    const isFair = largest.size <= shares.of(client).size + 1;
    if (oldest === undefined || (isFair && clock.now() - oldest.since < PATIENCE)) return false;
    remove(key, oldest);
    oldest.giveWay(new FlightsFullError(`gave way to another: ${flights.size} in flight`));
    return true;
  };
  return (next) => (query) => {
    const key = queryKey(query);
    const pending = flights.get(key);
    if (pending !== undefined) return join(pending, query);
    const speculative = query.speculative === true;
    const hasRoom = flights.size < (speculative ? limit / 2 : limit);
    if (!hasRoom && (speculative || !makeRoom(query))) {
      return Promise.reject(new FlightsFullError(`questions in flight: ${flights.size}`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { client } = query;
    const again: Again = {};
    const since = clock.now();
    const flight: Flight = { answer: promise, since, client, again, giveWay: reject };
    flights.set(key, flight);
    shares.add(client, key);
    const land = () => {
      // Whoever gave way may have a successor by now.
      if (flights.get(key) === flight) remove(key, flight);
    };
    next({ ...query, again }).then(
      (answer) => {
        land();
        resolve(answer);
      },
      (error: unknown) => {
        land();
        reject(error);
      },
    );
    return promise;
  };
}
