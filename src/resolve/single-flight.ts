import { type Answer, queryKey, type Stage } from './stage.ts';

/** The table of questions in flight is full: a new one is refused (S1). */
export class FlightsFullError extends Error {
  override readonly name = 'FlightsFullError';
}

export interface SingleFlightOptions {
  /** The most questions in flight. */
  readonly limit: number;
  readonly coalesced: { add(): void };
}

/** The questions in flight, so that a gauge can read how many. */
export type Flights = Map<string, Promise<Answer>>;

/**
 * Coalesces equal questions in flight: the first asks `next`, the others wait for its answer (L5).
 *
 * What nobody asked for yet may use only half of the table: speculation never keeps a client out (S1).
 */
export function singleFlight(flights: Flights, options: SingleFlightOptions): Stage {
  return (next) => (query) => {
    const key = queryKey(query);
    const pending = flights.get(key);
    if (pending !== undefined) {
      options.coalesced.add();
      return pending;
    }
    const room = query.speculative === true ? options.limit / 2 : options.limit;
    if (flights.size >= room) {
      return Promise.reject(new FlightsFullError(`questions in flight: ${flights.size}`));
    }
    const answer = next(query).finally(() => flights.delete(key));
    flights.set(key, answer);
    return answer;
  };
}
