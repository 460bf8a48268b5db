import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { listenAt } from '../listen-at.ts';
import { Deframer, frame } from '../wire/frame.ts';
import { listenError } from './listen-error.ts';
import type { Listener } from './listener.ts';
import type { Responder } from './responder.ts';

/** What bounds the connections (S1). */
export interface TcpLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** How many queries of one connection may wait for answers; after that, nothing is read until one is answered. */
  readonly maxInFlight: number;
  /** How long a connection stays open if no whole query arrives and no answer is sent. */
  readonly idle: Milliseconds;
  /** How long a connection may exist; it is closed after its last answer. */
  readonly life: Milliseconds;
}

/** The limits that a connection can reach. */
export type TcpLimit = 'tcp_connections' | 'tcp_queries' | 'tcp_idle' | 'tcp_life' | 'tcp_unread';

/** Connections, for the metrics. */
export interface TcpEvents {
  opened(): void;
  closed(): void;
  /** A connection was refused, because a limit is reached. */
  refused(): void;
  /** Called when a limit is met: a query waits, or a connection is closed. */
  limited(limit: TcpLimit): void;
}

export interface TcpOptions {
  /** How many threads listen on the address, this one among them. */
  readonly threads?: number;
  readonly limits: TcpLimits;
  readonly clock: Clock;
  readonly events: TcpEvents;
}

/**
 * S1: a connection that has had no whole query for this long is closed to make room for a new one; a busy client's next
 * query comes sooner.
 */
const EVICTABLE_AFTER: Milliseconds = 200;

/** How many octets of answers may wait in a connection that its client does not read. */
const MAX_UNREAD = 256 * 1024;
/** How many octets of replies are collected before they are sent. */
const MAX_CORKED = 64 * 1_024;

/**
 * Takes queries over TCP: pipelined, answered in the order in which answers arrive, on connections that stay open (RFC
 * 7766).
 *
 * At the limit a new connection replaces the one that has been unused for the longest time, if that is 200 ms or more,
 * so that a client that only holds connections keeps no other out. If a client has more connections than the new one's
 * client, one of its own is closed at once (S1).
 *
 * @param fd - A socket that listens there already.
 * @throws {ListenError} When the address cannot be bound.
 */
export async function listenTcp(
  endpoint: Endpoint,
  responder: Responder,
  options: TcpOptions,
  fd?: number,
): Promise<Listener> {
  const connections = new Set<Connection>();
  const perClient = new Map<string, number>();
  const { limits, events } = options;
  const hasRoom = (client: string): boolean => {
    const own = perClient.get(client) ?? 0;
    const isGreedy = own >= limits.maxConnectionsPerClient;
    if (!isGreedy && connections.size < limits.maxConnections) return true;
    events.limited('tcp_connections');
    if (isGreedy) return makeRoom(connections, client);
    const [greediest, most] = largest(perClient);
    // A client that has more connections than the new one's client will have loses one at once, even a busy one.
    if (most > own + 1) return makeRoom(connections, greediest, 0);
    return makeRoom(connections, undefined);
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const client = socket.remoteAddress ?? '';
    if (!(responder.allows?.(client) ?? true) || !hasRoom(client)) {
      events.refused();
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    events.opened();
    perClient.set(client, (perClient.get(client) ?? 0) + 1);
    const connection = new Connection(socket, client, responder, options);
    connections.add(connection);
    socket.once('close', () => events.closed());
    connection.onGone = () => {
      connections.delete(connection);
      const left = (perClient.get(client) ?? 1) - 1;
      if (left === 0) perClient.delete(client);
      else perClient.set(client, left);
    };
  });
  await bind(server, endpoint, { fd, reusePort: (options.threads ?? 1) > 1 });
  server.on('error', () => undefined);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : endpoint.port;
  return {
    endpoint: { address: endpoint.address, port },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.end();
      await closed;
    },
  };
}

async function bind(
  server: Server,
  endpoint: Endpoint,
  { fd, reusePort }: { readonly fd: number | undefined; readonly reusePort: boolean },
): Promise<void> {
  try {
    if (fd === undefined) listenAt(server, endpoint, { ipv6Only: true, reusePort });
    else server.listen({ fd, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw listenError(endpoint, 'tcp', error as NodeJS.ErrnoException);
  }
}

/**
 * Closes the connection that has been without a query and an answer for the longest time.
 *
 * @param client - The client with too many connections; `undefined` for all together.
 * @param unusedFor - The least time it must have been unused.
 * @returns Whether there was one to close.
 */
function makeRoom(
  connections: ReadonlySet<Connection>,
  client: string | undefined,
  unusedFor: Milliseconds = EVICTABLE_AFTER,
): boolean {
  let idlest: Connection | undefined;
  for (const connection of connections) {
    if (client !== undefined && connection.client !== client) continue;
    if (idlest === undefined || connection.idleFor > idlest.idleFor) idlest = connection;
  }
  if (idlest === undefined || idlest.idleFor < unusedFor) return false;
  idlest.evict();
  return true;
}

/** The client with most connections, and how many. */
function largest(perClient: ReadonlyMap<string, number>): readonly [string | undefined, number] {
  let found: readonly [string | undefined, number] = [undefined, 0];
  for (const each of perClient) if (each[1] > found[1]) found = each;
  return found;
}

class Connection {
  readonly client: string;
  /** Called once, when the connection no longer counts towards the limits. */
  onGone: () => void = () => undefined;
  private readonly socket: Socket;
  private readonly responder: Responder;
  private readonly options: TcpOptions;
  private readonly deframer = new Deframer();
  private idle: Timer;
  private readonly life: Timer;
  /** When the last whole query arrived or the last answer left. */
  private lastUsed: Milliseconds;
  private inFlight = 0;
  private ended = false;
  /** An answer that is sent at once must not start a second advance inside the first. */
  private advancing = false;
  /** Messages of the last chunk that have not been read. */
  private backlog: Generator<Uint8Array, void, undefined> | undefined;

  constructor(socket: Socket, client: string, responder: Responder, options: TcpOptions) {
    this.socket = socket;
    this.client = client;
    this.responder = responder;
    this.options = options;
    this.lastUsed = options.clock.now();
    this.idle = this.startIdle();
    this.life = options.clock.after(options.limits.life, () => this.leave('tcp_life'));
    // A client that disappears is not an error of ours.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    // Half closed: queries in flight are still answered.
    socket.on('end', () => this.end());
    socket.once('close', () => this.gone());
  }

  /** How long the connection has been unused; 0 while it waits for an answer. */
  get idleFor(): Milliseconds {
    return this.inFlight > 0 ? 0 : this.options.clock.now() - this.lastUsed;
  }

  /** Closes the connection at once, to make room for another. */
  evict(): void {
    this.gone();
    this.socket.destroy();
  }

  /** Reads no more, and closes the connection after the last answer: what was read before is answered. */
  end(): void {
    this.ended = true;
    this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.ended && this.inFlight === 0 && this.backlog === undefined) this.socket.destroySoon();
  }

  private read(chunk: Buffer): void {
    if (this.ended) return;
    this.backlog = this.deframer.push(chunk);
    this.advance();
  }

  /**
   * Reads what has arrived, while fewer queries than the limit wait; after that, the client waits for its own answers
   * (S1).
   */
  private advance(): void {
    this.advancing = true;
    // Immediate answers are sent in one system call, however many queries a chunk had.
    this.socket.cork();
    while (this.backlog !== undefined && this.inFlight < this.options.limits.maxInFlight) {
      const { value: message } = this.backlog.next();
      if (message === undefined) this.backlog = undefined;
      else this.take(message);
    }
    this.advancing = false;
    this.socket.uncork();
    if (this.backlog === undefined) {
      this.socket.resume();
      this.closeIfDone();
    } else {
      this.options.events.limited('tcp_queries');
      this.socket.pause();
    }
  }

  private take(message: Uint8Array): void {
    // Only whole messages count: a client that sends an octet now and then does not keep a connection open (slowloris).
    this.lastUsed = this.options.clock.now();
    const from = { transport: 'tcp', address: this.client } as const;
    this.inFlight++;
    const replies = this.responder.respond(message, from, (reply) => this.write(reply));
    if (!replies) this.inFlight--;
  }

  private write(reply: Uint8Array): void {
    this.inFlight--;
    if (this.socket.destroyed) return;
    this.lastUsed = this.options.clock.now();
    this.socket.write(frame(reply));
    if (this.advancing && this.socket.writableLength > MAX_CORKED) {
      this.socket.uncork();
      this.socket.cork();
    }
    // A client that asks and never reads is cut off before it fills memory (S1).
    if (this.socket.writableLength > MAX_UNREAD) this.cut('tcp_unread');
    else if (!this.advancing) this.advance();
  }

  private startIdle(): Timer {
    const { clock, limits } = this.options;
    // One timer that checks when the connection was last used: a new timer for each message would cost more than the
    // answer.
    return clock.after(this.lastUsed + limits.idle - clock.now(), () => {
      // A connection that waits for an answer is not idle (RFC 7766 §6.2.3). The answer comes within seconds, if only
      // as SERVFAIL (U2).
      if (this.inFlight > 0) this.lastUsed = clock.now();
      if (clock.now() - this.lastUsed < limits.idle) this.idle = this.startIdle();
      else this.cut('tcp_idle');
    });
  }

  private cut(limit: TcpLimit): void {
    this.options.events.limited(limit);
    this.socket.destroy();
  }

  /** Closes the connection when no answer is pending. */
  private leave(limit: TcpLimit): void {
    this.options.events.limited(limit);
    this.end();
  }

  private gone(): void {
    this.idle.cancel();
    this.life.cancel();
    this.onGone();
    this.onGone = () => undefined;
  }
}
