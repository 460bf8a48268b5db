import type { Clock, Milliseconds } from '../clock.ts';
import { Deadlines, type Expiring, type Waiting } from '../deadlines.ts';
import { UpstreamError, type UpstreamFailure } from '../upstream/exchange.ts';
import { DEADLINE } from '../upstream/timeouts.ts';
import { EdeCode, Rcode, rcodeName } from '../wire/codes.ts';
import { type Ede, undelivered } from '../wire/edns.ts';
import { EMPTY } from '../wire/render.ts';
import type { LookupWaits } from './lookup-waits.ts';
import { FlightsFullError } from './single-flight.ts';
import { type Answer, type Asker, isAddressQuery, type Query, type Stage } from './stage.ts';
import { isSilencePassedOn } from './verdict.ts';

export interface ServfailOptions {
  readonly clock: Clock;
  /** Which lookups have waited at an earlier step. */
  readonly waits: LookupWaits;
  /** Called for an unexpected exception. */
  readonly onBug: (error: unknown) => void;
}

/**
 * Leaves no client unanswered: every error, and a silence of 4.5 s, becomes SERVFAIL with its reason (U2, RFC 8914). So
 * does any other RCODE for an address question, which musl would treat as silence (L3). A lookup waits 4.5 s for one of
 * its steps only; the later ones fail sooner ({@link LookupWaits}).
 *
 * Errors are for "no answer exists"; any error but the two known kinds is a bug and is reported.
 */
export function servfail(options: ServfailOptions): Stage {
  const deadlines = new Deadlines(options.clock, DEADLINE);
  return (next) => (query, asker) => {
    const client = new WaitingClient(query, asker, options, deadlines);
    try {
      next(query, client);
    } catch (bug) {
      // A stage that throws before it answers is answered for as well.
      client.onFailure(bug);
    }
  };
}

/** A client that gets exactly one answer, in time, whatever happens. */
class WaitingClient implements Asker, Expiring {
  private readonly query: Query;
  private readonly asker: Asker;
  private readonly options: ServfailOptions;
  private readonly came: Milliseconds;
  private deadline: Waiting;
  private isWaiting = true;

  constructor(query: Query, asker: Asker, options: ServfailOptions, deadlines: Deadlines) {
    const { clock, waits } = options;
    this.query = query;
    this.asker = asker;
    this.options = options;
    this.came = clock.now();
    const span = waits.spanOf(query);
    if (span === DEADLINE) this.deadline = deadlines.set(this);
    else this.deadline = clock.after(span, () => this.onShortDeadline(deadlines));
  }

  onAnswer(answer: Answer): void {
    if (isSilencePassedOn(answer.message)) this.options.waits.failed(this.query, this.came);
    this.tell(forLibc(this.query, answer));
  }

  onFailure(error: unknown): void {
    // Also when the client has its answer already: a bug is still reported.
    const answer = failure(reasonOf(error, this.options.onBug));
    if (this.isWaiting) this.options.waits.failed(this.query, this.came);
    this.tell(error instanceof UpstreamError ? { ...answer, failure: error.reason } : answer);
  }

  onDeadline(): void {
    this.options.waits.failed(this.query, this.came);
    this.tell(failure(NO_ANSWER));
  }

  private onShortDeadline(deadlines: Deadlines): void {
    if (this.options.waits.isOver(this.query)) this.deadline = deadlines.set(this);
    else this.onDeadline();
  }

  private tell(answer: Answer): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.deadline.cancel();
    this.asker.onAnswer(answer);
  }
}

/** The RCODEs that every libc accepts as an answer; all others make musl wait for 5 s (L3, M4). */
const LIBC_RCODES: ReadonlySet<number> = new Set([Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.SERVFAIL]);

function forLibc(query: Query, answer: Answer): Answer {
  const { rcode } = answer.message;
  if (LIBC_RCODES.has(rcode) || !isAddressQuery(query)) return answer;
  const text = `upstream answered ${rcodeName(rcode)}`;
  return { ...failure({ code: EdeCode.OTHER, text }), source: answer.source };
}

const NO_ANSWER: Ede = {
  code: EdeCode.NO_REACHABLE_AUTHORITY,
  text: 'no upstream answered in time',
};

const reasons: Record<UpstreamFailure, Ede> = {
  timeout: NO_ANSWER,
  refused: undelivered('upstream refused the connection'),
  network: { code: EdeCode.NETWORK_ERROR, text: 'upstream cannot be reached' },
  local: undelivered('this machine refused to send the question'),
  malformed: { code: EdeCode.NETWORK_ERROR, text: 'upstream sent malformed replies' },
  untrusted: { code: EdeCode.NETWORK_ERROR, text: 'upstream is not who it should be' },
  full: undelivered('too many questions at the upstream'),
  closed: undelivered('shutting down'),
};

function reasonOf(error: unknown, onBug: (error: unknown) => void): Ede {
  if (error instanceof UpstreamError) return reasons[error.reason];
  if (error instanceof FlightsFullError) {
    return undelivered('too many questions in flight');
  }
  onBug(error);
  return { code: EdeCode.OTHER, text: 'internal error' };
}

/** SERVFAIL, with the reason (U2). */
export function failure(ede: Ede): Answer {
  return { message: { ...EMPTY, rcode: Rcode.SERVFAIL }, source: 'failure', age: 0, ede };
}
