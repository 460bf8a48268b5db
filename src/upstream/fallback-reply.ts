import type { Milliseconds } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { asTruncated, type Reply, saysSomething } from './reply.ts';
import { PARTIAL_WAIT } from './retransmission.ts';
import { SILENCE } from './timeouts.ts';

/** A TCP handshake and a round trip, where an earlier datagram's loss has taken the time already. */
const LEAST_WAIT: Milliseconds = 100;

/** A server's reply that is not yet accepted: it is used if nothing better arrives. */
export class FallbackReply {
  /** A reply with TC. */
  truncated: Message | undefined;
  /** The intact part of a damaged reply (U3). */
  partial: Message | undefined;
  /** The server's own octets could not be read. */
  malformed = false;
  /** So it was over TCP, where nobody else can have sent it. */
  malformedOverTcp = false;
  /** Its reply to EDNS; from then on the question is sent without an OPT (U4). */
  refusal: Reply | undefined;

  /** How long a better reply is waited for, where the question was sent so long ago. */
  waitAfter(elapsed: Milliseconds): Milliseconds {
    if (this.partial === undefined) return SILENCE;
    return Math.max(PARTIAL_WAIT - elapsed, LEAST_WAIT);
  }

  /** The best of it; nothing where none of it is an answer. */
  get message(): Message | undefined {
    const { truncated, partial, malformed, refusal } = this;
    if (truncated !== undefined && saysSomething(truncated)) return asTruncated(truncated);
    if (partial !== undefined) return partial;
    return malformed ? undefined : refusal?.message;
  }
}
