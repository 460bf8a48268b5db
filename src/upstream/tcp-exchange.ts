import type { Clock } from '../clock.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import type { ServerAddress } from './server-address.ts';
import { type InFlight, TcpConnection } from './tcp-connection.ts';
import type { Exchange, ReplyListener, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/**
 * Carries messages over one kept connection, many at once, answered in any order (RFC 7766 §6.2.1).
 *
 * A server may close whenever it likes: what was in flight is asked once more on a new connection (RFC 7766 §6.2.4).
 * A connection that has gone silent takes no more questions, for behind DNAT its server may be gone without a word; it
 * still listens to what it has.
 */
export function tcpTransport(
  address: ServerAddress,
  clock: Clock,
  tallies: UpstreamTallies,
): Transport {
  return new TcpTransport(address, clock, tallies);
}

class TcpTransport implements Transport {
  private readonly address: ServerAddress;
  private readonly clock: Clock;
  private readonly tallies: UpstreamTallies;
  private readonly connections = new Set<TcpConnection>();
  /** Takes new questions. */
  private current: TcpConnection | undefined;

  constructor(address: ServerAddress, clock: Clock, tallies: UpstreamTallies) {
    this.address = address;
    this.clock = clock;
    this.tallies = tallies;
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const inFlight: InFlight = { question, edns, listener, asked: 0, closed: false };
    if (this.waiting >= MAX_WAITING) {
      const full = `tcp questions waiting for ${this.address.name}: ${MAX_WAITING}`;
      queueMicrotask(() => failUnlessClosed(inFlight, new UpstreamError('network', full)));
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
    const error = new UpstreamError('closed', `tcp connection to ${this.address.name} was closed`);
    for (const connection of this.connections) {
      for (const inFlight of connection.destroy()) failUnlessClosed(inFlight, error);
    }
    this.connections.clear();
    this.current = undefined;
  }

  private get waiting(): number {
    let sum = 0;
    for (const connection of this.connections) sum += connection.waiting;
    return sum;
  }

  private place(inFlight: InFlight): void {
    this.tallies.sends.add('tcp');
    this.current ??= this.connect();
    this.current.send(inFlight);
  }

  private connect(): TcpConnection {
    const connection: TcpConnection = new TcpConnection(this.address, this.clock, this.tallies, {
      onRetired: () => this.retire(connection),
      onLost: (error, waiting) => {
        this.retire(connection);
        this.connections.delete(connection);
        this.askAgain(connection, error, waiting);
      },
    });
    this.connections.add(connection);
    return connection;
  }

  private retire(connection: TcpConnection): void {
    if (this.current === connection) this.current = undefined;
  }

  private askAgain(lost: TcpConnection, error: UpstreamError, waiting: readonly InFlight[]): void {
    for (const inFlight of waiting) {
      // A connection that was never there has lost nothing: a second attempt would meet the same.
      const again = lost.established && inFlight.asked < MAX_ASKED;
      if (again && !inFlight.closed) this.place(inFlight);
      else failUnlessClosed(inFlight, error);
    }
  }
}

/** Once, and once more: a server that closes on a question does it again (retry storms). */
const MAX_ASKED = 2;
/** All connections together: what one server can owe, far above what the listener lets in flight (S1). */
const MAX_WAITING = 4_096;

function failUnlessClosed(inFlight: InFlight, error: UpstreamError): void {
  if (inFlight.closed) return;
  inFlight.closed = true;
  inFlight.listener.onFailure(error);
}
