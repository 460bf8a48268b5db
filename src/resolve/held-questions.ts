import type { Deadlines, Expiring, Waiting } from '../deadlines.ts';

/** What happens to a question that is held back. */
export interface Holding {
  /** The client that asked. Clients take turns, with one question each. */
  readonly client: string | undefined;
  /** Called when its turn has come. */
  go(): void;
  /** Called when it was held for as long as it may be. */
  onTimeOver(): void;
}

/**
 * Questions held back from a silent route until it answers another question.
 *
 * An error at once would end the client's lookup, though the server may be back before the client's own timer fires
 * (U2).
 */
export class HeldQuestions {
  /** Oldest first, by client. A client moves to the end when one of its questions is let go. */
  private readonly byClient = new Map<string | undefined, Set<Held>>();
  private isReleasing = false;

  /** @param deadlines - How long this question is held at most. */
  hold(holding: Holding, deadlines: Deadlines): void {
    const held = new Held(this, holding, deadlines);
    const own = this.byClient.get(holding.client);
    if (own === undefined) this.byClient.set(holding.client, new Set([held]));
    else own.add(held);
  }

  /**
   * Lets up to `most` questions go, of clients that may ask more. Does nothing during another release: where there is
   * no room, thousands would otherwise fail in nested calls.
   */
  release(most: number, mayAsk: (client: string | undefined) => boolean): void {
    if (this.byClient.size === 0 || this.isReleasing) return;
    this.isReleasing = true;
    try {
      for (let left = most; left > 0; left--) {
        const next = this.next(mayAsk);
        if (next === undefined) return;
        next.go();
      }
    } finally {
      this.isReleasing = false;
    }
  }

  /** For {@link Held}. */
  remove(held: Held): void {
    const { client } = held.holding;
    const own = this.byClient.get(client);
    own?.delete(held);
    if (own?.size === 0) this.byClient.delete(client);
  }

  private next(mayAsk: (client: string | undefined) => boolean): Held | undefined {
    for (const [client, own] of this.byClient) {
      if (!mayAsk(client)) continue;
      this.byClient.delete(client);
      this.byClient.set(client, own);
      for (const held of own) return held;
    }
    return undefined;
  }
}

/** One question that is held back. */
class Held implements Expiring {
  readonly holding: Holding;
  private readonly all: HeldQuestions;
  private readonly deadline: Waiting;

  constructor(all: HeldQuestions, holding: Holding, deadlines: Deadlines) {
    this.all = all;
    this.holding = holding;
    this.deadline = deadlines.set(this);
  }

  go(): void {
    this.all.remove(this);
    this.deadline.cancel();
    this.holding.go();
  }

  onDeadline(): void {
    this.all.remove(this);
    this.holding.onTimeOver();
  }
}
