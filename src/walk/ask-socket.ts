import type { Endpoint } from '../endpoint.ts';

/** Opens the sockets that a model asks through: real ones, or a script in a test. */
export interface AskTransport {
  /**
   * A UDP socket with a port of its own.
   *
   * @param peer - Connects the socket: only this peer's datagrams arrive, and its refusal (ICMP) closes. Without it
   * datagrams from anybody arrive and a refusal goes unseen, as the kernel has it.
   */
  udp(listener: SocketListener, peer?: Endpoint): AskSocket;
  /** A TCP connection; what is sent before it stands goes out as soon as it does. */
  tcp(listener: SocketListener, peer: Endpoint): AskSocket;
}

/** A socket as a client holds it. */
export interface AskSocket {
  /** Sends one DNS message; over TCP with its length in front. Never throws: what is lost is lost. */
  send(octets: Uint8Array, to: Endpoint): void;
  /** After this its listener is not called again. */
  close(): void;
}

/** Who waits at a socket. It is never called from inside a call to the socket. */
export interface SocketListener {
  /** @param octets - One DNS message, without a length in front; the listener's to keep. */
  onMessage(octets: Uint8Array, from: Endpoint): void;
  /** The peer refused, reset or ended it: nothing more will come. */
  onClosed(): void;
}
