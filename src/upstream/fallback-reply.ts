import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import type { UpstreamFailure } from './exchange.ts';
import { asTruncated, type Reply, saysSomething } from './reply.ts';
import { PARTIAL_WAIT } from './retransmission.ts';
import { SILENCE } from './timeouts.ts';

/**
 * A TCP handshake and a round trip, where an earlier datagram's loss has taken the time already; and for the true reply
 * after a forged one, where there is no TCP.
 */
const LEAST_WAIT: Milliseconds = 100;

/** A server's reply that is not yet accepted: it is used if nothing better arrives. */
export class FallbackReply {
  /** A reply with TC. */
  truncated: Message | undefined;
  /** The intact part of a damaged reply (U3). */
  partial: Message | undefined;
  /** How often the server's octets could not be read. */
  malformedReplies = 0;
  /** One of them came over TCP, so it was certainly the server's. */
  malformedOverTcp = false;
  /** A connection was refused. */
  hasNoTcp = false;
  /** Its reply to EDNS; from then on the question is sent without an OPT (U4). */
  refusal: Reply | undefined;

  get malformed(): boolean {
    return this.malformedReplies > 0;
  }

  /** TCP will not bring a better one, or not for now. */
  noteStreamFailure(reason: UpstreamFailure): void {
    this.malformedOverTcp ||= reason === 'malformed';
    this.hasNoTcp ||= reason === 'refused';
  }

  /**
   * How long a better reply is waited for. One that cannot be read may be forged; hardly a second one, and where there
   * is no TCP hardly anything better comes.
   *
   * @param lost - How long after the first datagram the one was sent that this replies to.
   */
  waitAfter(lost: Milliseconds): Milliseconds {
    if (this.malformedReplies > 1 && this.hasNoTcp) return LEAST_WAIT;
    if (this.partial === undefined && this.malformedReplies < 2) return SILENCE;
    return Math.max(PARTIAL_WAIT - lost, LEAST_WAIT);
  }

  /** The best of these replies; `undefined` if none is an answer. */
  get message(): Message | undefined {
    const { truncated, partial, malformed, refusal } = this;
    if (truncated !== undefined && saysSomething(truncated)) return asTruncated(truncated);
    if (partial !== undefined) return partial;
    return malformed ? undefined : refusal?.message;
  }
}
