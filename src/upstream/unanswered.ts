import type { AskParts } from './ask-parts.ts';
import { noAnswer, UpstreamError, type UpstreamFailure } from './exchange.ts';

/** What came of the messages to one server for one question. */
interface Outcome {
  readonly reason: UpstreamFailure;
  readonly error?: Error | undefined;
  /** The server itself has sent an unreadable reply. */
  readonly isMalformed: boolean;
  /** How many datagrams went out. */
  readonly sent: number;
}

/** Why one question at one server has no answer: silence, refusals and unreadable replies have different remedies. */
export class Unanswered {
  /** Datagrams that this machine or ICMP refused, with the reason of the first one. */
  private refusals = 0;
  private refused: Error | undefined;
  /** A message arrived that is no reply to the question: a timeout after that is not silence (U3). */
  isMismatched = false;

  noteRefusal(error: Error): void {
    this.refusals++;
    this.refused ??= error;
  }

  /** The error for the client; what is wrong with the server is kept for the status page. */
  why({ name, serverTallies }: Pick<AskParts, 'name' | 'serverTallies'>, outcome: Outcome): Error {
    const error = this.errorFor(name, outcome);
    // If there was no room here, nothing is wrong with the server.
    if (error instanceof UpstreamError && error.reason !== 'full') {
      serverTallies.trouble = error.reason;
    }
    return error;
  }

  private errorFor(server: string, { reason, error, isMalformed, sent }: Outcome): Error {
    if (isMalformed) return noAnswer(server, 'malformed');
    // If every datagram was refused, the server was not silent (F5).
    const neverSent = this.refusals === sent ? this.refused : undefined;
    if (neverSent !== undefined) return neverSent;
    return (
      error ?? noAnswer(server, this.isMismatched && reason === 'timeout' ? 'malformed' : reason)
    );
  }
}
