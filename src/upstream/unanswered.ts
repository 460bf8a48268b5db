import type { Milliseconds } from '../clock.ts';
import type { AskParts } from './ask-parts.ts';
import { noAnswer, UpstreamError, type UpstreamFailure } from './exchange.ts';
import type { FallbackReply } from './fallback-reply.ts';
import type { Sends } from './send.ts';

/** Why one question at one server has no answer: silence, refusals and unreadable replies have different remedies. */
export class Unanswered {
  private readonly parts: Pick<AskParts, 'name' | 'serverTallies' | 'health'>;
  private readonly sends: Sends;
  private readonly fallback: FallbackReply;
  /** Datagrams that this machine or ICMP refused, with the reason of the first one. */
  private refusals = 0;
  private refused: Error | undefined;
  /** A message arrived that is no reply to the question: a timeout after that is not silence (U3). */
  isMismatched = false;
  private isCounted = false;

  /**
   * @param sends - Of the question.
   * @param fallback - Of the question.
   */
  constructor(parts: Unanswered['parts'], sends: Sends, fallback: FallbackReply) {
    this.parts = parts;
    this.sends = sends;
    this.fallback = fallback;
  }

  noteRefusal(error: Error): void {
    this.refusals++;
    this.refused ??= error;
  }

  /** Counts the question against its server, once. */
  count(startedAt: Milliseconds): void {
    if (this.isCounted) return;
    this.isCounted = true;
    this.why('timeout');
    this.parts.serverTallies.unanswered.add();
    this.parts.health.missed(startedAt);
  }

  /** The error for the client; what is wrong with the server is kept for the status page. */
  why(reason: UpstreamFailure, cause?: Error): Error {
    const error = this.errorFor(reason, cause);
    // If there was no room here, nothing is wrong with the server.
    if (error instanceof UpstreamError && error.reason !== 'full') {
      this.parts.serverTallies.trouble = error.reason;
    }
    return error;
  }

  private errorFor(reason: UpstreamFailure, cause: Error | undefined): Error {
    const { name } = this.parts;
    if (this.fallback.malformed) return noAnswer(name, 'malformed');
    // If every datagram was refused, the server was not silent (F5).
    const neverSent = this.refusals === this.sends.count('udp') ? this.refused : undefined;
    if (neverSent !== undefined) return neverSent;
    if (cause !== undefined) return cause;
    return noAnswer(name, this.isMismatched && reason === 'timeout' ? 'malformed' : reason);
  }
}
