import type { Clock, Milliseconds } from '../../src/clock.ts';
import {
  type Outgoing,
  type Upstream,
  UpstreamError,
  type UpstreamListener,
} from '../../src/upstream/exchange.ts';
import { typeName } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';

/** What the script says to a question: a message, `'silence'` for ever, or an error. */
export type Line = Message | 'silence' | UpstreamError;

/** An upstream that answers from a script, a set delay later, and remembers what it was asked. */
export class ScriptedUpstream implements Upstream {
  readonly name = 'scripted';
  /** `qname TYPE`, in the order of asking. */
  readonly asked: string[] = [];
  /** When each of {@link asked} was asked. */
  readonly askedAt: Milliseconds[] = [];
  private readonly clock: Clock;
  private readonly script: (question: Outgoing) => Line;
  delay: Milliseconds;

  constructor(clock: Clock, script: (question: Outgoing) => Line, delay: Milliseconds = 20) {
    this.clock = clock;
    this.script = script;
    this.delay = delay;
  }

  ask(question: Outgoing, listener: UpstreamListener): void {
    this.asked.push(`${question.qname} ${typeName(question.qtype)}`);
    this.askedAt.push(this.clock.now());
    const line = this.script(question);
    if (line === 'silence') return;
    this.clock.after(this.delay, () => {
      if (line instanceof UpstreamError) listener.onFailure(line);
      else listener.onAnswer(line);
    });
  }

  /** What was asked since the last call. */
  takeAsked(): string[] {
    this.askedAt.length = 0;
    return this.asked.splice(0);
  }

  close(): void {
    // Nothing is open.
  }
}
