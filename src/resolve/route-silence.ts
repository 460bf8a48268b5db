import type { Clock, Milliseconds } from '../clock.ts';
import { UpstreamError } from '../upstream/exchange.ts';
import type { TimerClass } from '../upstream/retransmission.ts';
import type { Name } from '../wire/name.ts';
import { ClientCounts } from './client-counts.ts';
import type { Router } from './forward.ts';
import { Quiet } from './quiet.ts';
import type { Answer, Asker, Stage } from './stage.ts';

/** U1, U2: a server counts as dead after 3 s of silence and three questions; a route is judged in the same way. */
const SILENCE: Milliseconds = 3_000;
const QUESTIONS = 3;
/** Who has not been asked for so long may be back. */
const MEMORY: Milliseconds = 10_000;
/**
 * S1: how many questions may wait for a route that has been silent for this long, and how many of one client, so that
 * one that floods is bounded before the others are. Each is sent again and again, and is 10 KiB for the garbage
 * collector; a flood of them would take the time in which others are answered. One reply is enough to let all in again.
 */
const CROWD = 512;
const CROWD_OF_ONE = 128;
const CROWD_PATIENCE: Milliseconds = 150;
/** One for all: a flood would have V8 write a stack trace for each. */
const CROWDED = new UpstreamError('full', 'enough questions wait for a word already');

interface Hearing {
  readonly quiet: Quiet;
  heardAt: Milliseconds;
  refusedAt: Milliseconds;
  /** The first question since then. */
  owedSince: Milliseconds;
  askedAt: Milliseconds;
  unanswered: number;
  /** Questions that are out. */
  readonly waiting: ClientCounts;
}

/**
 * Which routes say nothing at all at the moment: what is remembered may then be told without waiting for each name anew
 * (C4, C6, N9).
 */
export class RouteSilence {
  private readonly router: Router;
  private readonly clock: Clock;
  private readonly crowded: { add(): void };
  private readonly classOf: (qname: Name) => TimerClass;
  /** By route, so that one which a reload took away is forgotten with it. */
  private readonly routes = new WeakMap<object, Hearing>();

  /** @param crowded - Told of each question that is refused since too many wait for a silent route already. */
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
  }

  /** Listens at the end of the path: what passes here goes upstream. */
  stage(): Stage {
    return (next) => (query, asker) => {
      const hearing = this.hearingOf(query.qname);
      const now = this.clock.now();
      if (hearing.unanswered === 0) hearing.owedSince = now;
      if (isCrowded(hearing, query.client, now)) {
        this.crowded.add();
        asker.onFailure(CROWDED);
        return;
      }
      hearing.unanswered++;
      hearing.waiting.add(query.client);
      hearing.askedAt = now;
      const timerClass = this.classOf(query.qname);
      hearing.quiet.asked(timerClass, now);
      const { client } = query;
      next(
        query,
        new Heard({ clock: this.clock, hearing, client, timerClass, askedAt: now }, asker),
      );
    };
  }

  /** Whether the route of this name has been silent for so long that no question waits for it. */
  isSilent(qname: Name): boolean {
    const { unanswered, owedSince, askedAt } = this.hearingOf(qname);
    const now = this.clock.now();
    return unanswered >= QUESTIONS && now - owedSince >= SILENCE && now - askedAt < MEMORY;
  }

  /** From when on the route of this name counts as away unless it replies first; for questions in flight. */
  quietFrom(qname: Name): Milliseconds {
    return this.hearingOf(qname).quiet.from(this.classOf(qname), this.clock.now());
  }

  /** When the route of this name last replied, to a question about any name. */
  heardAt(qname: Name): Milliseconds {
    return this.hearingOf(qname).heardAt;
  }

  /** A datagram to the route of this name was refused on its way. */
  noteRefusal(qname: Name): void {
    this.hearingOf(qname).refusedAt = this.clock.now();
  }

  /** When that last happened, for whatever name. */
  refusedAt(qname: Name): Milliseconds {
    return this.hearingOf(qname).refusedAt;
  }

  private hearingOf(qname: Name): Hearing {
    const route = this.router.routeOf(qname);
    const known = this.routes.get(route);
    if (known !== undefined) return known;
    const hearing = {
      quiet: new Quiet(),
      heardAt: Number.NEGATIVE_INFINITY,
      refusedAt: Number.NEGATIVE_INFINITY,
      owedSince: 0,
      askedAt: 0,
      unanswered: 0,
      waiting: new ClientCounts(),
    };
    this.routes.set(route, hearing);
    return hearing;
  }
}

/** What a question that is out is known by. */
interface OutQuestion {
  readonly clock: Clock;
  readonly hearing: Hearing;
  readonly client: string | undefined;
  readonly timerClass: TimerClass;
  readonly askedAt: Milliseconds;
}

/** A question that is out: it tells its route what it hears. */
class Heard implements Asker {
  private readonly question: OutQuestion;
  private readonly asker: Asker;
  private isOut = true;

  constructor(question: OutQuestion, asker: Asker) {
    this.question = question;
    this.asker = asker;
  }

  onAnswer(answer: Answer): void {
    const { clock, hearing, timerClass, askedAt } = this.question;
    this.land();
    // Any reply counts: the server is there.
    const now = clock.now();
    hearing.unanswered = 0;
    hearing.heardAt = now;
    hearing.quiet.heard(timerClass, now, now - askedAt);
    this.asker.onAnswer(answer);
  }

  onFailure(error: unknown): void {
    this.land();
    this.asker.onFailure(error);
  }

  /** Once, though a bug above may have an answer followed by a failure. */
  private land(): void {
    if (!this.isOut) return;
    this.isOut = false;
    this.question.hearing.waiting.remove(this.question.client);
  }
}

function isCrowded(
  { waiting, owedSince }: Hearing,
  client: string | undefined,
  now: Milliseconds,
): boolean {
  if (now - owedSince < CROWD_PATIENCE) return false;
  return waiting.total >= CROWD || waiting.of(client) >= CROWD_OF_ONE;
}
