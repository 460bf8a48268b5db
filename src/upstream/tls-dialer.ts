import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Milliseconds } from '../clock.ts';
import { whyUntrusted } from './authentication.ts';
import { UpstreamError } from './exchange.ts';
import type { HttpsAddress, TlsAddress } from './server-address.ts';
import { TrustedRoots } from './trusted-roots.ts';

/**
 * Opens authenticated TLS connections to one server, resuming the session of the previous one (U5).
 *
 * A socket counts as open only when the server is authenticated. Nothing may be written earlier: Node 26 happens to
 * hold back earlier writes until after our check, but does not promise to.
 */
export class TlsDialer {
  private readonly address: TlsAddress | HttpsAddress;
  private readonly protocols: readonly string[];
  private readonly clock: Clock;
  private readonly roots: TrustedRoots;
  private session: Session | undefined;
  private chosen: string | false | undefined;

  /** @param protocols - The protocols offered by ALPN; none if it is empty. */
  constructor(address: TlsAddress | HttpsAddress, protocols: readonly string[], clock: Clock) {
    this.address = address;
    this.protocols = protocols;
    this.clock = clock;
    this.roots = new TrustedRoots(address.authentication.caFile, clock);
  }

  /** For messages. */
  get name(): string {
    return this.address.name;
  }

  /** The server's choice by ALPN at the last connection: `false` for none, `undefined` before the first. */
  get protocol(): string | false | undefined {
    return this.chosen;
  }

  /** Changes with the CA file: connections from before must take no more questions. */
  get generation(): number {
    try {
      return this.roots.current().generation;
    } catch {
      // The next dial fails with this error.
      return 0;
    }
  }

  /**
   * Opens a connection. Nothing is called before this returns.
   *
   * @param onOpen - Called when the server may be written to. If that never happens, the socket ends with an error,
   * which is an UpstreamError of reason `untrusted` if the server's identity is wrong.
   */
  dial(onOpen: (socket: TLSSocket) => void): Socket {
    try {
      return this.connect(onOpen);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const socket = new Socket();
      return socket.destroy(new UpstreamError('untrusted', `${this.address.name}: ${reason}`));
    }
  }

  private connect(onOpen: (socket: TLSSocket) => void): TLSSocket {
    const { endpoint, authentication, name, serverName } = this.address;
    const { context, generation } = this.roots.current();
    const session = this.resumable(generation);
    // Loaded here, and not above: it takes 5 ms, and few configurations use TLS.
    const { connect } = process.getBuiltinModule('node:tls');
    const socket = connect({
      host: endpoint.address,
      port: endpoint.port,
      secureContext: context,
      ...(session === undefined ? {} : { session: session.octets }),
      ALPNProtocols: [...this.protocols],
      // No check of chain or name by Node: it discards the certificate with the socket, and the operator needs to read
      // it. `whyUntrusted` checks both, before our first octet is sent.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
    socket.setNoDelay(true);
    // Before the server is authenticated, a session counts as too old to be resumed.
    let provenAt: Milliseconds = Number.NEGATIVE_INFINITY;
    socket.on('session', (octets) => {
      this.session = { octets, generation, provenAt };
    });
    socket.once('secureConnect', () => {
      const problem = whyUntrusted(socket, name, authentication);
      if (problem !== undefined) {
        this.session = undefined;
        socket.destroy(new UpstreamError('untrusted', problem));
        return;
      }
      // A resumed session proves nothing new, and servers renew it each time: it would never expire.
      const resumed = socket.isSessionReused() ? session : undefined;
      provenAt = resumed?.provenAt ?? this.clock.now();
      this.chosen = socket.alpnProtocol ?? false;
      onOpen(socket);
    });
    return socket;
  }

  private resumable(generation: number): Session | undefined {
    const { session } = this;
    if (session === undefined || session.generation !== generation) return undefined;
    return this.clock.now() - session.provenAt < SESSION_AGE ? session : undefined;
  }
}

interface Session {
  readonly octets: Buffer;
  readonly generation: number;
  /** When the server last showed its certificate. */
  readonly provenAt: Milliseconds;
}

/** Dates are not checked when a session is resumed: an expired certificate is accepted for this much longer at most. */
const SESSION_AGE: Milliseconds = 3_600_000;
