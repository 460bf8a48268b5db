import type { Endpoint } from '../endpoint.ts';

/** Opens the sockets that a model asks through: real ones, or a script in a test. */
export interface AskTransport {
  /**
   * A UDP socket with a port of its own.
   *
   * @param peer - Connects the socket: it then receives only this peer's datagrams, and an ICMP refusal closes it.
   * Without it, datagrams from any sender arrive and a refusal is not seen, as in the kernel.
   */
  udp(listener: SocketListener, peer?: Endpoint): AskSocket;
  /** A TCP connection; what is sent before it is established goes out afterwards. */
  tcp(listener: SocketListener, peer: Endpoint): AskSocket;
}

/** A socket as a client sees it. */
export interface AskSocket {
  /** Sends one DNS message; over TCP with a length prefix. Never throws: a send that fails counts as lost. */
  send(octets: Uint8Array, to: Endpoint): void;
  /** After this its listener is not called again. */
  close(): void;
}

/** Receives the events of a socket. It is never called from inside a call to the socket. */
export interface SocketListener {
  /** @param octets - One DNS message without a length prefix; the listener may keep it. */
  onMessage(octets: Uint8Array, from: Endpoint): void;
  /** The peer refused, reset or ended the connection: nothing more arrives. */
  onClosed(): void;
}
