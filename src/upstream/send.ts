import type { Milliseconds } from '../clock.ts';
import type { UpstreamTransport } from '../vocabulary.ts';
import type { PartialResponse } from '../wire/partial-response.ts';
import type { EdnsMemory } from './edns-memory.ts';
import { UpstreamError } from './exchange.ts';
import type { Reply } from './reply.ts';
import { MAX_SENDS, RESEND_WITHOUT_TOKEN } from './retransmission.ts';
import { AGAIN } from './timeouts.ts';
import type { Exchange, ReplyListener, Suspicion } from './transport.ts';

/** The sender of a message, which is called with the result. */
export interface SendOwner {
  onReply(send: Send, reply: Reply): void;
  onFailure(send: Send, error: Error): void;
  onSuspicion(send: Send, suspicion: Suspicion): void;
}

/**
 * One message of a question. It is the listener for its reply, so that each send allocates one object and no closures.
 */
export class Send implements ReplyListener {
  readonly transport: UpstreamTransport;
  readonly at: Milliseconds;
  readonly edns: boolean;
  /** Absent only until the transport's `send` has returned. */
  exchange: Exchange | undefined;
  /** It received a malformed message. It still listens, since that may have been forged (U3). */
  malformed = false;
  /** The intact part of that (U3). */
  partial: PartialResponse | undefined;
  private readonly owner: SendOwner;
  private readonly sends: Sends;

  /** @param sends - All of the question's, which this is to be added to before it is sent. */
  constructor(
    owner: SendOwner,
    sends: Sends,
    { transport, at, edns }: Pick<Send, 'transport' | 'at' | 'edns'>,
  ) {
    this.owner = owner;
    this.sends = sends;
    this.transport = transport;
    this.at = at;
    this.edns = edns;
  }

  onReply(reply: Reply): void {
    this.owner.onReply(this, reply);
  }

  onFailure(error: Error): void {
    this.owner.onFailure(this, error);
  }

  onSuspicion(suspicion: Suspicion, partial?: PartialResponse): void {
    this.malformed ||= suspicion === 'malformed';
    this.partial ??= partial;
    this.owner.onSuspicion(this, suspicion);
  }

  onPartial(partial: PartialResponse): void {
    this.partial = partial;
  }

  /** RFC 9520 §3.1: what a transport sends again by itself counts as well; a refused connection does not. */
  takeSend(): boolean {
    return this.sends.take(this.transport, MAX_SENDS);
  }

  get isLast(): boolean {
    return !this.sends.mayGo(this.transport, MAX_SENDS);
  }
}

/** The messages of one question: which are in flight, and how many were sent over each transport. */
export class Sends {
  /** Oldest first. */
  private readonly open: Send[] = [];
  /** A message with an OPT got an unreadable reply, or none while one without an OPT was answered. */
  uselessOpt = false;
  private readonly counts = { udp: 0, tcp: 0, tls: 0, https: 0 };
  /** When the last one was sent, but for those over TCP. */
  lastAt: Milliseconds = 0;
  /** Datagrams that this machine refused to send. */
  private refusedHere = 0;
  /** Connections that were refused: the message for them was not sent. */
  private refusedConnections = 0;
  /** When a client's later query last added one; at first, when the question came. */
  private repeatedAt: Milliseconds;
  /** How many a client's later queries have added, and how many of those are not counted any more. */
  private repeats = 0;
  private forgotten = 0;

  constructor(now: Milliseconds) {
    this.repeatedAt = now;
  }

  /** How many are in flight. */
  get out(): number {
    return this.open.length;
  }

  /** How many were sent over this transport. */
  count(transport: UpstreamTransport): number {
    return this.counts[transport];
  }

  /** Whether fewer than `limit` were really sent over this transport. */
  mayGo(transport: UpstreamTransport, limit: number): boolean {
    const uncounted =
      transport === 'udp' ? this.refusedHere + this.forgotten : this.refusedConnections;
    return this.counts[transport] - uncounted < limit;
  }

  /**
   * Counts one more for a client that asks again (L5).
   *
   * @param wait - How long the answer to the last one may take.
   * @returns Whether it may be sent.
   */
  takeRepeat(now: Milliseconds, wait: Milliseconds): boolean {
    if (now - this.repeatedAt < AGAIN || now - this.lastAt < wait) return false;
    this.repeatedAt = now;
    this.repeats++;
    return true;
  }

  /**
   * Datagrams that a client's later queries added are no longer counted (L5): they were lost in an outage that is over.
   */
  forgetRepeats(): void {
    // If this machine refused some, it may have been these.
    this.forgotten = Math.max(0, this.repeats - this.refusedHere);
  }

  /** How long until it may be sent again with no token left (U2). */
  waitWithoutToken(now: Milliseconds): Milliseconds {
    return this.lastAt + RESEND_WITHOUT_TOKEN - now;
  }

  /** Whether a datagram was sent, and the answer to the last one should be here. @param wait - How long it may take. */
  isOverdue(now: Milliseconds, wait: Milliseconds): boolean {
    return this.counts.udp > 0 && now - this.lastAt >= wait;
  }

  noteRefusedHere(): void {
    this.refusedHere++;
  }

  /** Takes note of a connection that was refused. An HTTP status is a refusal as well, but its request was sent. */
  noteRefusal(error: Error): void {
    const isRefused = error instanceof UpstreamError && error.reason === 'refused';
    if (isRefused && !error.wasReceived) this.refusedConnections++;
  }

  /** Counts a message that the transport sends again by itself. @returns Whether it may. */
  take(transport: UpstreamTransport, limit: number): boolean {
    if (!this.mayGo(transport, limit)) return false;
    this.counts[transport]++;
    return true;
  }

  /**
   * Whether the next one carries an OPT. Some servers drop it: after one that got no readable reply, all go without,
   * unless the client needs it (U4).
   */
  wantsOpt(
    transport: UpstreamTransport,
    edns: Pick<EdnsMemory, 'usable' | 'isDoubted'>,
    dnssecOk: boolean,
  ): boolean {
    if (!edns.usable) return false;
    const mayBePlain = (transport === 'udp' || transport === 'tcp') && !dnssecOk;
    return !(mayBePlain && (edns.isDoubted || this.hasSilentOpt(transport)));
  }

  /** Whether one with an OPT was sent over this transport and got no readable reply. */
  hasSilentOpt(transport: UpstreamTransport): boolean {
    return this.uselessOpt || this.open.some((send) => send.edns && send.transport === transport);
  }

  /** Whether one without an OPT is in flight. */
  hasPlainOut(transport: UpstreamTransport): boolean {
    return this.open.some((send) => !send.edns && send.transport === transport);
  }

  /**
   * Whether the last one without an OPT may still be answered: if its reply was malformed, no better one is expected,
   * and earlier ones count as lost.
   */
  awaitsPlain(transport: UpstreamTransport): boolean {
    const last = this.open.findLast((each) => !each.edns && each.transport === transport);
    return last?.malformed === false;
  }

  /** Whether one with an OPT may still be answered. */
  get awaitsOpt(): boolean {
    return this.open.some(({ edns, malformed }) => edns && !malformed);
  }

  /** Whether one that was sent at `since` or later is in flight. */
  isOut(transport: UpstreamTransport, since = Number.NEGATIVE_INFINITY): boolean {
    return this.open.some((send) => send.transport === transport && send.at >= since);
  }

  add(send: Send): void {
    this.counts[send.transport]++;
    this.open.push(send);
  }

  remove(send: Send): void {
    const at = this.open.indexOf(send);
    if (at >= 0) this.open.splice(at, 1);
  }

  /** Stops listening to all of them. */
  close(): void {
    for (const { exchange } of this.open.splice(0)) exchange?.close();
  }
}
