import type { Clock } from '../clock.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { type InFlight, StreamConnection, type StreamServer } from './stream-connection.ts';
import type { Exchange, ReplyListener, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/**
 * Carries messages over one kept connection, many at once, answered in any order (RFC 7766 §6.2.1).
 *
 * A server may close whenever it likes: what was in flight is asked again on a new connection (RFC 7766 §6.2.4), and
 * where it answers some questions and then closes, the rest is spread over several, so that nothing is lost. A
 * connection that has gone silent takes no more questions, for behind DNAT its server may be gone without a word; it
 * still listens to what it has.
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
  /** Those that take new questions: one, or more for a server that closes early. */
  private readonly open = new Set<StreamConnection>();
  /** The last that was lost had answered some questions and left others. */
  private closesEarly = false;

  constructor(server: StreamServer, clock: Clock, tallies: UpstreamTallies, maxWaiting: number) {
    this.maxWaiting = maxWaiting;
    this.server = server;
    this.clock = clock;
    this.tallies = tallies;
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const inFlight: InFlight = { question, edns, listener, asked: 0, fruitless: 0, closed: false };
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
        inFlight.connection?.abandon(inFlight);
      },
    };
  }

  close(): void {
    const { transport, name } = this.server;
    const error = new UpstreamError('closed', `${transport} connection to ${name} was closed`);
    for (const connection of this.connections) {
      for (const inFlight of connection.destroy()) failUnlessClosed(inFlight, error);
    }
    this.connections.clear();
    this.open.clear();
  }

  private get waiting(): number {
    let sum = 0;
    for (const connection of this.connections) sum += connection.waiting;
    return sum;
  }

  private place(inFlight: InFlight): void {
    this.tallies.sends.add(this.server.transport);
    this.choose().send(inFlight);
  }

  /** The connection with the least to do, or a new one. */
  private choose(): StreamConnection {
    const { generation } = this.server;
    let idlest: StreamConnection | undefined;
    for (const connection of this.open) {
      if (connection.generation !== generation) connection.retire();
      else if (idlest === undefined || connection.waiting < idlest.waiting) idlest = connection;
    }
    if (idlest === undefined) return this.connect();
    const spread = this.closesEarly && idlest.waiting > 0 && this.open.size < MAX_SPREAD;
    return spread ? this.connect() : idlest;
  }

  private connect(): StreamConnection {
    const connection: StreamConnection = new StreamConnection(
      this.server,
      this.clock,
      this.tallies,
      {
        onRetired: () => this.open.delete(connection),
        onLost: (error, waiting) => {
          this.open.delete(connection);
          this.connections.delete(connection);
          this.askAgain(connection, error, waiting);
        },
      },
    );
    this.connections.add(connection);
    this.open.add(connection);
    return connection;
  }

  private askAgain(
    lost: StreamConnection,
    error: UpstreamError,
    waiting: readonly InFlight[],
  ): void {
    const { answered } = lost;
    if (waiting.length > 0) this.closesEarly = answered > 0 && answered < MANY_ANSWERS;
    for (const inFlight of waiting) {
      if (answered === 0) inFlight.fruitless++;
      // A connection that was never there has lost nothing: a second attempt would meet the same.
      const again =
        lost.established && inFlight.fruitless < MAX_FRUITLESS && inFlight.asked < MAX_ASKED;
      if (again && !inFlight.closed) this.place(inFlight);
      else failUnlessClosed(inFlight, error);
    }
  }
}

/** Once, and once more: a server that closes on a question does it again (retry storms). */
const MAX_FRUITLESS = 2;
/**
 * While its connections answer others, a question is one of those that come next: with {@link MAX_SPREAD}, 128 of them
 * are all answered by a server that closes after each answer.
 */
const MAX_ASKED = 16;
/** Connections at a time to a server that closes early; RFC 7766 §6.2.2 asks for few. */
const MAX_SPREAD = 8;
/** A server that closes after so many answers has kept its connection: to a restart or a limit, one new one will do. */
const MANY_ANSWERS = 64;
/** All connections together: what one server can owe, far above what the listener lets in flight (S1). */
const MAX_WAITING = 4_096;

function failUnlessClosed(inFlight: InFlight, error: UpstreamError): void {
  if (inFlight.closed) return;
  inFlight.closed = true;
  inFlight.listener.onFailure(error);
}
