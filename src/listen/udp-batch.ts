import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Clock, Milliseconds } from '../clock.ts';
import { type Endpoint, isIpv6Address } from '../endpoint.ts';
import { BATCH, BatchSocket, SLOT_OCTETS } from './batch-socket.ts';
import type { Libc } from './libc.ts';
import { listenError } from './listen-error.ts';
import type { Listener } from './listener.ts';
import { lookup, Replies } from './replies.ts';
import type { Responder } from './responder.ts';
import { growReceiveBuffer } from './udp.ts';

export interface UdpBatchOptions {
  readonly libc: Libc;
  readonly clock: Clock;
  /** How many threads listen on the address, this one among them. */
  readonly threads?: number;
  /** A socket that is bound to the address already. */
  readonly fd?: number | undefined;
}

/**
 * How long one wake-up may read datagrams before the event loop continues: under a flood, upstream replies, timers, TCP
 * and the status server wait this long at most. Node then reads up to 32 datagrams one by one, so shorter turns would
 * spend most of their time on those.
 */
const TURN: Milliseconds = 2;
/**
 * The same while nothing else is to be done, with no question in flight and no reply to send: on each return to the event
 * loop node reads a burst of datagrams one by one, each at ten times the cost (npm run bench -- hits: 3.3 us of CPU per
 * query in all, 3.8 with turns of 2 ms).
 */
const LONG_TURN: Milliseconds = 5;
/** If queries are closer together than this, blocking for the next one costs less than sleeping and being woken. */
const CLOSE: Milliseconds = 0.5;
/**
 * After this many close queries in a row, the process blocks in `recvmmsg`, which saves a `poll` for each. The kernel
 * counts that time in ticks, so up to 8 ms are lost when the queries stop. After fewer queries, as for a libc's pair,
 * it blocks in `poll` for one millisecond.
 */
const STEADY = 8;

/**
 * Takes queries on one UDP address, many in one system call, with the behaviour of {@link listenUdp} at a third of the
 * cost.
 *
 * This object owns the socket. node:dgram adopts it, signals that a datagram has arrived, and sends replies that come
 * later. On a wake-up all waiting datagrams are read, and those that can be answered from memory are answered in place.
 *
 * @throws {ListenError} When the address cannot be bound.
 */
export async function listenUdpBatch(
  endpoint: Endpoint,
  responder: Responder,
  options: UdpBatchOptions,
): Promise<Listener> {
  const batches = bindBatches(endpoint, options);
  const { port } = batches;
  const socket = createSocket({ type: isIpv6Address(endpoint.address) ? 'udp6' : 'udp4', lookup });
  // Before bind: an adopted socket may emit `listening` at once.
  const listening = once(socket, 'listening');
  socket.bind({ fd: batches.fd, exclusive: true });
  await listening;
  growReceiveBuffer(socket);
  const drain = new Drain(batches, socket, responder, options.clock);
  // An ICMP error for a client that has gone does not concern the others.
  socket.on('error', () => undefined);
  socket.on('message', (octets: Buffer, peer: RemoteInfo) => drain.wake(octets, peer));
  return {
    endpoint: { address: endpoint.address, port },
    close: async () => {
      await drain.end();
      socket.close();
      await once(socket, 'close');
      batches.free();
    },
  };
}

function bindBatches(endpoint: Endpoint, { libc, threads = 1, fd }: UdpBatchOptions): BatchSocket {
  try {
    return new BatchSocket(libc, endpoint, { threads, fd });
  } catch (error) {
    throw listenError(endpoint, 'udp', error as NodeJS.ErrnoException);
  }
}

/** Reads the waiting datagrams, in turns that leave time to the event loop. */
class Drain {
  private readonly batches: BatchSocket;
  private readonly responder: Responder;
  private readonly clock: Clock;
  private readonly replies: Replies;
  /** Whether the share of the current turn of the event loop is used up. */
  private spent = false;
  private ended = false;
  /** Of the datagrams of a batch, and then of the replies that were ready. */
  private readonly lengths = new Int32Array(BATCH);
  /** Datagrams of the batch that are not answered from memory. */
  private readonly misses = new Uint8Array(BATCH);
  /** Datagrams that node has read, in the first slots. */
  private woken = 0;
  /** How many datagrams or batches in a row came close to the previous one. */
  private streak = 0;
  /** When the last datagram arrived. */
  private last: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(batches: BatchSocket, socket: Socket, responder: Responder, clock: Clock) {
    this.batches = batches;
    this.responder = responder;
    this.clock = clock;
    this.replies = new Replies(socket);
  }

  /**
   * Takes the datagram that node has read to signal readiness, and then all others that wait.
   *
   * The socket is read so once in a turn of the event loop. Datagrams that node reads after that in the same turn, up
   * to 32, are answered together at its end.
   */
  wake(octets: Buffer, peer: RemoteInfo): void {
    // Linux delivers such a datagram, but it cannot be answered: node throws for port 0.
    if (peer.port === 0 || this.ended) return;
    if (octets.length > SLOT_OCTETS || peer.address.includes('%')) {
      this.respond(octets, { address: peer.address, port: peer.port });
    } else {
      this.batches.put(this.woken++, octets, peer);
    }
    if (this.woken === BATCH) this.takeWoken();
    if (this.spent) return;
    this.spent = true;
    setImmediate(() => {
      this.spent = false;
      this.takeWoken();
    });
    this.takeWoken();
    this.drain();
  }

  /** Takes no more; resolves when the last reply was handed over. */
  end(): Promise<void> {
    this.takeWoken();
    this.ended = true;
    return this.replies.end();
  }

  private takeWoken(): void {
    const count = this.woken;
    this.woken = 0;
    if (count > 0) this.take(count);
  }

  private drain(): void {
    const { batches, clock } = this;
    const began = clock.now();
    this.streak = began - this.last < CLOSE ? this.streak + 1 : 0;
    let now = began;
    this.last = began;
    while (now - began < this.turn) {
      const count = batches.receive();
      // No further datagram follows.
      if (count === 0 && batches.blocks) break;
      now = this.take(count);
      if (count > 0) this.last = now;
      if (count < BATCH && !this.wait()) break;
    }
    batches.unblock();
  }

  private get turn(): Milliseconds {
    return this.isAlone() ? LONG_TURN : TURN;
  }

  /** Blocks for the next datagram, here or in `receive`. @returns Whether there is something to receive. */
  private wait(): boolean {
    // Only a thread that has nothing else to do may block.
    if (this.streak === 0 || !this.isAlone()) return false;
    if (this.streak > STEADY && this.batches.block()) return true;
    const isThere = this.batches.wait(1);
    if (isThere) this.streak++;
    return isThere;
  }

  /** Whether no reply from upstream is expected and no reply to a client waits to be sent. */
  private isAlone(): boolean {
    return this.responder.inFlight === 0 && this.replies.leaving === 0;
  }

  /** Answers a batch. @returns When its replies were sent. */
  private take(count: number): Milliseconds {
    const { batches, responder } = this;
    const { ready } = responder;
    const begun = ready?.begin() ?? this.clock.now();
    const { lengths } = this;
    for (let i = 0; i < count; i++) {
      lengths[i] = ready !== undefined && this.mayAsk(i) ? batches.lengthOf(i) : 0;
    }
    ready?.answerAll(batches.slots, SLOT_OCTETS, lengths, count);
    let misses = 0;
    for (let i = 0; i < count; i++) {
      const length = lengths[i] ?? 0;
      if (length > 0) batches.stage(i, length);
      else this.misses[misses++] = i;
    }
    // Known answers are sent first: they must not wait for the work that the other queries cause.
    if (misses < count) {
      batches.flush(this.keepReply);
      ready?.end(begun, 'udp');
    }
    this.resolveMisses(misses);
    return this.clock.now();
  }

  private resolveMisses(count: number): void {
    // From here on node may send on the socket.
    if (count > 0) this.batches.unblock();
    for (let i = 0; i < count; i++) this.resolve(this.misses[i] ?? 0);
  }

  /** Whether replies from memory may be used for this client: without an allow list no address is read. */
  private mayAsk(i: number): boolean {
    const { allows } = this.responder;
    return allows === undefined || allows(this.batches.peerOf(i).address);
  }

  private resolve(i: number): void {
    const at = i * SLOT_OCTETS;
    const octets = this.batches.slots.subarray(at, at + this.batches.lengthOf(i));
    const peer = this.batches.peerOf(i, zoneName);
    if (peer.port !== 0) this.respond(octets, peer);
  }

  private respond(octets: Uint8Array, peer: Endpoint): void {
    this.responder.respond(octets, { transport: 'udp', address: peer.address }, (reply) =>
      this.replies.send(reply, peer),
    );
  }

  /** The kernel's buffer is full: node sends the reply when there is room again, from a copy. */
  private readonly keepReply = (i: number, length: number): void => {
    this.batches.unblock();
    const at = i * SLOT_OCTETS;
    const reply = this.batches.slots.slice(at, at + length);
    this.replies.send(reply, this.batches.peerOf(i, zoneName));
  };
}

/** The interface of a link-local peer. */
function zoneName(scope: number): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((address) => 'scopeid' in address && address.scopeid === scope))
      return name;
  }
  return undefined;
}
