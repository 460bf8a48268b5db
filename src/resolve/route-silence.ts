import type { Clock, Milliseconds } from '../clock.ts';
import type { Name } from '../wire/name.ts';
import type { Router } from './forward.ts';
import type { Stage } from './stage.ts';

/** U1, U2: a server is known dead after 3 s without a word and three questions; a route is judged alike. */
const SILENCE: Milliseconds = 3_000;
const QUESTIONS = 3;
/** Who has not been asked for so long may be back. */
const MEMORY: Milliseconds = 10_000;

interface Hearing {
  heardAt: Milliseconds;
  /** The first question since then. */
  owedSince: Milliseconds;
  askedAt: Milliseconds;
  unanswered: number;
}

/**
 * Which routes say nothing at all at the moment: what is remembered may then be told without waiting for each name anew
 * (C4, C6, N9).
 */
export class RouteSilence {
  private readonly router: Router;
  private readonly clock: Clock;
  /** By route, so that one which a reload took away is forgotten with it. */
  private readonly routes = new WeakMap<object, Hearing>();

  constructor(router: Router, clock: Clock) {
    this.router = router;
    this.clock = clock;
  }

  /** Listens at the end of the path: what passes here goes upstream. */
  stage(): Stage {
    return (next) => (query) => {
      const hearing = this.hearingOf(query.qname);
      const now = this.clock.now();
      if (hearing.unanswered === 0) hearing.owedSince = now;
      hearing.unanswered++;
      hearing.askedAt = now;
      return next(query).then((answer) => {
        // Whatever it says: somebody is there.
        hearing.unanswered = 0;
        hearing.heardAt = this.clock.now();
        return answer;
      });
    };
  }

  /** Whether whoever answers for this name has been silent for so long that nobody waits for it. */
  isSilent(qname: Name): boolean {
    const { unanswered, owedSince, askedAt } = this.hearingOf(qname);
    const now = this.clock.now();
    return unanswered >= QUESTIONS && now - owedSince >= SILENCE && now - askedAt < MEMORY;
  }

  /** When whoever answers for this name was last heard, about whatever name. */
  heardAt(qname: Name): Milliseconds {
    return this.hearingOf(qname).heardAt;
  }

  private hearingOf(qname: Name): Hearing {
    const route = this.router.routeOf(qname);
    const known = this.routes.get(route);
    if (known !== undefined) return known;
    const hearing = { heardAt: Number.NEGATIVE_INFINITY, owedSince: 0, askedAt: 0, unanswered: 0 };
    this.routes.set(route, hearing);
    return hearing;
  }
}
