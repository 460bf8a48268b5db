import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Name } from '../wire/name.ts';
import type { AskTransport } from './ask-socket.ts';

/** The result for a program that called `getaddrinfo`, or a similar function, for both families. */
export interface Walk {
  readonly outcome: Outcome;
  /** As text; those of A first, in the order of the answer: they are not sorted as in RFC 6724. */
  readonly addresses: readonly string[];
  /** Each name that was asked for, in order, up to the one that ended the search. */
  readonly steps: readonly Step[];
  readonly elapsed: Milliseconds;
}

/** `try-again` is EAI_AGAIN and every other result by which the name may exist: a failure, not a denial. */
export type Outcome = 'found' | 'not-found' | 'try-again';

/** One name of a walk: both families, with every resend. */
export interface Step {
  readonly name: Name;
  /** The element of the search list in the name; absent if the name was asked without one. */
  readonly suffix?: Name;
  /** Milliseconds since the walk began. */
  readonly started: Milliseconds;
  readonly ended: Milliseconds;
  /** Datagrams and stream messages sent, resends and every nameserver included. */
  readonly queries: number;
  /** Absent where the client accepted no answer. */
  readonly rcodeA?: number;
  readonly rcodeAAAA?: number;
  /** The addresses that the client accepted from both answers. */
  readonly addresses: readonly string[];
  /** How the client understood the answers, which is not always what the servers meant (M5). */
  readonly meaning: Meaning;
}

export type Meaning = 'addresses' | 'no-such-name' | 'no-data' | 'failure';

/** The facts that a client reads from resolv.conf. */
export interface ResolverFacts {
  /** In order; the libcs read only the first three. */
  readonly nameservers: readonly Endpoint[];
  readonly search: readonly Name[];
  readonly ndots: number;
}

/** What every model needs. */
export interface ClientOptions {
  readonly facts: ResolverFacts;
  readonly clock: Clock;
  readonly transport: AskTransport;
}

/** A model of how one resolver library walks a name. One instance stands for one process that asks repeatedly. */
export interface Client {
  /** For people: `musl 1.2.3`. */
  readonly name: string;
  /**
   * Looks `name` up for A and AAAA.
   *
   * @param name - As a person writes it; a dot at the end means that no search list applies.
   * @param signal - Abandons the walk: sockets are closed and the promise rejects with the signal's reason.
   * @throws {WireError} If `name` is not a domain name.
   */
  walk(name: string, signal?: AbortSignal): Promise<Walk>;
}
