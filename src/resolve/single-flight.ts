import type { Clock, Milliseconds } from '../clock.ts';
import { type Answer, queryKey, type Stage } from './stage.ts';

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
  /** Tells everybody who waits that there is no room. What it asked upstream goes on, and fills the cache. */
  giveWay(error: FlightsFullError): void;
}

/** S1: what an honest upstream has answered by now, mostly; younger questions are not given up for newer ones. */
const PATIENCE: Milliseconds = 200;

/**
 * Coalesces equal questions in flight: the first asks `next`, the others wait for its answer (L5).
 *
 * When the table is full, the oldest question gives way if it is older than 200 ms: new work is not blocked by what
 * nobody answers. What nobody asked for yet may use only half of the table: speculation never keeps a client out (S1).
 */
export function singleFlight(flights: Flights, options: SingleFlightOptions): Stage {
  const { limit, clock, coalesced, full, crowded } = options;
  let joined = 0;
  const join = (flight: Flight): Promise<Answer> => {
    if (joined >= limit) {
      crowded.add();
      return Promise.reject(new FlightsFullError(`queries that wait for others': ${joined}`));
    }
    coalesced.add();
    joined++;
    return flight.answer.finally(() => joined--);
  };
  const makeRoom = (): boolean => {
    full.add();
    const [oldest] = flights;
    if (oldest === undefined || clock.now() - oldest[1].since < PATIENCE) return false;
    flights.delete(oldest[0]);
    oldest[1].giveWay(new FlightsFullError(`gave way after ${PATIENCE} ms or more`));
    return true;
  };
  return (next) => (query) => {
    const key = queryKey(query);
    const pending = flights.get(key);
    if (pending !== undefined) return join(pending);
    const speculative = query.speculative === true;
    const hasRoom = flights.size < (speculative ? limit / 2 : limit);
    if (!hasRoom && (speculative || !makeRoom())) {
      return Promise.reject(new FlightsFullError(`questions in flight: ${flights.size}`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const flight: Flight = { answer: promise, since: clock.now(), giveWay: reject };
    flights.set(key, flight);
    const land = () => {
      // Whoever gave way may have a successor by now.
      if (flights.get(key) === flight) flights.delete(key);
    };
    next(query).finally(land).then(resolve, reject);
    return promise;
  };
}
