import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { monotonicClock } from '../../src/clock.ts';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import type { Reply } from '../../src/upstream/reply.ts';
import { MAX_SENDS } from '../../src/upstream/retransmission.ts';
import type { ServerAddress } from '../../src/upstream/server-address.ts';
import type { Exchange, Suspicion, Transport } from '../../src/upstream/transport.ts';
import { type UdpSocketLimit, udpTransport } from '../../src/upstream/udp-exchange.ts';
import type { UpstreamTallies } from '../../src/upstream/upstream-tallies.ts';
import { RrClass, RrType } from '../../src/wire/codes.ts';

/** A server on the loopback that does as it is told. */
export interface Loopback {
  readonly address: ServerAddress;
  close(): Promise<void>;
}

/** A UDP server. @param onQuery - Gets each datagram; `reply` sends one back to its sender. */
export async function udpServer(
  onQuery: (query: Buffer, reply: (octets: Uint8Array) => void, from: RemoteInfo) => void,
  port = 0,
): Promise<Loopback> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    onQuery(query, (octets) => socket.send(octets, from.port, from.address), from);
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: serverAt('udp', socket.address().port),
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** A TCP server. @param onConnection - Gets each connection as it is accepted, and its number from 0. */
export async function tcpServer(
  onConnection: (socket: Socket, number: number) => void,
): Promise<Loopback> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    // Clients here close whenever they like.
    socket.on('error', () => undefined);
    onConnection(socket, accepted++);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: serverAt('tcp', (server.address() as AddressInfo).port),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** More sockets than a test needs. */
export const PLENTY = { sockets: 1_000, full: { add: () => undefined } };

/** Datagrams to a server, by default with {@link PLENTY}. */
export function udpTo(
  address: ServerAddress,
  tallies: UpstreamTallies,
  limit: Partial<UdpSocketLimit> = {},
): Transport {
  return udpTransport(address, tallies, { ...PLENTY, clock: monotonicClock, ...limit });
}

/** A port on which nobody listens: it was bound and is free again. */
export async function closedPort(): Promise<number> {
  const { address, close } = await udpServer(() => undefined);
  await close();
  return address.endpoint.port;
}

export function serverAt(transport: 'udp' | 'tcp', port: number): ServerAddress {
  return {
    transport,
    endpoint: { address: '127.0.0.1', port },
    name: `${transport}://127.0.0.1:${port}`,
  };
}

export function outgoing(qname: string, qtype: number = RrType.A): Outgoing {
  return { qname, qtype, qclass: RrClass.IN, dnssecOk: false, checkingDisabled: false };
}

/** A question that is out, as a promise. */
export interface Sent {
  readonly reply: Promise<Reply>;
  readonly exchange: Exchange;
  readonly suspicions: Suspicion[];
}

/** One question, which may be sent as often as any (RFC 9520 §3.1). */
export function sendBy(transport: Transport, question: Outgoing, edns = true): Sent {
  let sends = 1;
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const suspicions: Suspicion[] = [];
  const exchange = transport.send(question, edns, {
    onReply: resolve,
    onFailure: reject,
    takeSend: () => sends++ < MAX_SENDS,
    onSuspicion: (suspicion) => suspicions.push(suspicion),
  });
  return { reply: promise, exchange, suspicions };
}
