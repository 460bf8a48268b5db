import type { Clock, Timer } from '../clock.ts';
import { HttpsConnection, type HttpsDialer } from './https-connection.ts';
import { GRACE, type HttpsRequest, type HttpsResponse, RequestLost } from './https-request.ts';

/** An HTTP client of one server. */
export interface HttpsClient {
  /**
   * Sends the request once; sending it again is up to the caller (RFC 9520 §3.1).
   *
   * @throws {RequestLost} If it was sent, or may have been, and no whole response arrived. If no connection could be
   * established: the socket's error, or an UpstreamError.
   */
  request(request: HttpsRequest): Promise<HttpsResponse>;
  /** Takes no more requests. Those in flight may still be answered, for {@link GRACE}. */
  close(): void;
  /** Ends at once, with all requests in flight. */
  destroy(): void;
}

/**
 * An HTTP client that connects through `dialer` at the first request, and again when its connections are gone.
 *
 * Over HTTP/2 it has one connection. Over HTTP/1.1, which carries one request at a time, it has up to {@link
 * MAX_CONNECTIONS}, and further requests wait. The server chooses the protocol with each connection.
 */
export function httpsClient(origin: string, dialer: HttpsDialer, clock: Clock): HttpsClient {
  return new Client(origin, dialer, clock);
}

/** As over TCP, when a server answers one question per connection. */
const MAX_CONNECTIONS = 8;

/** A request that waits for a place on a connection. */
type Turn = PromiseWithResolvers<HttpsConnection>;

class Client implements HttpsClient {
  private readonly origin: string;
  private readonly dialer: HttpsDialer;
  private readonly clock: Clock;
  /** In the order of asking. */
  private readonly turns = new Set<Turn>();
  private readonly connections = new Set<HttpsConnection>();
  private closed = false;
  private grace: Timer | undefined;

  constructor(origin: string, dialer: HttpsDialer, clock: Clock) {
    this.origin = origin;
    this.dialer = dialer;
    this.clock = clock;
  }

  async request(request: HttpsRequest): Promise<HttpsResponse> {
    if (this.closed) throw new RequestLost('ERR_SOCKET_CLOSED');
    const connection = await this.place(request.signal);
    try {
      return await connection.request(request);
    } finally {
      connection.leave();
      this.assign();
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.grace = this.clock.after(GRACE, () => this.destroy());
    this.endIfDone();
  }

  destroy(): void {
    this.closed = true;
    this.grace?.cancel();
    this.failTurns(new RequestLost('ERR_SOCKET_CLOSED'));
    for (const connection of this.connections) connection.destroy();
  }

  /** A place on a connection, which the caller gives back. */
  private place(signal: AbortSignal): Promise<HttpsConnection> {
    const turn: Turn = Promise.withResolvers();
    this.turns.add(turn);
    const leave = (): void => {
      if (!this.turns.delete(turn)) return;
      turn.reject(new RequestLost('ABORT_ERR'));
      this.endIfDone();
    };
    signal.addEventListener('abort', leave, { once: true });
    this.assign();
    return turn.promise;
  }

  /** Gives places to those that wait, and dials where there are too few. */
  private assign(): void {
    for (const turn of this.turns) {
      const free = this.usable().find(({ hasRoom }) => hasRoom);
      if (free === undefined) break;
      this.turns.delete(turn);
      free.enter();
      turn.resolve(free);
    }
    for (let missing = this.missing(); missing > 0; missing--) this.dial();
    this.endIfDone();
  }

  /** One connection shows which protocol is spoken; more of them help only with HTTP/1.1. */
  private missing(): number {
    const usable = this.usable();
    const dialling = usable.filter(({ isOpen }) => !isOpen).length;
    const { protocol } = this.dialer;
    const isHttp1 = protocol !== undefined && protocol !== 'h2';
    const wanted = isHttp1 ? this.turns.size : Math.min(this.turns.size, 1);
    return Math.min(wanted - dialling, MAX_CONNECTIONS - usable.length);
  }

  private dial(): void {
    const connection = new HttpsConnection(this.origin, this.dialer, this.clock, {
      onReady: () => this.assign(),
      onEnd: (ended, problem) => this.onEnd(ended, problem),
    });
    this.connections.add(connection);
  }

  private onEnd(connection: HttpsConnection, problem: Error | undefined): void {
    this.connections.delete(connection);
    // While other connections are open, waiting requests are left to them: a server may limit a client's connections.
    const stands = this.usable().some(({ isOpen }) => isOpen);
    if (problem !== undefined && !stands) this.failTurns(problem);
    this.endIfDone();
  }

  private usable(): HttpsConnection[] {
    return [...this.connections].filter(({ isUsable }) => isUsable);
  }

  private failTurns(error: Error): void {
    for (const turn of this.turns) turn.reject(error);
    this.turns.clear();
  }

  private endIfDone(): void {
    if (!this.closed || this.turns.size > 0) return;
    if ([...this.connections].every(({ isIdle }) => isIdle)) this.destroy();
  }
}
