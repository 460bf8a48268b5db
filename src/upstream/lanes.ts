import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import {
  type Outgoing,
  type Upstream,
  UpstreamError,
  type UpstreamListener,
  type Waited,
} from './exchange.ts';
import type { Stagger } from './stagger.ts';

/** The order in which the two questions of a pair go upstream (F2). */
export type LaneOrder =
  /** The second when the first is answered, or when its retransmission timer fires. */
  | { readonly kind: 'serial'; readonly delay?: undefined }
  /** As `serial`, but after `delay` at the latest. */
  | { readonly kind: 'staggered'; readonly delay: Milliseconds }
  /** As `staggered` by {@link NEXT_TURN}; `serial` for servers to which the second question gets lost. */
  | { readonly kind: 'auto'; readonly delay?: undefined }
  /** Both at once. */
  | { readonly kind: 'parallel'; readonly delay?: undefined };

/**
 * F2: the second question of a pair is sent in the next turn of the event loop, when the first one's datagram has been
 * sent.
 */
export const NEXT_TURN: Milliseconds = 0;

/** The part of a {@link Stagger} that a pair needs. */
export type PairOrder = Pick<Stagger, 'isOn' | 'saw'>;

/** What the pairs of one upstream share. */
export interface LanesOptions {
  readonly order: LaneOrder;
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** For `auto`: what knows whether pairs may be staggered, at the server that the question goes to first. */
  readonly staggerOf?: ((question: Outgoing) => PairOrder | undefined) | undefined;
}

/**
 * Lets at most one question of a pair be upstream over UDP at a time: two datagrams that leave at once can race for a
 * conntrack entry behind DNAT, and one is lost without a trace (F2).
 *
 * For a server that is asked over TCP, pass `parallel`: an established connection has no such race.
 */
export function lanes(options: LanesOptions): Upstream {
  return options.order.kind === 'parallel' ? options.upstream : new Lanes(options);
}

class Lanes implements Upstream {
  readonly name: string;
  private readonly options: LanesOptions;
  /** Pairs with a question in flight, by name. */
  private readonly pairs = new Map<string, Pair>();

  constructor(options: LanesOptions) {
    this.name = options.upstream.name;
    this.options = options;
  }

  ask(question: Outgoing, listener: UpstreamListener, waited?: Waited): void {
    if (question.qtype !== RrType.A && question.qtype !== RrType.AAAA) {
      this.options.upstream.ask(question, listener, waited);
      return;
    }
    const key = pairKey(question);
    const pair = this.pairs.get(key) ?? new Pair(key, this.pairs, this.options, question);
    pair.add(question, listener, waited);
  }

  close(): void {
    for (const pair of this.pairs.values()) pair.close();
    this.options.upstream.close();
  }
}

/** The two questions of one name on their way upstream, while one of them may delay the other. */
class Pair {
  private readonly key: string;
  private readonly pairs: Map<string, Pair>;
  private readonly options: LanesOptions;
  private readonly stagger: PairOrder | undefined;
  /** How long the other one waits at most; without it, until this one is answered or slow. */
  private readonly delay: Milliseconds | undefined;
  /** In order of arrival; more than one only if the same question is asked twice. */
  private readonly waiting: Half[] = [];
  /** The question that the others wait for. */
  private leader: Half | undefined;
  private ledAt: Milliseconds = 0;
  private timer: Timer | undefined;

  constructor(key: string, pairs: Map<string, Pair>, options: LanesOptions, question: Outgoing) {
    this.key = key;
    this.pairs = pairs;
    this.options = options;
    const { order, staggerOf } = options;
    this.stagger = order.kind === 'auto' ? staggerOf?.(question) : undefined;
    this.delay = this.stagger?.isOn === true ? NEXT_TURN : order.delay;
    pairs.set(key, this);
  }

  add(question: Outgoing, listener: UpstreamListener, waited: Waited | undefined): void {
    const half = new Half(this, question, listener);
    if (this.leader === undefined) {
      this.lead(half, waited);
      return;
    }
    const since = waited?.since ?? this.options.clock.now();
    half.waited = { since };
    this.waiting.push(half);
    this.limitWait();
  }

  close(): void {
    this.timer?.cancel();
    const { name } = this.options.upstream;
    for (const half of this.waiting.splice(0)) {
      half.onFailure(new UpstreamError('closed', `${name} was closed`));
    }
  }

  /** Sends the next question, once; if there is none, this pair delays nothing any more. */
  release(half: Half, isSilent: boolean): void {
    if (half !== this.leader) return;
    this.timer?.cancel();
    this.timer = undefined;
    const next = this.waiting.shift();
    const silentSince = isSilent ? this.ledAt : undefined;
    if (next === undefined) this.pairs.delete(this.key);
    else this.lead(next, { since: next.waited?.since ?? this.ledAt, silentSince });
  }

  private lead(half: Half, waited: Waited | undefined): void {
    const { clock, upstream } = this.options;
    this.leader = half;
    this.ledAt = clock.now();
    upstream.ask(half.question, half, waited);
    this.limitWait();
  }

  private limitWait(): void {
    const { delay, timer, ledAt, options } = this;
    if (delay === undefined || timer !== undefined || this.waiting.length === 0) return;
    const left = ledAt + delay - options.clock.now();
    this.timer = options.clock.after(left, () => this.letPass());
  }

  /** The leader has had its head start: from now on two questions are in flight. */
  private letPass(): void {
    const [second] = this.waiting;
    const first = this.leader;
    if (first === undefined || second === undefined) return;
    if (this.stagger !== undefined) new StaggeredPair(this.stagger, first, second);
    this.release(first, false);
  }
}

/** One question of a pair: passes its answer on, and tells the pair when the other one need not wait for it. */
class Half implements UpstreamListener {
  readonly question: Outgoing;
  /** Since when it has waited; absent if it was sent at once. */
  waited: Waited | undefined;
  /** Set if both questions were in flight at once. */
  staggered: StaggeredPair | undefined;
  private readonly pair: Pair;
  private readonly listener: UpstreamListener;

  constructor(pair: Pair, question: Outgoing, listener: UpstreamListener) {
    this.pair = pair;
    this.question = question;
    this.listener = listener;
    this.waited = undefined;
    this.staggered = undefined;
  }

  onAnswer(message: Message): void {
    this.staggered?.settle(this, 'answered');
    this.pair.release(this, false);
    this.listener.onAnswer(message);
  }

  onFailure(error: Error): void {
    this.staggered?.settle(this, 'failed');
    this.pair.release(this, false);
    this.listener.onFailure(error);
  }

  onSlow(): void {
    this.staggered?.settle(this, 'slow');
    this.pair.release(this, true);
    this.listener.onSlow?.();
  }

  onRefused(): void {
    this.listener.onRefused?.();
  }
}

/** What happened first to a question: its answer, its failure, or its retransmission timer. */
type Fate = 'answered' | 'failed' | 'slow';

/** A pair with both questions in flight at once: it tells its server's {@link Stagger} what happened to them. */
class StaggeredPair {
  private readonly stagger: PairOrder;
  private readonly first: Half;
  private readonly second: Half;
  private readonly fates = new Map<Half, Fate>();

  constructor(stagger: PairOrder, first: Half, second: Half) {
    this.stagger = stagger;
    this.first = first;
    this.second = second;
    first.staggered = this;
    second.staggered = this;
  }

  /** Only the first call of each counts. */
  settle(half: Half, fate: Fate): void {
    if (this.fates.has(half)) return;
    this.fates.set(half, fate);
    if (this.fates.size < 2) return;
    const isClash =
      this.fates.get(this.second) === 'slow' && this.fates.get(this.first) === 'answered';
    this.stagger.saw(isClash);
  }
}

/** Equal for A and AAAA of one name that could share a socket. */
function pairKey({ qname, qclass, dnssecOk, checkingDisabled }: Outgoing): string {
  return `${qclass} ${dnssecOk ? 1 : 0}${checkingDisabled ? 1 : 0} ${qname}`;
}
