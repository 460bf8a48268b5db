import type { Again, Outgoing, Upstream, Waited } from '../../src/upstream/exchange.ts';
import type { Message } from '../../src/wire/message.ts';

/** What a test gives with a question. */
export interface Progress extends Partial<Waited> {
  /** Told that the retransmission timer fired. */
  onSlow?(): void;
  readonly again?: Again;
}

/** An upstream as a test asks it: with a promise. */
export interface PromisedUpstream {
  readonly name: string;
  ask(question: Outgoing, progress?: Progress): Promise<Message>;
  close(): void;
}

export function promised(upstream: Upstream): PromisedUpstream {
  return {
    name: upstream.name,
    ask: (question, { onSlow, again, since, silentSince } = {}) =>
      new Promise((onAnswer, onFailure) => {
        const listener = { onAnswer, onFailure, ...(onSlow === undefined ? {} : { onSlow }) };
        // Where only the silence is given, the question was asked when that began.
        const asked = since ?? silentSince;
        upstream.ask(
          again === undefined ? question : { ...question, again },
          listener,
          asked === undefined ? undefined : { since: asked, silentSince },
        );
      }),
    close: () => upstream.close(),
  };
}
