import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import type { PartialResponse } from '../wire/partial-response.ts';
import { asTruncated, type Reply, saysSomething } from './reply.ts';
import { MAX_SENDS, PARTIAL_WAIT } from './retransmission.ts';
import type { Sends } from './send.ts';
import { SILENCE } from './timeouts.ts';

/** Time for a TCP handshake and a round trip, if a lost datagram has used up the wait. */
const LEAST_WAIT: Milliseconds = 100;

/** A server's reply that is not yet accepted: it is used if nothing better arrives (U3). */
export class FallbackReply {
  /** A reply with TC. */
  truncated: Message | undefined;
  /** Whether it would be no longer with an OPT, or is long enough. */
  private isLongest = false;
  private hasAskedForMore = false;
  /** The intact part of a damaged reply (U3). */
  private partial: Message | undefined;
  /** Records that stood beside an OPT: used only if there is nothing else (U3). */
  private besideOpt: Message | undefined;
  /** How often the server's octets could not be read. */
  private malformedReplies = 0;
  /** One of them came over TCP, so it was certainly the server's. */
  private malformedOverTcp = false;
  private isFinal = false;
  /** Its reply to EDNS; from then on the question is sent without an OPT (U4). */
  refusal: Reply | undefined;

  get malformed(): boolean {
    return this.malformedReplies > 0;
  }

  /** The server's replies, or what looks like them, of which nothing was used. */
  private get useless(): number {
    return this.malformedReplies + (this.refusal === undefined ? 0 : 1);
  }

  /** All that has come is one reply of which nothing can be read: somebody else may have sent it. */
  get mayBeForged(): boolean {
    return this.malformed && this.partial === undefined && this.useless < 2;
  }

  /**
   * How long to wait for a better reply. One reply may be forged; a second one hardly is.
   *
   * @param lost - How long after the first datagram the one was sent that this replies to.
   * @param roundTrip - How long after that the reply came.
   */
  waitAfter(lost: Milliseconds, roundTrip: Milliseconds): Milliseconds {
    if (this.partial === undefined && this.useless < 2 && !this.isOverTcpAlone)
      return Math.max(SILENCE - lost, PARTIAL_WAIT, this.waitOverTcp(roundTrip));
    return Math.max(PARTIAL_WAIT - lost, LEAST_WAIT);
  }

  /** Of two damaged replies the one with records counts: the damage may have taken those of the other. */
  private get hasRecords(): boolean {
    return this.partial !== undefined && this.partial.answer.length > 0;
  }

  /** TC: the answer will come after a handshake and a round trip, of which one may take a little longer. */
  private waitOverTcp(roundTrip: Milliseconds): Milliseconds {
    return this.truncated === undefined ? 0 : Math.min(3 * roundTrip, SILENCE);
  }

  /** @param isLongest - Whether the query had an OPT, or the server refuses one. */
  noteTruncated(message: Message, isLongest: boolean): void {
    this.truncated ??= message;
    this.isLongest ||= isLongest || saysSomething(message);
  }

  private get mayGrow(): boolean {
    return this.truncated !== undefined && !this.isLongest;
  }

  /** Whether one more query, with an OPT, may bring what is missing. */
  needsOpt(sends: Sends): boolean {
    if (!this.mayGrow || this.hasAskedForMore || this.besideOpt !== undefined) return false;
    return sends.mayGo('udp', MAX_SENDS);
  }

  /** @returns Whether it is to be sent now. */
  takeOpt(sends: Sends): boolean {
    const isDue = this.needsOpt(sends);
    this.hasAskedForMore ||= isDue;
    return isDue;
  }

  /** @param partial - Its intact part. */
  noteMalformed(partial: PartialResponse | undefined): void {
    if (partial?.isBesideOpt) this.besideOpt ??= partial.message;
    else if (!this.hasRecords) this.partial = partial?.message ?? this.partial;
    this.malformedReplies++;
  }

  /** Whether the query without an OPT has had its reply, which was cut to nothing: only TCP may be better. */
  private get isOverTcpAlone(): boolean {
    return this.truncated !== undefined && this.besideOpt !== undefined;
  }

  /**
   * An unreadable reply over TCP: only the server can have sent it, so its intact part counts, and ends the wait.
   *
   * @param isAlone - Whether nothing has come over UDP.
   */
  noteOverTcp(partial: PartialResponse | undefined, isAlone: boolean): void {
    const intact = partial?.isBesideOpt === false ? partial.message : undefined;
    this.malformedOverTcp = true;
    this.isFinal = isAlone || intact !== undefined;
    this.partial = intact ?? this.partial;
  }

  /**
   * Whether UDP may bring a better reply once TCP has brought none. A malformed datagram may be forged, and the true one
   * arrives on the same socket. After an unreadable reply over TCP, only a datagram without an OPT may be better, or one
   * after a damaged reply (U4).
   */
  mayImprove(sends: Sends): boolean {
    if (this.truncated !== undefined)
      return this.needsOpt(sends) || (this.mayGrow && sends.awaitsOpt);
    if (this.isFinal || !sends.isOut('udp')) return false;
    return !this.malformedOverTcp || this.partial !== undefined || sends.awaitsPlain('udp');
  }

  /** Whether nothing has come for which another server need not be asked. */
  get isUnread(): boolean {
    return this.message === this.besideOpt;
  }

  /** The best of these replies; `undefined` if none is an answer. */
  get message(): Message | undefined {
    const { truncated, partial, besideOpt, malformed, refusal } = this;
    if (truncated !== undefined && saysSomething(truncated)) return asTruncated(truncated);
    const intact = partial ?? besideOpt;
    if (intact !== undefined) return intact;
    return malformed ? undefined : refusal?.message;
  }
}
