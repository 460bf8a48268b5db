import type { Milliseconds } from '../clock.ts';
import type { FailureReason } from '../vocabulary.ts';
import type { Message } from '../wire/message.ts';
import type { Question } from '../wire/question.ts';

/** A question as it is sent upstream. */
export interface Outgoing extends Question {
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** A question of our own, not a client's: a sidestub upstream is told so (N7). */
  readonly probe?: boolean;
  /** Lets those that join the question make it send once more (L5). */
  readonly again?: Again;
}

/** Makes a question in flight send once more, for a client that has asked it again (L5). */
export interface Again {
  /** Set while the question is in flight. It sends at most once a second, however often it is called. */
  send?: (() => void) | undefined;
}

/**
 * Waits for an upstream's answer. Exactly one of `onAnswer` and `onFailure` is called, once, perhaps before {@link
 * Upstream.ask} returns.
 */
export interface UpstreamListener {
  /** @param message - A reply that matched ID, question, peer and socket (U3), with any RCODE: RCODEs are data. */
  onAnswer(message: Message): void;
  /** @param error - An {@link UpstreamError}: no answer came. Anything else is a bug of ours. */
  onFailure(error: Error): void;
  /** The retransmission timer fired: the other family need not wait any longer (F2). At most once. */
  onSlow?(): void;
  /** A datagram was refused on this machine, or by ICMP: silence that follows says nothing of upstream (F5). */
  onRefused?(): void;
}

/** How long a question has waited before it was handed to an upstream. */
export interface Waited {
  /** When it was asked: its deadline counts from then (U2). */
  readonly since: Milliseconds;
  /**
   * Since when the other question of the pair has been in flight without an answer, if it is: both count as one silence
   * (U1).
   */
  readonly silentSince?: Milliseconds | undefined;
}

/** One way to get a question answered: a server, a group of servers, a route. It never waits past its deadline. */
export interface Upstream {
  /** For logs and metrics: the URL it was configured by. */
  readonly name: string;
  ask(question: Outgoing, listener: UpstreamListener, waited?: Waited): void;
  /** Closes sockets; questions in flight fail. */
  close(): void;
}

/** No answer from upstream: refused, silent, not authenticated, or only malformed messages. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  /** A closed set, for metrics and for the EDE that the client gets. */
  readonly reason: UpstreamFailure;
  /** The server got the question, and refused it itself. */
  readonly wasReceived: boolean = false;

  constructor(reason: UpstreamFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** No answer came from `server`. */
export function noAnswer(server: string, reason: UpstreamFailure): UpstreamError {
  return new UpstreamError(reason, `no answer from ${server}: ${reason}`);
}

/** Why there was no answer. */
export type UpstreamFailure = FailureReason;

/** No room here, or shutting down: the next question may succeed (C6). */
const OUR_DOING: ReadonlySet<UpstreamFailure> = new Set(['full', 'closed']);

/** Whether the failure is ours, and says nothing of upstream. */
export function isOurDoing({ reason }: UpstreamError): boolean {
  return OUR_DOING.has(reason);
}

/** Refused on this machine or on the way, or for lack of room: whether upstream got the question is unknown (F5). */
const REFUSALS: ReadonlySet<UpstreamFailure> = new Set(['local', 'refused', 'full', 'closed']);

/** Whether the question failed before it reached a server: that is no answer, so it never becomes NODATA (F5). */
export function isRefusal(error: unknown): boolean {
  return error instanceof UpstreamError && REFUSALS.has(error.reason);
}
