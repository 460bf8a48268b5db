import type { Clock } from '../clock.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { type InFlight, StreamConnection, type StreamServer } from './stream-connection.ts';
import type { Exchange, ReplyListener, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/**
 * Carries messages over one kept connection, many at once, answered in any order (RFC 7766 §6.2.1).
 *
 * A server may close at any time: questions in flight are then asked again on a new connection (RFC 7766 §6.2.4), as
 * often as the question may be sent at all. If a server closes after a few answers, a connection is given only that
 * many questions from then on, and the rest wait for their turn, so that no send is wasted. A connection that has gone
 * silent gets no more questions, because behind DNAT its server may be gone without notice; it still listens for
 * answers.
 */
export function streamTransport(
  server: StreamServer,
  clock: Clock,
  tallies: UpstreamTallies,
  maxWaiting = MAX_WAITING,
): Transport {
  return new StreamTransport(server, clock, tallies, maxWaiting);
}

class StreamTransport implements Transport {
  private readonly server: StreamServer;
  private readonly clock: Clock;
  private readonly tallies: UpstreamTallies;
  private readonly maxWaiting: number;
  private readonly connections = new Set<StreamConnection>();
  /**
   * Connections that take new questions, or will be followed by others: one, or more for a server that closes early.
   */
  private readonly open = new Set<StreamConnection>();
  /** Questions that no connection has room for yet, oldest first. */
  private readonly queue = new Set<InFlight>();
  /**
   * How many questions one connection gets: as many as the last one had answered when it was closed with others
   * unanswered.
   */
  private limit = Number.POSITIVE_INFINITY;
  /** Answers since then on connections that were asked no more than that. */
  private answeredWithin = 0;

  constructor(server: StreamServer, clock: Clock, tallies: UpstreamTallies, maxWaiting: number) {
    this.maxWaiting = maxWaiting;
    this.server = server;
    this.clock = clock;
    this.tallies = tallies;
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const inFlight: InFlight = { question, edns, listener, fruitless: 0, closed: false };
    if (this.waiting >= this.maxWaiting) {
      const { transport, name } = this.server;
      const full = `${transport} questions waiting for ${name}: ${this.maxWaiting}`;
      queueMicrotask(() => failUnlessClosed(inFlight, new UpstreamError('full', full)));
    } else {
      this.place(inFlight);
    }
    return {
      close: () => {
        inFlight.closed = true;
        this.queue.delete(inFlight);
        inFlight.connection?.abandon(inFlight);
      },
    };
  }

  close(): void {
    const { transport, name } = this.server;
    const error = new UpstreamError('closed', `${transport} connection to ${name} was closed`);
    const waiting = [...this.queue];
    this.queue.clear();
    for (const connection of this.connections) waiting.push(...connection.destroy());
    this.connections.clear();
    this.open.clear();
    for (const inFlight of waiting) failUnlessClosed(inFlight, error);
  }

  private get waiting(): number {
    let sum = this.queue.size;
    for (const connection of this.connections) sum += connection.waiting;
    return sum;
  }

  private place(inFlight: InFlight): void {
    const connection = this.ownFor(inFlight) ?? this.choose();
    if (connection === undefined) {
      this.queue.add(inFlight);
      return;
    }
    this.queue.delete(inFlight);
    this.tallies.sends.add(this.server.transport);
    connection.send(inFlight);
  }

  /** The connection with the fewest questions, or a new one; `undefined` if all allowed connections are full. */
  private choose(): StreamConnection | undefined {
    const { generation } = this.server;
    let idlest: StreamConnection | undefined;
    for (const connection of this.open) {
      if (connection.generation !== generation) connection.retire();
      // The limit may have been learned since it was opened.
      else if (connection.full || connection.asked >= this.limit) continue;
      else if (idlest === undefined || connection.waiting < idlest.waiting) idlest = connection;
    }
    return idlest ?? (this.open.size < MAX_SPREAD ? this.connect() : undefined);
  }

  /**
   * A connection of its own for a question that is sent for the last time: what is in flight on the others may have them
   * closed. One place is left for all others, and where there is no room it goes with them.
   */
  private ownFor({ listener }: InFlight): StreamConnection | undefined {
    const isAlone = listener.isLast === true && this.open.size < MAX_SPREAD - 1;
    return isAlone ? this.connect(1) : undefined;
  }

  private connect(limit = this.limit): StreamConnection {
    const owner = {
      onRetired: () => {
        this.open.delete(connection);
        this.placeQueued();
      },
      onLost: (error: UpstreamError, waiting: readonly InFlight[]) => {
        this.open.delete(connection);
        this.connections.delete(connection);
        this.learn(connection, waiting.length);
        this.askAgain(connection, error, waiting);
        this.placeQueued();
      },
    };
    const { server, clock, tallies } = this;
    const connection: StreamConnection = new StreamConnection(server, clock, tallies, owner, limit);
    this.connections.add(connection);
    this.open.add(connection);
    return connection;
  }

  private placeQueued(): void {
    for (const inFlight of this.queue) {
      this.place(inFlight);
      if (this.queue.has(inFlight)) return;
    }
  }

  /** From a connection that is gone: how many answers one connection to this server can give. */
  private learn({ answered, full }: StreamConnection, left: number): void {
    if (left > 0 && answered > 0) {
      this.limit = answered < MANY_ANSWERS ? answered : Number.POSITIVE_INFINITY;
      this.answeredWithin = 0;
    } else if (left === 0 && full) {
      this.answeredWithin += answered;
      if (this.answeredWithin < TRY_MORE_AFTER) return;
      // The close that set the limit may have been a restart.
      this.limit = 2 * this.limit < MANY_ANSWERS ? 2 * this.limit : Number.POSITIVE_INFINITY;
      this.answeredWithin = 0;
    }
  }

  private askAgain(
    lost: StreamConnection,
    error: UpstreamError,
    waiting: readonly InFlight[],
  ): void {
    for (const inFlight of waiting) {
      if (lost.answered === 0) inFlight.fruitless++;
      // If the connection was never established, a second attempt would fail in the same way.
      const mayGain = lost.established && inFlight.fruitless < MAX_FRUITLESS;
      const again = mayGain && !inFlight.closed && inFlight.listener.takeSend?.() === true;
      if (again) this.place(inFlight);
      else failUnlessClosed(inFlight, error);
    }
  }
}

/** Two tries: a server that closes on a question will do so again, and retries would not end. */
const MAX_FRUITLESS = 2;
/** Connections at a time to a server that closes early; RFC 7766 §6.2.2 recommends few. */
const MAX_SPREAD = 8;
/** A server that closes only after this many answers does not close early: one new connection is enough. */
const MANY_ANSWERS = 64;
/** Trying a higher limit costs at most one resend on each of {@link MAX_SPREAD} connections: one question in 64. */
const TRY_MORE_AFTER = 512;
/** Unanswered questions on all connections to one server, far more than the listener lets in flight (S1). */
const MAX_WAITING = 4_096;

function failUnlessClosed(inFlight: InFlight, error: UpstreamError): void {
  if (inFlight.closed) return;
  inFlight.closed = true;
  inFlight.listener.onFailure(error);
}
