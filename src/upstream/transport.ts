import type { PartialResponse } from '../wire/partial-response.ts';
import type { Outgoing } from './exchange.ts';
import type { Reply } from './reply.ts';

/**
 * One way to carry questions to one server: datagrams or a kept connection; TLS and HTTPS have the same shape.
 *
 * It has no timers for questions: the caller decides how long to wait.
 */
export interface Transport {
  /**
   * Sends one message with an ID of its own. `listener` is not called before this returns, nor after {@link
   * Exchange.close}.
   *
   * @param edns - Whether the message carries an OPT (U4).
   */
  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange;
  /** Fails the questions in flight with reason `closed`. */
  close(): void;
}

/** Waits for a reply. Exactly one of `onReply` and `onFailure` is called, once, unless the exchange is closed first. */
export interface ReplyListener {
  onReply(reply: Reply): void;
  /** @param error - An UpstreamError; anything else is a bug of ours, which is reported further up. */
  onFailure(error: Error): void;
  /**
   * A message was dropped, the first of its kind; the wait goes on.
   *
   * @param partial - Its intact part, if that answers the question (U3).
   */
  onSuspicion?(suspicion: Suspicion, partial?: PartialResponse): void;
  /** The intact part of a malformed reply on a connection, which fails next: there is no other to wait for (U3). */
  onPartial?(partial: PartialResponse): void;
  /**
   * Requests one more send of the same question, and counts it; without this callback there is none (RFC 9520 §3.1).
   */
  takeSend?(): boolean;
  /**
   * Whether there will be no such send: a server that closes early must not lose this message by answering another one on
   * the same connection.
   */
  readonly isLast?: boolean;
}

/**
 * `wrong-id`: an attacker may be guessing (U3). `malformed`: the server itself sends unreadable messages. `mismatched`:
 * the message is no reply to the question.
 */
export type Suspicion = 'wrong-id' | 'malformed' | 'mismatched';

/** A message in flight. */
export interface Exchange {
  /** Stops listening, and frees its resources. Harmless after the reply. */
  close(): void;
}
