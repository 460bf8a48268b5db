import type { Socket } from 'node:net';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { Deframer, frame } from '../wire/frame.ts';
import { uint16 } from '../wire/header.ts';
import { padQuery, QUERY_BLOCK_OCTETS } from '../wire/padding.ts';
import { buildQuery, randomId } from '../wire/request.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { judgeReply, type Verdict } from './reply.ts';
import { socketError } from './socket-error.ts';
import type { ReplyListener } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** A question that waits for its answer, on one connection at a time. */
export interface InFlight {
  readonly question: Outgoing;
  readonly edns: boolean;
  readonly listener: ReplyListener;
  /** How many connections that answered nothing it was lost on. */
  fruitless: number;
  /** The answer is no longer needed. */
  closed: boolean;
  connection?: StreamConnection;
}

/** Where a connection goes. */
export interface StreamServer {
  readonly transport: 'tcp' | 'tls';
  /** For messages. */
  readonly name: string;
  /** Whether queries are padded (RFC 8467). */
  readonly padded: boolean;
  /** How long it may be silent with a question unanswered before new questions go elsewhere. */
  readonly silenceLimit: Milliseconds;
  /**
   * After how long another socket is opened beside one that does not open: behind DNAT it may lead to a server that is
   * gone, and the next one to another. Absent: never.
   */
  readonly redialAfter?: Milliseconds;
  /** Changes when older connections must take no more questions. */
  readonly generation: number;
  /** Opens a socket. @param onOpen - Called, later, when the server may be written to. */
  dial(onOpen: () => void): Socket;
}

/** The owner of a connection. */
export interface ConnectionOwner {
  /** The connection takes no more questions; those in flight may still be answered. */
  onRetired(): void;
  /** The connection is closed. @param waiting - The unanswered questions, oldest first. */
  onLost(error: UpstreamError, waiting: readonly InFlight[]): void;
}

interface Sent {
  readonly inFlight: InFlight;
  readonly at: Milliseconds;
}

/** One connection to a server: connects when it is made, closes after 5 s without questions. */
export class StreamConnection {
  /** Its server's generation when it was made. */
  readonly generation: number;
  private readonly server: StreamServer;
  private readonly clock: Clock;
  private readonly tallies: UpstreamTallies;
  private readonly owner: ConnectionOwner;
  /** The one that has opened, or all that may still open. */
  private readonly sockets = new Set<Socket>();
  private dials = 0;
  private redial: Timer | undefined;
  private readonly deframer = new Deframer();
  /** By ID, oldest first. An ID stays taken after its question was given up: the answer may still come. */
  private readonly sent = new Map<number, Sent>();
  /** Queries from before the connection was open. */
  private unsent: Uint8Array[] = [];
  private readonly limit: number;
  private askedCount = 0;
  private waitingCount = 0;
  private answeredCount = 0;
  private lastHeard: Milliseconds;
  private timer: Timer | undefined;
  private isEstablished = false;
  private retired = false;
  private gone = false;
  private error: Error | undefined;

  /** @param limit - How many questions it takes in all. */
  constructor(
    server: StreamServer,
    clock: Clock,
    tallies: UpstreamTallies,
    owner: ConnectionOwner,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.limit = limit;
    this.generation = server.generation;
    this.server = server;
    this.clock = clock;
    this.tallies = tallies;
    this.owner = owner;
    this.lastHeard = clock.now();
    this.dial();
  }

  /** Whether it was ever established. */
  get established(): boolean {
    return this.isEstablished;
  }

  /** How many questions it has answered. */
  get answered(): number {
    return this.answeredCount;
  }

  /** How many questions it has got. */
  get asked(): number {
    return this.askedCount;
  }

  /** Whether it has got all the questions that it takes; it closes when none waits. */
  get full(): boolean {
    return this.askedCount >= this.limit;
  }

  /** How many questions wait on it. */
  get waiting(): number {
    return this.waitingCount;
  }

  send(inFlight: InFlight): void {
    const id = this.freeId();
    const { question, edns } = inFlight;
    const { checkingDisabled, dnssecOk, probe } = question;
    this.askedCount++;
    inFlight.connection = this;
    this.sent.set(id, { inFlight, at: this.clock.now() });
    if (this.waitingCount++ === 0) this.watch();
    const options = { id, checkingDisabled, edns: edns ? { dnssecOk, probe } : undefined };
    const query = buildQuery(question, options);
    // Without EDNS there is no place for padding.
    const padded = edns && this.server.padded ? padQuery(query, QUERY_BLOCK_OCTETS) : query;
    const octets = frame(padded);
    if (this.isEstablished) this.write(octets);
    else this.unsent.push(octets);
    this.redialLater();
    if (this.sent.size >= MAX_IDS) this.retire();
  }

  /**
   * A question on this connection was cancelled. Its caller has marked it as closed, and nobody waits for its reply.
   */
  abandon(inFlight: InFlight): void {
    this.endOfWait(inFlight);
  }

  /** Takes no more questions; closes when none waits. */
  retire(): void {
    if (this.retired) return;
    this.retired = true;
    this.owner.onRetired();
    if (this.waitingCount === 0) this.lose();
  }

  /** Closes without calling the owner. @returns The unanswered questions, oldest first. */
  destroy(): InFlight[] {
    const waiting = [...this.sent.values()].map(({ inFlight }) => inFlight);
    this.gone = true;
    this.timer?.cancel();
    this.redial?.cancel();
    this.waitingCount = 0;
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    for (const inFlight of waiting) delete inFlight.connection;
    return waiting.filter(({ closed }) => !closed);
  }

  private dial(): void {
    this.dials++;
    const socket = this.server.dial(() => this.onOpen(socket));
    this.sockets.add(socket);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('error', (error) => {
      this.error = error;
    });
    // A server that half-closes will not answer any more.
    socket.on('end', () => this.onClosed(socket));
    socket.on('close', () => this.onClosed(socket));
  }

  /** While a question waits and nothing has opened, up to {@link MAX_DIALS} sockets are tried. */
  private redialLater(): void {
    const { redialAfter } = this.server;
    if (redialAfter === undefined || this.isEstablished || this.redial !== undefined) return;
    if (this.dials >= MAX_DIALS) return;
    this.redial = this.clock.after(redialAfter, () => {
      this.redial = undefined;
      if (this.waitingCount === 0) return;
      this.dial();
      this.redialLater();
    });
  }

  /** The first that opens is used, the others are closed. */
  private onOpen(socket: Socket): void {
    if (this.gone || this.isEstablished) return;
    this.isEstablished = true;
    // Of a socket that was refused beside this one.
    this.error = undefined;
    this.redial?.cancel();
    for (const other of this.sockets) if (other !== socket) other.destroy();
    this.sockets.clear();
    this.sockets.add(socket);
    for (const octets of this.unsent) this.write(octets);
    this.unsent = [];
  }

  private onClosed(socket: Socket): void {
    if (!this.sockets.delete(socket)) return;
    socket.destroy();
    if (this.sockets.size === 0) this.lose();
  }

  private write(octets: Uint8Array): void {
    for (const socket of this.sockets) socket.write(octets);
  }

  private onData(chunk: Uint8Array): void {
    this.lastHeard = this.clock.now();
    for (const message of this.deframer.push(chunk)) {
      if (this.gone) return;
      this.onMessage(message);
    }
  }

  private onMessage(octets: Uint8Array): void {
    const id = uint16(octets, 0);
    const inFlight = this.sent.get(id)?.inFlight;
    if (inFlight === undefined) {
      this.tallies.mismatched.add();
      return;
    }
    let verdict: Verdict;
    try {
      verdict = judgeReply(octets, id, inFlight.question);
    } catch (bug) {
      // A socket's event has no caller above it: thrown from here, a bug in reading would end the process.
      this.finish(id, inFlight, () => inFlight.listener.onFailure(bug as Error));
      return;
    }
    if (verdict.kind === 'reply') {
      const { reply } = verdict;
      this.finish(id, inFlight, () => inFlight.listener.onReply(reply));
      return;
    }
    this.tallies[verdict.kind].add();
    if (verdict.kind === 'mismatched') return;
    // Unlike a datagram, only the server can have sent this: there is no other reply to wait for.
    const { transport, name } = this.server;
    const error = new UpstreamError('malformed', `malformed ${transport} reply from ${name}`);
    const { partial } = verdict;
    this.finish(id, inFlight, () => {
      if (partial !== undefined) inFlight.listener.onPartial?.(partial);
      inFlight.listener.onFailure(error);
    });
  }

  private finish(id: number, inFlight: InFlight, tell: () => void): void {
    this.sent.delete(id);
    this.answeredCount++;
    if (inFlight.closed) return;
    inFlight.closed = true;
    this.endOfWait(inFlight);
    tell();
  }

  private endOfWait(inFlight: InFlight): void {
    delete inFlight.connection;
    this.waitingCount--;
    if (this.waitingCount > 0) return;
    if (this.retired || this.full) this.lose();
    else this.watch();
  }

  /** Restarts the timer: for silence while a question waits, for idleness while none does. */
  private watch(): void {
    this.timer?.cancel();
    if (this.waitingCount === 0) {
      // An idle connection does not keep the process alive.
      for (const socket of this.sockets) socket.unref();
      this.timer = this.clock.after(IDLE, () => this.lose());
    } else {
      for (const socket of this.sockets) socket.ref();
      this.timer = this.clock.after(this.server.silenceLimit, () => this.onWatch());
    }
  }

  private onWatch(): void {
    const quiet = this.clock.now() - Math.max(this.lastHeard, this.oldestSentAt());
    const { silenceLimit } = this.server;
    if (quiet >= silenceLimit) this.retire();
    else this.timer = this.clock.after(silenceLimit - quiet, () => this.onWatch());
  }

  private oldestSentAt(): Milliseconds {
    for (const { inFlight, at } of this.sent.values()) if (!inFlight.closed) return at;
    return this.clock.now();
  }

  private lose(): void {
    if (this.gone) return;
    const { error } = this;
    const { transport, name } = this.server;
    const waiting = this.destroy();
    const lost =
      error === undefined
        ? new UpstreamError(
            'network',
            `${transport} connection to ${name} was closed by the server`,
          )
        : socketError(transport, name, error);
    this.owner.onLost(lost, waiting);
  }

  /** Unpredictable, and not in flight here: so a late answer never meets another question (U3). */
  private freeId(): number {
    for (;;) {
      // Ends: at most MAX_IDS of 65,536 are taken.
      const id = randomId();
      if (!this.sent.has(id)) return id;
    }
  }
}

/** Below the 8 to 10 s after which servers close on their own, so that few questions meet a closing connection. */
const IDLE: Milliseconds = 5_000;
/** Sockets that are opened for one connection: of two servers, of which one is gone, all miss once in 64 times. */
const MAX_DIALS = 6;
/** IDs that one connection uses before the next one is opened: unanswered ones must not use them up (S1). */
const MAX_IDS = 1_024;
