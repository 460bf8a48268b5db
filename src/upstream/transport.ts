import type { Message } from '../wire/message.ts';
import type { Outgoing } from './exchange.ts';
import type { Reply } from './reply.ts';

/**
 * One way to carry questions to one server: datagrams, a kept connection; TLS and HTTPS have the same shape.
 *
 * It knows no timers of a question: who sends decides how long to wait.
 */
export interface Transport {
  /**
   * Sends one message with an ID of its own. Nothing of `listener` is called before this returns, nor after
   * {@link Exchange.close}.
   *
   * @param edns - Whether the message carries an OPT (U4).
   */
  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange;
  /** Fails what is in flight with reason `closed`. */
  close(): void;
}

/** Who waits for a reply. Exactly one of `onReply` and `onFailure` is called, once, unless the exchange is closed first. */
export interface ReplyListener {
  onReply(reply: Reply): void;
  /** @param error - An UpstreamError; anything else is a bug of ours, on its way to where bugs are reported. */
  onFailure(error: Error): void;
  /**
   * Something came that was dropped, the first of its kind; the wait goes on.
   *
   * @param partial - What is whole of it, where that answers the question (U3).
   */
  onSuspicion?(suspicion: Suspicion, partial?: Message): void;
  /** Asks for one more send of the same question, and counts it; where nobody counts, there is none (RFC 9520 §3.1). */
  takeSend?(): boolean;
}

/**
 * `wrong-id`: somebody may be guessing (U3). `malformed`: the server itself sends what cannot be read. `mismatched`: what
 * came is no reply to the question.
 */
export type Suspicion = 'wrong-id' | 'malformed' | 'mismatched';

/** A message that is out. */
export interface Exchange {
  /** Stops listening, and frees what it held. Harmless after the reply. */
  close(): void;
}
