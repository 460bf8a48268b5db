import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import type { AskSocket, AskTransport, SocketListener } from './ask-socket.ts';

/** An event at one of an inbox's sockets. */
export interface Arrival {
  readonly via: AskSocket;
  /** Absent if the peer closed the socket. */
  readonly message?: { readonly octets: Uint8Array; readonly from: Endpoint };
}

/**
 * The sockets of one exchange and their events: the models' `poll()`, so that each model can be compared with the C
 * loop that it follows.
 */
export class Inbox {
  /** How many messages were sent through its sockets. */
  sent = 0;
  private readonly clock: Clock;
  private readonly transport: AskTransport;
  private readonly signal: AbortSignal | undefined;
  private readonly sockets = new Set<AskSocket>();
  private readonly arrivals: Arrival[] = [];
  private wake: (() => void) | undefined;

  constructor(clock: Clock, transport: AskTransport, signal: AbortSignal | undefined) {
    this.clock = clock;
    this.transport = transport;
    this.signal = signal;
  }

  udp(peer?: Endpoint): AskSocket {
    return this.open((listener) => this.transport.udp(listener, peer));
  }

  tcp(peer: Endpoint): AskSocket {
    return this.open((listener) => this.transport.tcp(listener, peer));
  }

  /**
   * The next event, or `undefined` once the clock reads `until`. One caller at a time.
   *
   * An event that has already happened is returned whatever the time is, as by `poll()`.
   *
   * @throws The signal's reason, when the walk is aborted.
   */
  async wait(until: Milliseconds): Promise<Arrival | undefined> {
    this.signal?.throwIfAborted();
    if (this.arrivals.length === 0) await this.arrivalOr(until);
    this.signal?.throwIfAborted();
    return this.arrivals.shift();
  }

  /** Closes every socket that is still open. */
  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  private async arrivalOr(until: Milliseconds): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.after(until - this.clock.now(), resolve).keepAlive();
    this.signal?.addEventListener('abort', this.onAbort);
    this.wake = resolve;
    await promise;
    this.wake = undefined;
    this.signal?.removeEventListener('abort', this.onAbort);
    timer.cancel();
  }

  private readonly onAbort = () => this.wake?.();

  private open(connect: (listener: SocketListener) => AskSocket): AskSocket {
    const arrive = (message?: Arrival['message']) => {
      this.arrivals.push(message === undefined ? { via: socket } : { via: socket, message });
      this.wake?.();
    };
    const inner = connect({
      onMessage: (octets, from) => arrive({ octets, from }),
      onClosed: () => arrive(),
    });
    const socket: AskSocket = {
      send: (octets, to) => {
        this.sent++;
        inner.send(octets, to);
      },
      close: () => {
        this.sockets.delete(socket);
        inner.close();
      },
    };
    this.sockets.add(socket);
    return socket;
  }
}
