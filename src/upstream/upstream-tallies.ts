import { Histogram, Tally, type TallySet } from '../observe/tally.ts';
import type { FailureReason, TcpFallback, UpstreamTransport } from '../vocabulary.ts';

/** What the upstream side counts. */
export interface UpstreamTallies {
  /** Messages sent, resends and probes included. */
  readonly sends: TallySet<UpstreamTransport>;
  /** Resends over UDP after a timer fired (U2). */
  readonly retransmissions: Tally;
  /** Questions that a resend answered, over UDP or TCP, while the first datagram was still unanswered (F1, U2). */
  readonly rescues: Tally;
  /** Questions to a `udp://` server that went on over TCP, by cause. */
  readonly tcpFallbacks: TallySet<TcpFallback>;
  /** Questions asked again without EDNS (U4). */
  readonly ednsFallbacks: Tally;
  /** Replies dropped because ID or question was not ours (U3). */
  readonly mismatched: Tally;
  /** Replies to our questions that were dropped because they were damaged after the question (U3). */
  readonly malformed: Tally;
  /** Questions that went on to the next server, because the one before was silent, refused or failed (U1). */
  readonly failovers: Tally;
  /** Questions that no server answered. */
  readonly failures: TallySet<FailureReason>;
  /** Changes between staggered and serial pairs of a server, in `families.order: auto` (F2). */
  readonly orderChanges: Tally;
  /** One per configured server, made when it is configured: the configuration bounds the label (S1). */
  readonly servers: Map<string, ServerTallies>;
}

/** The counters of one server. */
export interface ServerTallies {
  /** Seconds from the send that was answered to its answer. */
  readonly latency: Histogram;
  /** Questions that it left unanswered for a second, or entirely. */
  readonly unanswered: Tally;
  /** Known dead (U1): a gauge. */
  dead: boolean;
  /** Why it did not answer the last question that it left unanswered; absent once it answers again. */
  trouble?: FailureReason | undefined;
  /** In `families.order: auto`: second questions to it get lost, so its pairs go one after the other (F2). A gauge. */
  serial: boolean;
}

/** Seconds: from a cluster DNS on the same node to the deadline. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4.5,
];

/** The tallies of the server with this name, shared by all routes to it. */
export function serverTallies(tallies: UpstreamTallies, name: string): ServerTallies {
  const known = tallies.servers.get(name);
  if (known !== undefined) return known;
  const made = {
    latency: new Histogram(LATENCY_BOUNDS),
    unanswered: new Tally(),
    dead: false,
    serial: false,
  };
  tallies.servers.set(name, made);
  return made;
}
