import type { AskParts } from './ask-parts.ts';
import { noAnswer, UpstreamError, type UpstreamFailure } from './exchange.ts';

/** What came, or did not, of one question at one server. */
interface Outcome {
  readonly reason: UpstreamFailure;
  readonly error?: Error | undefined;
  /** The server itself has sent what cannot be read. */
  readonly isMalformed: boolean;
  /** How many datagrams went out. */
  readonly sent: number;
}

/** Why one question at one server has no answer: silence, refusals and replies that cannot be read have different cures. */
export class Unanswered {
  /** Datagrams that this machine refused, or ICMP, and why the first one was. */
  private refusals = 0;
  private refused: Error | undefined;
  /** Something came that is no reply to the question: a timeout from then on is no silence (U3). */
  isMismatched = false;

  noteRefusal(error: Error): void {
    this.refusals++;
    this.refused ??= error;
  }

  /** The error for the client; what is wrong with the server is kept for the status page. */
  why({ name, serverTallies }: Pick<AskParts, 'name' | 'serverTallies'>, outcome: Outcome): Error {
    const error = this.errorFor(name, outcome);
    // Where there was no room here, nothing is wrong with the server.
    if (error instanceof UpstreamError && error.reason !== 'full') {
      serverTallies.trouble = error.reason;
    }
    return error;
  }

  private errorFor(server: string, { reason, error, isMalformed, sent }: Outcome): Error {
    if (isMalformed) return noAnswer(server, 'malformed');
    // Where no datagram has reached the server, that is not its silence (F5).
    const neverSent = this.refusals === sent ? this.refused : undefined;
    if (neverSent !== undefined) return neverSent;
    return (
      error ?? noAnswer(server, this.isMismatched && reason === 'timeout' ? 'malformed' : reason)
    );
  }
}
