import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { onOnePort } from '../listen-at.ts';
import { Deframer, frame } from '../wire/frame.ts';
import type { Message } from '../wire/message.ts';
import { renderReply, TCP_OCTETS, udpLimit } from '../wire/render.ts';
import { type Request, readRequest } from '../wire/request.ts';
import { WireError } from '../wire/wire-error.ts';
import { bendAnswer } from './cluster-answer.ts';
import { type DropReason, Fate, type Faults, noFaults } from './cluster-faults.ts';
import type { World } from './cluster-world.ts';

/** One question as it reached the cluster, answered or not. */
export interface Asked {
  /** Counts from 1 and never starts again: the order of arrival. */
  readonly number: number;
  readonly at: Milliseconds;
  readonly transport: 'udp' | 'tcp';
  readonly peer: Endpoint;
  /** Which of the cluster's endpoints was asked. */
  readonly server: Endpoint;
  readonly id: number;
  /** Canonical: lower case, ends in a dot. */
  readonly qname: string;
  readonly qtype: number;
  /** When the answer leaves; absent where none does. */
  readonly answeredAt?: Milliseconds;
  /** Why no answer is sent; absent if one is. */
  readonly dropped?: DropReason;
}

/** What a cluster is started with. */
export interface ClusterOptions {
  /** Each is served over UDP and TCP; port 0 takes a free one, the same for both. */
  readonly endpoints: readonly Endpoint[];
  /** Read at each question, because services come and go in a running cluster. */
  readonly world: World;
  readonly faults?: Partial<Faults>;
  readonly clock: Clock;
  /** The seed of the random numbers behind the fault ratios; default 1. */
  readonly seed?: number;
  /** Called for each question as it arrives. */
  readonly onAsked?: (asked: Asked) => void;
}

/** A running cluster DNS. */
export interface Cluster {
  /** In the order they were given, with the ports that were taken. */
  readonly endpoints: readonly Endpoint[];
  /** Every question so far, in order; set `length = 0` to start over. */
  readonly asked: Asked[];
  /** Change them between lookups: they hold from the next question on. */
  readonly faults: Faults;
  /** Answers that are still delayed are not sent. */
  close(): Promise<void>;
}

/**
 * Starts a scripted cluster DNS: it answers as CoreDNS and a recursive server behind it would for `world`, with the
 * delays and faults of `faults`.
 *
 * It is not a model of a fast server: it has one reader and logs every question.
 *
 * @throws {Error} If an endpoint cannot be bound.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const faults = { ...noFaults(), ...options.faults };
  const desk = new Desk(options, faults);
  const listeners: Listener[] = [];
  const close = async () => {
    desk.close();
    // Removed from the list first, so that closing again is harmless.
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  };
  try {
    for (const endpoint of options.endpoints) listeners.push(await listen(endpoint, desk));
  } catch (error) {
    await close();
    throw error;
  }
  const endpoints = listeners.map((listener) => listener.endpoint);
  return { endpoints, asked: desk.asked, faults, close };
}

/** The source of a question, and how to send its answer. */
interface Arrival {
  readonly transport: 'udp' | 'tcp';
  readonly peer: Endpoint;
  readonly server: Endpoint;
  readonly send: (octets: Uint8Array) => void;
}

/** Records each question, and sends its answer after the delay. */
class Desk {
  readonly asked: Asked[] = [];
  private readonly options: ClusterOptions;
  private readonly faults: Faults;
  private readonly fate: Fate;
  private number = 0;
  private closed = false;

  constructor(options: ClusterOptions, faults: Faults) {
    this.options = options;
    this.faults = faults;
    this.fate = new Fate(faults, options.seed ?? 1);
  }

  /** After this no answer is sent: its socket may be closed. */
  close(): void {
    this.closed = true;
  }

  receive(octets: Uint8Array, arrival: Arrival): void {
    const request = readOrIgnore(octets);
    if (request === undefined) return;
    const at = this.options.clock.now();
    const outcome = this.decide(request, arrival, at);
    const { transport, peer, server } = arrival;
    const { qname, qtype } = request.question;
    const asked: Asked = {
      number: ++this.number,
      at,
      transport,
      peer,
      server,
      id: request.header.id,
      qname,
      qtype,
      ...('dropped' in outcome ? { dropped: outcome.dropped } : { answeredAt: at + outcome.delay }),
    };
    this.asked.push(asked);
    this.options.onAsked?.(asked);
    if ('message' in outcome) this.answer(request, outcome, arrival);
  }

  private decide(request: Request, { transport, peer }: Arrival, at: Milliseconds): Outcome {
    const lost =
      transport === 'udp'
        ? this.fate.ofDatagram(peer, at, request.question.qname)
        : this.fate.ofStreamQuestion(at);
    if (lost !== undefined) return { dropped: lost };
    const message = bendAnswer(this.options.world, request.question, this.faults);
    if (message === undefined) return { dropped: 'silent' };
    const { delay } = this.faults;
    return { message, delay: typeof delay === 'number' ? delay : delay(request.question) };
  }

  private answer(
    request: Request,
    { message, delay }: { message: Message; delay: Milliseconds },
    { transport, send }: Arrival,
  ): void {
    const limit = transport === 'udp' ? udpLimit(request) : TCP_OCTETS;
    const reply = () => {
      if (!this.closed) send(renderReply(request, message, { age: 0, limit }));
    };
    // Without a delay the answer leaves in the turn of its question: a timer would add a millisecond.
    if (delay <= 0) reply();
    else this.options.clock.after(delay, reply);
  }
}

type Outcome =
  | { readonly dropped: DropReason }
  | { readonly message: Message; readonly delay: Milliseconds };

/** A message that is not a query is not answered: no user of this cluster sends one. */
function readOrIgnore(octets: Uint8Array): Request | undefined {
  try {
    return readRequest(octets);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

interface Listener {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

function listen(endpoint: Endpoint, desk: Desk): Promise<Listener> {
  return onOnePort(endpoint.port, async () => {
    const udp = await bindUdp(endpoint, desk);
    const bound = { address: endpoint.address, port: udp.address().port };
    try {
      const tcp = await bindTcp(bound, desk);
      return { endpoint: bound, close: () => closeBoth(udp, tcp) };
    } catch (error) {
      udp.close();
      throw error;
    }
  });
}

async function bindUdp({ address, port }: Endpoint, desk: Desk): Promise<UdpSocket> {
  const isIpv6 = address.includes(':');
  // Bound separately, [::]:53 must leave IPv4 to its own socket (L1).
  const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 });
  const bound = once(socket, 'listening');
  socket.bind(port, address);
  await bound;
  const server = { address, port: socket.address().port };
  socket.on('message', (octets: Uint8Array, from: RemoteInfo) => {
    desk.receive(octets, {
      transport: 'udp',
      peer: { address: from.address, port: from.port },
      server,
      send: (reply) => socket.send(reply, from.port, from.address),
    });
  });
  // A client that has gone answers with an ICMP error: that concerns no other client.
  socket.on('error', () => {});
  return socket;
}

interface TcpListener {
  readonly server: Server;
  readonly connections: ReadonlySet<TcpSocket>;
}

async function bindTcp(endpoint: Endpoint, desk: Desk): Promise<TcpListener> {
  const connections = new Set<TcpSocket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => connection.destroy());
    serveStream(connection, endpoint, desk);
  });
  const listening = once(server, 'listening');
  server.listen({ host: endpoint.address, port: endpoint.port, ipv6Only: true });
  await listening;
  return { server, connections };
}

function serveStream(connection: TcpSocket, server: Endpoint, desk: Desk): void {
  const deframer = new Deframer();
  const peer = { address: connection.remoteAddress ?? '', port: connection.remotePort ?? 0 };
  const send = (reply: Uint8Array) => {
    if (connection.writable) connection.write(frame(reply));
  };
  connection.on('data', (chunk: Uint8Array) => {
    for (const octets of deframer.push(chunk)) {
      desk.receive(octets, { transport: 'tcp', peer, server, send });
    }
  });
}

async function closeBoth(udp: UdpSocket, tcp: TcpListener): Promise<void> {
  const closed = Promise.all([once(udp, 'close'), once(tcp.server, 'close')]);
  udp.close();
  tcp.server.close();
  for (const connection of tcp.connections) connection.destroy();
  await closed;
}
