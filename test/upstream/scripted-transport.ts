import type { Clock, Milliseconds } from '../../src/clock.ts';
import { type Outgoing, UpstreamError, type UpstreamFailure } from '../../src/upstream/exchange.ts';
import type { Reply } from '../../src/upstream/reply.ts';
import type {
  Exchange,
  ReplyListener,
  Suspicion,
  Transport,
} from '../../src/upstream/transport.ts';
import type { Message } from '../../src/wire/message.ts';
import type { PartialResponse } from '../../src/wire/partial-response.ts';

/** A transport whose server is the test: it keeps what was sent, and answers when it is told to. */
export class ScriptedTransport implements Transport {
  readonly sends: ScriptedSend[] = [];
  isClosed = false;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const send = new ScriptedSend(question, edns, listener, this.clock.now());
    this.sends.push(send);
    return send;
  }

  close(): void {
    this.isClosed = true;
    for (const send of this.sends) if (!send.isClosed) send.fail('closed');
  }

  /** What was sent for this name. A probe asks for the root. */
  of(qname: string): ScriptedSend[] {
    return this.sends.filter(({ question }) => question.qname === qname);
  }

  /** The times at which something was sent. */
  get times(): Milliseconds[] {
    return this.sends.map(({ at }) => at);
  }

  /** How many still listen. */
  get listening(): number {
    return this.sends.filter(({ isClosed }) => !isClosed).length;
  }

  /** @throws {Error} If there was no such send. */
  nth(index: number): ScriptedSend {
    const send = this.sends[index];
    if (send === undefined) throw new Error(`no send: ${index}`);
    return send;
  }
}

/** One message that was sent. What comes after it was closed goes nowhere, as the contract of a transport says. */
export class ScriptedSend implements Exchange {
  readonly question: Outgoing;
  readonly edns: boolean;
  readonly at: Milliseconds;
  /** Whether it could not go out once more, when it was sent. */
  readonly wasLast: boolean;
  isClosed = false;
  private readonly listener: ReplyListener;

  constructor(question: Outgoing, edns: boolean, listener: ReplyListener, at: Milliseconds) {
    this.question = question;
    this.edns = edns;
    this.listener = listener;
    this.at = at;
    this.wasLast = listener.isLast === true;
  }

  close(): void {
    this.isClosed = true;
  }

  answer(message: Message, { truncated = false, edns = this.edns }: Partial<Reply> = {}): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.listener.onReply({ message, truncated, edns });
  }

  /** On a connection: a malformed reply, with what is whole of it. */
  failWithPart(partial: Message): void {
    if (!this.isClosed) this.listener.onPartial?.(partOf(partial));
    this.fail('malformed');
  }

  fail(reason: UpstreamFailure): void {
    this.failWith(new UpstreamError(reason, `scripted: ${reason}`));
  }

  failWith(error: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.listener.onFailure(error);
  }

  /** Whether the question may go out once more on a new connection, where the one that it went on is lost. */
  mayGoAgain(): boolean {
    return this.listener.takeSend?.() === true;
  }

  /** Whether it cannot now. */
  get isLast(): boolean {
    return this.listener.isLast === true;
  }

  /** @param isBesideOpt - Whether an OPT stood among the records of `partial`. */
  suspect(suspicion: Suspicion, partial?: Message, isBesideOpt = false): void {
    if (this.isClosed) return;
    this.listener.onSuspicion?.(suspicion, partial && partOf(partial, isBesideOpt));
  }
}

function partOf(message: Message, isBesideOpt = false): PartialResponse {
  return { message, isAnswerWhole: false, isBesideOpt };
}
