import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { asTruncated, type Reply, saysSomething } from './reply.ts';
import { PARTIAL_WAIT } from './retransmission.ts';
import { SILENCE } from './timeouts.ts';

/** Time for a TCP handshake and a round trip, if a lost datagram has used up the wait. */
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
  /** Its reply to EDNS; from then on the question is sent without an OPT (U4). */
  refusal: Reply | undefined;

  get malformed(): boolean {
    return this.malformedReplies > 0;
  }

  /**
   * How long to wait for a better reply. One unreadable reply may be forged; a second one hardly is.
   *
   * @param lost - How long after the first datagram the one was sent that this replies to.
   */
  waitAfter(lost: Milliseconds): Milliseconds {
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
