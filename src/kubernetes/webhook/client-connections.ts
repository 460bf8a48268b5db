import type { Socket } from 'node:net';

type State = 'silent' | 'idle' | 'busy';

/**
 * Makes room for a new connection (S1): past the bound, the connection that has sent nothing since it was made for the
 * longest time is closed, then the one that has been idle for the longest; if all are busy, the new one is closed.
 */
export class ClientConnections {
  private readonly max: number;
  /**
   * Keyed by the client's address and port, because TLS hides the socket that it reads from; in the order of their last
   * change.
   */
  private readonly states = new Map<string, { readonly socket: Socket; readonly state: State }>();

  constructor(max: number) {
    this.max = max;
  }

  /** A connection before its TLS handshake. */
  add(socket: Socket): void {
    if (this.states.size >= this.max && !this.makeRoom()) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    this.states.set(key, { socket, state: 'silent' });
    socket.once('close', () => {
      if (this.states.get(key)?.socket === socket) this.states.delete(key);
    });
  }

  /** @param client - The connection, or TLS on top of it. */
  change(client: Pick<Socket, 'remoteAddress' | 'remotePort'>, state: 'idle' | 'busy'): void {
    const key = keyOf(client);
    const known = this.states.get(key);
    if (known === undefined) return;
    this.states.delete(key);
    this.states.set(key, { socket: known.socket, state });
  }

  private makeRoom(): boolean {
    for (const wanted of ['silent', 'idle'] as const) {
      for (const [key, { socket, state }] of this.states) {
        if (state !== wanted) continue;
        this.states.delete(key);
        socket.destroy();
        return true;
      }
    }
    return false;
  }
}

function keyOf({
  remoteAddress,
  remotePort,
}: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
