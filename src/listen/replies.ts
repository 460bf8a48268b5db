import type { Socket, SocketOptions } from 'node:dgram';
import { type Endpoint, isIpv6Address } from '../endpoint.ts';

/**
 * Counts the replies that were not yet handed to the kernel. Node does that one turn after `send`; a socket that is
 * closed in between would lose them.
 */
export class Replies {
  private readonly socket: Socket;
  /** How many were not yet handed to the kernel. */
  leaving = 0;
  private ended: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  send(reply: Uint8Array, to: Endpoint): void {
    if (this.ended !== undefined) return;
    this.leaving++;
    this.socket.send(reply, to.port, to.address, () => {
      this.leaving--;
      if (this.leaving === 0) this.ended?.();
    });
  }

  /** Takes no more; resolves when the last one was handed over. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.ended = resolve;
      if (this.leaving === 0) resolve();
    });
  }
}

/**
 * For the socket that sends replies: an address from a peer needs no look-up, and without one the kernel has the reply
 * before `send` returns.
 */
export const lookup: NonNullable<SocketOptions['lookup']> = (address, _options, callback) =>
  callback(null, address, isIpv6Address(address) ? 6 : 4);
