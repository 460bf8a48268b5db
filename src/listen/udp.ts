import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Endpoint, isIpv6Address } from '../endpoint.ts';
import { listenError } from './listen-error.ts';
import type { Listener } from './listener.ts';
import { lookup, Replies } from './replies.ts';
import type { Responder } from './responder.ts';

/** Octets of datagrams that wait in the kernel while the process is busy: about 4,000 queries. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/**
 * Takes queries on one UDP address with a socket of its own, so that a reply leaves from the address that was asked
 * (L1).
 *
 * @param options.fd - A socket that is bound to it already.
 * @param options.threads - How many threads listen on the address, this one among them.
 * @throws {ListenError} When the address cannot be bound.
 */
export async function listenUdp(
  endpoint: Endpoint,
  responder: Responder,
  { fd, threads = 1 }: { readonly fd?: number | undefined; readonly threads?: number } = {},
): Promise<Listener> {
  const type = isIpv6Address(endpoint.address) ? 'udp6' : 'udp4';
  // An IPv6 socket that also took IPv4 would keep the IPv4 address from being bound.
  const reusePort = threads > 1;
  const socket = createSocket({ type, ipv6Only: type === 'udp6', reusePort, lookup });
  await bind(socket, endpoint, fd);
  growReceiveBuffer(socket);
  const replies = new Replies(socket);
  // An ICMP error for a client that has gone does not concern the others.
  socket.on('error', () => undefined);
  socket.on('message', (octets: Buffer, peer: RemoteInfo) => {
    // Linux delivers such a datagram, but it cannot be answered: node throws for port 0.
    if (peer.port === 0) return;
    responder.respond(octets, { transport: 'udp', address: peer.address }, (reply) =>
      replies.send(reply, peer),
    );
  });
  return {
    endpoint: { address: endpoint.address, port: socket.address().port },
    close: async () => {
      await replies.end();
      socket.close();
      await once(socket, 'close');
    },
  };
}

async function bind(socket: Socket, endpoint: Endpoint, fd: number | undefined): Promise<void> {
  // Before bind: without an address look-up the socket may emit `listening` at once.
  const listening = once(socket, 'listening');
  if (fd !== undefined) socket.bind({ fd, exclusive: true });
  else socket.bind({ address: endpoint.address, port: endpoint.port, exclusive: true });
  try {
    await listening;
  } catch (error) {
    socket.close();
    throw listenError(endpoint, 'udp', error as NodeJS.ErrnoException);
  }
}

/** A burst must not be lost while the event loop is busy; the kernel caps the size by itself. */
export function growReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    // The default size stays: then only a smaller burst fits.
  }
}
