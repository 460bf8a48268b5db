import type { LRUCache } from 'lru-cache';
import type { Clock, Milliseconds } from '../clock.ts';
import { Deadlines } from '../deadlines.ts';
import { lruMap } from '../lru-map.ts';
import { isOurDoing, noAnswer, UpstreamError } from '../upstream/exchange.ts';
import type { TimerClass } from '../upstream/retransmission.ts';
import { DEADLINE } from '../upstream/timeouts.ts';
import type { Name } from '../wire/name.ts';
import { ClientCounts } from './client-counts.ts';
import type { Router } from './forward.ts';
import { HeldQuestions } from './held-questions.ts';
import { Quiet } from './quiet.ts';
import {
  type Answer,
  type Asker,
  type Query,
  queryKey,
  type Resolve,
  type Stage,
} from './stage.ts';
import { isSilencePassedOn } from './verdict.ts';

/** U1, U2: a server counts as dead after 3 s of silence and three questions; a route is judged in the same way. */
const SILENCE: Milliseconds = 3_000;
const QUESTIONS = 3;
/** A route that was not asked for this long may be back. */
const MEMORY: Milliseconds = 10_000;
/**
 * S1: how many questions may be in flight to a route that has been silent for {@link CROWD_PATIENCE}, and how many of
 * one client, so that a client that floods is limited before the others are. Each is sent several times and leaves 10
 * KiB to the garbage collector; a flood of them would take time from questions that are answered. Further questions of
 * clients are held without a socket, as many as may be in flight.
 */
const CROWD = 512;
const CROWD_OF_ONE = 128;
const CROWD_PATIENCE: Milliseconds = 150;
/**
 * How many held questions each answer releases: two, so that they double with each round trip, and one once {@link
 * WINDOW} of them are in flight. Sending all at once would take longer than the timers of the first ones.
 */
const RELEASED_BY_ANSWER = 2;
const WINDOW = 64;
/** RFC 9520 §3.2: how long a question that failed is not sent again. */
const PAUSE: Milliseconds = 1_000;
/** S1: failed questions that are remembered; one that is evicted is asked again sooner. */
const MAX_PAUSES = 4_096;
/** Shared by all questions: during a flood, V8 would capture a stack trace for each. */
const CROWDED = new UpstreamError('full', 'enough questions wait for an answer already');
const UNHEARD = noAnswer('the route', 'timeout');
const ANY_CLIENT = (): boolean => true;

interface RouteState {
  readonly quiet: Quiet;
  lastReplyAt: Milliseconds;
  refusedAt: Milliseconds;
  /** When the first question since the last reply was asked. */
  unansweredSince: Milliseconds;
  askedAt: Milliseconds;
  unanswered: number;
  /** Questions in flight. */
  readonly waiting: ClientCounts;
  /** Clients' questions that wait for an answer to another one: `paused` failed a moment ago, `held` are too many. */
  readonly paused: HeldQuestions;
  readonly held: HeldQuestions;
  /** Questions in flight that were held before. */
  released: number;
  /** When each question failed while no other was answered. */
  readonly failedInSilence: LRUCache<string, Milliseconds>;
}

/**
 * Knows which routes are silent, so that stale answers can be given without waiting for each name anew (C4, N9).
 *
 * It holds questions back from a silent route: those that are repeated within a second of their failure (C6), and those
 * that are too many to be in flight at once (S1). They are sent after the next answer to another question. Without one,
 * a repeated question is sent after a second, and the others fail at their deadline (U2).
 */
export class RouteSilence {
  private readonly router: Router;
  private readonly clock: Clock;
  private readonly crowded: { add(): void };
  private readonly classOf: (qname: Name) => TimerClass;
  private readonly pauses: Deadlines;
  private readonly deadlines: Deadlines;
  /** By route, so that the state of a route is forgotten with it when a reload removes it. */
  private readonly routes = new WeakMap<object, RouteState>();

  /** @param crowded - Counts questions that are held or refused because too many are in flight to a silent route. */
  constructor(
    router: Router,
    clock: Clock,
    crowded: { add(): void },
    classOf: (qname: Name) => TimerClass,
  ) {
    this.router = router;
    this.classOf = classOf;
    this.clock = clock;
    this.crowded = crowded;
    this.pauses = new Deadlines(clock, PAUSE);
    this.deadlines = new Deadlines(clock, DEADLINE);
  }

  /** The last stage before upstream: what passes here is sent. */
  stage(): Stage {
    return (next) => (query, asker) => {
      const state = this.stateOf(query.qname);
      if (query.client !== undefined && this.isPaused(state, query)) {
        const go = (): void => this.admit(state, next, query, asker, true);
        state.paused.hold({ client: query.client, go, onTimeOver: go }, this.pauses);
      } else this.admit(state, next, query, asker);
    };
  }

  private admit(
    state: RouteState,
    next: Resolve,
    query: Query,
    asker: Asker,
    wasHeld = false,
  ): void {
    const now = this.clock.now();
    if (state.unanswered === 0) state.unansweredSince = now;
    if (isCrowded(state, query.client, now)) {
      this.crowded.add();
      // No client waits for a speculative question, and our own questions are repeated by timers of their own.
      if (query.client === undefined || query.speculative === true) asker.onFailure(CROWDED);
      else {
        const go = (): void => this.admit(state, next, query, asker, true);
        const onTimeOver = (): void => asker.onFailure(UNHEARD);
        state.held.hold({ client: query.client, go, onTimeOver }, this.deadlines);
      }
      return;
    }
    state.unanswered++;
    state.waiting.add(query.client);
    if (wasHeld) state.released++;
    state.askedAt = now;
    const timerClass = this.classOf(query.qname);
    state.quiet.asked(timerClass, now);
    next(
      query,
      new SentQuestion(
        { clock: this.clock, state, query, wasHeld, timerClass, askedAt: now },
        asker,
      ),
    );
  }

  /** C6: whether this question failed less than a second ago and no question was answered since. */
  private isPaused({ failedInSilence, lastReplyAt }: RouteState, query: Query): boolean {
    if (failedInSilence.size === 0) return false;
    const failedAt = failedInSilence.get(queryKey(query));
    return failedAt !== undefined && lastReplyAt < failedAt && this.clock.now() - failedAt < PAUSE;
  }

  /** Whether the route of this name is known to be silent, so that no question waits for it. */
  isSilent(qname: Name): boolean {
    const { unanswered, unansweredSince, askedAt } = this.stateOf(qname);
    const now = this.clock.now();
    return unanswered >= QUESTIONS && now - unansweredSince >= SILENCE && now - askedAt < MEMORY;
  }

  /** When the route of this name will count as away for questions in flight, unless it replies before. */
  quietFrom(qname: Name): Milliseconds {
    return this.stateOf(qname).quiet.from(this.classOf(qname), this.clock.now());
  }

  /** When the route of this name last replied, to a question about any name. */
  lastReplyAt(qname: Name): Milliseconds {
    return this.stateOf(qname).lastReplyAt;
  }

  /** A datagram to the route of this name was refused on its way. */
  noteRefusal(qname: Name): void {
    this.stateOf(qname).refusedAt = this.clock.now();
  }

  /** When a datagram to the route of this name was last refused. */
  refusedAt(qname: Name): Milliseconds {
    return this.stateOf(qname).refusedAt;
  }

  private stateOf(qname: Name): RouteState {
    const route = this.router.routeOf(qname);
    const known = this.routes.get(route);
    if (known !== undefined) return known;
    const state = {
      quiet: new Quiet(),
      lastReplyAt: Number.NEGATIVE_INFINITY,
      refusedAt: Number.NEGATIVE_INFINITY,
      unansweredSince: 0,
      askedAt: 0,
      unanswered: 0,
      waiting: new ClientCounts(),
      paused: new HeldQuestions(),
      held: new HeldQuestions(),
      released: 0,
      failedInSilence: lruMap<string, Milliseconds>(MAX_PAUSES),
    };
    this.routes.set(route, state);
    return state;
  }
}

/** A question in flight. */
interface SentQuestionParts {
  readonly clock: Clock;
  readonly state: RouteState;
  readonly query: Query;
  readonly wasHeld: boolean;
  readonly timerClass: TimerClass;
  readonly askedAt: Milliseconds;
}

/** Waits for the answer to a question in flight, and records in its route's state whether one came. */
class SentQuestion implements Asker {
  private readonly question: SentQuestionParts;
  private readonly asker: Asker;
  private isOut = true;

  constructor(question: SentQuestionParts, asker: Asker) {
    this.question = question;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    const { clock, state, timerClass, askedAt } = this.question;
    this.land();
    if (isSilencePassedOn(answer.message)) {
      // If the upstream is a sidestub that could not send the question, a repetition is not held here (C6): that sidestub
      // holds it where needed, and answers a client that asks again at once without waiting (F5).
      if (answer.message.undelivered !== true) this.noteSilence();
      this.asker.onAnswer(answer);
      this.releaseOne();
      return;
    }
    // Any other reply counts: the server is there.
    const now = clock.now();
    state.unanswered = 0;
    state.lastReplyAt = now;
    state.quiet.heard(timerClass, now, now - askedAt);
    this.asker.onAnswer(answer);
    const most = state.released < WINDOW ? RELEASED_BY_ANSWER : 1;
    state.paused.release(most, ANY_CLIENT);
    state.held.release(most, ANY_CLIENT);
  }

  onFailure(error: unknown): void {
    this.land();
    if (error instanceof UpstreamError && !isOurDoing(error)) this.noteSilence();
    this.asker.onFailure(error);
    this.releaseOne();
  }

  private noteSilence(): void {
    const { clock, state, query, askedAt } = this.question;
    if (state.lastReplyAt < askedAt) state.failedInSilence.set(queryKey(query), clock.now());
  }

  /** Another question may be sent in its place. */
  private releaseOne(): void {
    const { clock, state } = this.question;
    state.held.release(1, (client) => !isCrowded(state, client, clock.now()));
  }

  /** Only once: a bug above may cause both an answer and a failure. */
  private land(): void {
    if (!this.isOut) return;
    this.isOut = false;
    const { state, query, wasHeld } = this.question;
    state.waiting.remove(query.client);
    if (wasHeld) state.released--;
  }
}

function isCrowded(
  { waiting, unansweredSince }: RouteState,
  client: string | undefined,
  now: Milliseconds,
): boolean {
  if (now - unansweredSince < CROWD_PATIENCE) return false;
  return waiting.total >= CROWD || waiting.of(client) >= CROWD_OF_ONE;
}
