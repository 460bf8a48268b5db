import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { UpstreamError } from './exchange.ts';
import { http1Session } from './http1-session.ts';
import { http2Session } from './http2-session.ts';
import {
  GRACE,
  type HttpSession,
  type HttpsRequest,
  type HttpsResponse,
  IDLE,
  RequestLost,
} from './https-request.ts';
import type { TlsDialer } from './tls-dialer.ts';

/** The part of a dialer that a connection needs. */
export type HttpsDialer = Pick<TlsDialer, 'name' | 'dial' | 'protocol'>;

/** What a connection reports. */
export interface ConnectionOwner {
  /** The connection is ready for requests. */
  onReady(): void;
  /** @param problem - Why it never took a request; `undefined` if it could. */
  onEnd(connection: HttpsConnection, problem: Error | undefined): void;
}

/** One connection, from the first octet of TLS to its end, with the version of HTTP that the server chooses. */
export class HttpsConnection {
  private readonly clock: Clock;
  private readonly owner: ConnectionOwner;
  private readonly socket: Socket;
  private session: HttpSession | undefined;
  private isRetired = false;
  private taken = 0;
  private timer: Timer;

  constructor(origin: string, dialer: HttpsDialer, clock: Clock, owner: ConnectionOwner) {
    this.clock = clock;
    this.owner = owner;
    let problem: Error = new UpstreamError('network', `${dialer.name} closed before it was ready`);
    const socket = dialer.dial((opened) => void this.begin(origin, opened));
    this.socket = socket;
    this.timer = clock.after(HANDSHAKE, () => this.destroy());
    // A listener for the socket's whole life: an error without a listener would end the process.
    socket.on('error', (error) => {
      problem = error;
    });
    socket.on('close', () => {
      this.timer.cancel();
      owner.onEnd(this, this.session === undefined ? problem : undefined);
    });
  }

  /** Whether it takes requests, now or once the server is authenticated. */
  get isUsable(): boolean {
    return !this.isRetired && !this.socket.destroyed;
  }

  get isOpen(): boolean {
    return this.isUsable && this.session !== undefined;
  }

  get hasRoom(): boolean {
    return this.isUsable && this.taken < (this.session?.places ?? 0);
  }

  get isIdle(): boolean {
    return this.taken === 0;
  }

  /** Reserves a place for one request. */
  enter(): void {
    this.taken++;
    this.watch();
  }

  /** Sends the request once, in a place that was taken. @throws {RequestLost} If no whole response came. */
  async request(request: HttpsRequest): Promise<HttpsResponse> {
    if (request.signal.aborted || this.session === undefined) throw new RequestLost('ABORT_ERR');
    return await this.session.request(request);
  }

  /** Gives the place back. */
  leave(): void {
    this.taken--;
    this.watch();
  }

  destroy(): void {
    this.timer.cancel();
    this.session?.destroy();
    this.socket.destroy();
  }

  private async begin(origin: string, socket: TLSSocket): Promise<void> {
    try {
      const session =
        socket.alpnProtocol === 'h2'
          ? http2Session(origin, socket, () => this.retire())
          : await http1Session(origin, socket);
      // The socket may have closed while undici was loading.
      if (socket.destroyed) return;
      this.session = session;
      this.watch();
      this.owner.onReady();
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Takes no more requests, and ends when it has none, or {@link GRACE} from now. */
  private retire(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    this.timer.cancel();
    if (this.isIdle) this.destroy();
    else this.timer = this.clock.after(GRACE, () => this.destroy());
  }

  /** An idle connection is closed after a while, and does not keep the process alive. */
  private watch(): void {
    if (!this.isIdle) {
      this.socket.ref();
      if (this.isUsable) this.timer.cancel();
      return;
    }
    this.socket.unref();
    this.timer.cancel();
    if (this.isUsable) this.timer = this.clock.after(IDLE, () => this.destroy());
    else this.destroy();
  }
}

/** No question waits longer than this (U2), so a handshake need not either. */
const HANDSHAKE: Milliseconds = 5_000;
