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
/** Who has not been asked for so long may be back. */
const MEMORY: Milliseconds = 10_000;
/**
 * S1: how many questions may be out to a route that has been silent for this long, and how many of one client, so that
 * one that floods is bounded before the others are. Each is sent again and again, and is 10 KiB for the garbage
 * collector; a flood of them would take the time in which others are answered. Those that clients ask beyond it are held:
 * as many as may be in flight, without a socket.
 */
const CROWD = 512;
const CROWD_OF_ONE = 128;
const CROWD_PATIENCE: Milliseconds = 150;
/**
 * How many held questions follow each answer: two, so that they double with each round trip, and one where so many of
 * them are out already. All at once would take longer to send than the timers of the first ones last.
 */
const RELEASED_BY_ANSWER = 2;
const WINDOW = 64;
/** RFC 9520 §3.2: for so long upstream is not asked again what it has left without an answer. */
const PAUSE: Milliseconds = 1_000;
/** S1: questions whose pause is known; one that is forgotten is asked again sooner. */
const MAX_PAUSES = 4_096;
/** One each for all: a flood would have V8 write a stack trace for each. */
const CROWDED = new UpstreamError('full', 'enough questions wait for an answer already');
const UNHEARD = noAnswer('the route', 'timeout');
const ANY_CLIENT = (): boolean => true;

interface RouteState {
  readonly quiet: Quiet;
  lastReplyAt: Milliseconds;
  refusedAt: Milliseconds;
  /** The first question since then. */
  unansweredSince: Milliseconds;
  askedAt: Milliseconds;
  unanswered: number;
  /** Questions that are out. */
  readonly waiting: ClientCounts;
  /** Clients' questions that are not, and wait for an answer to one that is: failed a moment ago, or too many. */
  readonly paused: HeldQuestions;
  readonly held: HeldQuestions;
  /** Questions that are out and were held before. */
  released: number;
  /** When a question was left without an answer, while no other had one. */
  readonly unheard: LRUCache<string, Milliseconds>;
}

/**
 * Which routes say nothing at all at the moment: what is remembered may then be told without waiting for each name anew
 * (C4, N9).
 *
 * What is not remembered waits, as a client waits that asks directly: for the deadline (U2), or for the first answer to
 * another question, after which it is asked. So questions are held that are asked anew within a second of their failure
 * (C6), and those that are too many to be out at once (S1).
 */
export class RouteSilence {
  private readonly router: Router;
  private readonly clock: Clock;
  private readonly crowded: { add(): void };
  private readonly classOf: (qname: Name) => TimerClass;
  private readonly pauses: Deadlines;
  private readonly deadlines: Deadlines;
  /** By route, so that one which a reload took away is forgotten with it. */
  private readonly routes = new WeakMap<object, RouteState>();

  /** @param crowded - Told of each question that is held or refused since too many are out to a silent route already. */
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

  /** Listens at the end of the path: what passes here goes upstream. */
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
      // Nobody waits yet for what was asked early, and our own questions have a pace of their own.
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

  /** C6: whether upstream left it without an answer a moment ago, and has said nothing to any question since. */
  private isPaused({ unheard, lastReplyAt }: RouteState, query: Query): boolean {
    if (unheard.size === 0) return false;
    const failedAt = unheard.get(queryKey(query));
    return failedAt !== undefined && lastReplyAt < failedAt && this.clock.now() - failedAt < PAUSE;
  }

  /** Whether the route of this name has been silent for so long that no question waits for it. */
  isSilent(qname: Name): boolean {
    const { unanswered, unansweredSince, askedAt } = this.stateOf(qname);
    const now = this.clock.now();
    return unanswered >= QUESTIONS && now - unansweredSince >= SILENCE && now - askedAt < MEMORY;
  }

  /** From when on the route of this name counts as away unless it replies first; for questions in flight. */
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

  /** When that last happened, for whatever name. */
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
      unheard: lruMap<string, Milliseconds>(MAX_PAUSES),
    };
    this.routes.set(route, state);
    return state;
  }
}

/** What a question that is out is known by. */
interface SentQuestionParts {
  readonly clock: Clock;
  readonly state: RouteState;
  readonly query: Query;
  readonly wasHeld: boolean;
  readonly timerClass: TimerClass;
  readonly askedAt: Milliseconds;
}

/** A question that is out: it tells its route what it hears. */
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
      this.noteSilence();
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
    if (state.lastReplyAt < askedAt) state.unheard.set(queryKey(query), clock.now());
  }

  /** One may be out in its place. */
  private releaseOne(): void {
    const { clock, state } = this.question;
    state.held.release(1, (client) => !isCrowded(state, client, clock.now()));
  }

  /** Once, though a bug above may have an answer followed by a failure. */
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
