import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { type Outgoing, type Progress, type Upstream, UpstreamError } from './exchange.ts';

/** The order in which the two questions of a pair go upstream (F2). */
export type LaneOrder =
  /** The second when the first is answered, or when its retransmission timer fires. */
  | { readonly kind: 'serial'; readonly delay?: undefined }
  /** As `serial`, but after `delay` at the latest. */
  | { readonly kind: 'staggered'; readonly delay: Milliseconds }
  /** Both at once. */
  | { readonly kind: 'parallel' };

/**
 * Lets at most one question of a pair be upstream over UDP at a time: two datagrams that leave in one moment can race
 * for a conntrack entry behind DNAT, and one is lost without a trace (F2).
 *
 * Whoever wraps a server that is asked over TCP passes `parallel`: there is no race for a connection that exists.
 */
export function lanes(order: LaneOrder, upstream: Upstream, clock: Clock): Upstream {
  return order.kind === 'parallel' ? upstream : new Lanes(order.delay, upstream, clock);
}

/** Who waits in a lane. */
interface Waiting {
  /** @param silentSince - When the one before was asked, where it has no answer yet. */
  start(silentSince: Milliseconds | undefined): void;
  close(): void;
}

/** One pair with a question upstream; it is forgotten as soon as it has none. */
interface Lane {
  readonly key: string;
  /** In the order they came; more than one only where the same question is asked twice. */
  readonly waiting: Waiting[];
}

class Lanes implements Upstream {
  readonly name: string;
  private readonly delay: Milliseconds | undefined;
  private readonly upstream: Upstream;
  private readonly clock: Clock;
  private readonly busy = new Map<string, Lane>();

  /** @param delay - After which the second goes at the latest; without it there is no such time. */
  constructor(delay: Milliseconds | undefined, upstream: Upstream, clock: Clock) {
    this.name = upstream.name;
    this.delay = delay;
    this.upstream = upstream;
    this.clock = clock;
  }

  ask(question: Outgoing, progress?: Progress): Promise<Message> {
    if (question.qtype !== RrType.A && question.qtype !== RrType.AAAA) {
      return this.upstream.ask(question, progress);
    }
    const key = pairKey(question);
    const lane = this.busy.get(key);
    if (lane === undefined) return this.run({ key, waiting: [] }, question, progress);
    return this.queue(lane, question, progress);
  }

  close(): void {
    for (const { waiting } of this.busy.values()) {
      for (const { close } of waiting.splice(0)) close();
    }
    this.upstream.close();
  }

  private queue(lane: Lane, question: Outgoing, progress?: Progress): Promise<Message> {
    const since = progress?.since ?? this.clock.now();
    const waited = { onRetransmit: () => progress?.onRetransmit(), ...progress, since };
    return new Promise((resolve, reject) => {
      lane.waiting.push({
        start: (silentSince) => resolve(this.run(lane, question, { ...waited, silentSince })),
        close: () => reject(new UpstreamError('closed', `${this.name} was closed`)),
      });
    });
  }

  /** Asks, and lets the next one go once, at whichever comes first: the answer, the timer, the delay. */
  private run(lane: Lane, question: Outgoing, progress?: Progress): Promise<Message> {
    this.busy.set(lane.key, lane);
    let delay: Timer | undefined;
    let held = true;
    const askedAt = this.clock.now();
    const release = (silentSince?: Milliseconds) => {
      if (!held) return;
      held = false;
      delay?.cancel();
      this.startNext(lane, silentSince);
    };
    if (this.delay !== undefined) delay = this.clock.after(this.delay, () => release());
    const onRetransmit = () => {
      release(askedAt);
      progress?.onRetransmit();
    };
    return this.upstream.ask(question, { ...progress, onRetransmit }).then(
      (message) => {
        release();
        return message;
      },
      (error: unknown) => {
        release();
        throw error;
      },
    );
  }

  private startNext(lane: Lane, silentSince: Milliseconds | undefined): void {
    const next = lane.waiting.shift();
    if (next === undefined) this.busy.delete(lane.key);
    else next.start(silentSince);
  }
}

/** Equal for A and AAAA of one name, as far as one could share a socket with the other. */
function pairKey({ qname, qclass, dnssecOk, checkingDisabled }: Outgoing): string {
  return `${qclass} ${dnssecOk ? 1 : 0}${checkingDisabled ? 1 : 0} ${qname}`;
}
