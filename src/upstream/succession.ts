import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { Deadlines, type Expiring, type Waiting } from '../deadlines.ts';
import { Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import type { AskListener } from './ask-parts.ts';
import {
  noAnswer,
  type Outgoing,
  type Upstream,
  UpstreamError,
  type UpstreamFailure,
  type UpstreamListener,
  type Waited,
} from './exchange.ts';
import { type Candidate, type Selectable, Selection } from './selection.ts';
import { DEADLINE, SILENCE } from './timeouts.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** What a succession asks: a server, or a test's own. */
export interface FailoverServer extends Selectable {
  /** Nothing of `listener` is called before this returns. */
  begin(question: Outgoing, listener: AskListener): { again(): void; cancel(): void };
  /** Has `listener` called whenever the server is found dead. */
  onDeath(listener: () => void): void;
  /** Why the last question that it left without an answer has none; absent once it answers again. */
  readonly trouble?: UpstreamFailure | undefined;
  close(): void;
}

/** Asks servers in their order. */
export interface Succession<Server extends FailoverServer> extends Upstream {
  /** The one that would be asked first. */
  firstFor(question: Outgoing): Server | undefined;
}

/** What a succession is made of. */
export interface SuccessionOptions<Server extends FailoverServer = FailoverServer> {
  readonly name: string;
  /** Ordered groups of equals, none of them empty. */
  readonly groups: readonly (readonly Server[])[];
  readonly clock: Clock;
  readonly tallies: Pick<UpstreamTallies, 'failovers' | 'failures'>;
}

/**
 * Asks servers in their order (U1).
 *
 * The next one is asked after 1 s of silence, or 150 ms where the one before has been silent to others, when a datagram is
 * refused, on an RCODE that is no answer (SERVFAIL, REFUSED, FORMERR, …), 100 ms after a reply that cannot be read, and at
 * once if the one before is known to be dead; never because it is faster, since a public second server would win with its
 * NXDOMAIN.
 * A silent server may still answer. If the next one fails too, the first error response is returned.
 */
export function succession<Server extends FailoverServer>({
  name,
  groups,
  clock,
  tallies,
}: SuccessionOptions<Server>): Succession<Server> {
  const selection = new Selection(groups, clock);
  const underWay = new Set<Failover>();
  const shared = { name, clock, tallies, underWay, silences: new Deadlines(clock, SILENCE) };
  for (const server of groups.flat()) {
    server.onDeath(() => {
      for (const failover of underWay) failover.leaveDead();
    });
  }
  let closed = false;
  const closedError = () => new UpstreamError('closed', `${name} was closed`);
  return {
    name,
    ask(question, listener, waited): void {
      // A question that goes on after a failure must not reopen what was closed: its sockets would keep the process
      // alive.
      if (closed) listener.onFailure(closedError());
      else new Failover(question, selection.candidates(question), shared, listener).begin(waited);
    },
    firstFor: (question) => selection.candidates(question)[0]?.server,
    close(): void {
      closed = true;
      for (const failover of underWay) failover.fail(closedError());
      for (const server of groups.flat()) server.close();
    },
  };
}

/** U1: how long a server whose reply cannot be read has for a better one: a TCP handshake and two round trips. */
const UNREAD: Milliseconds = 100;
/**
 * U1: how long a server in doubt is waited for. Others have waited 1 s for it in vain, and so has an earlier step of the
 * same lookup. It is probed at once, so a server that is back, or is only slow to find this answer, shows within this time
 * that it is there: that takes a round trip, and the timer without samples is as long.
 */
const DOUBTED: Milliseconds = 150;

/** A server's answer that is used only if no server has a better one. */
interface ErrorReply {
  readonly message: Message;
  /** Its place among the candidates. */
  readonly place: number;
}

/** What the questions of one succession share. */
interface FailoverParts extends Pick<SuccessionOptions, 'name' | 'clock' | 'tallies'> {
  /** Those under way. */
  readonly underWay: Set<Failover>;
  /** How long each of them waits before it asks on. */
  readonly silences: Deadlines;
}

/** One question on its way through the candidates. */
class Failover implements Expiring {
  private readonly question: Outgoing;
  private readonly candidates: readonly Candidate<FailoverServer>[];
  private readonly parts: FailoverParts;
  /** Those that have not answered, in the order they were asked. */
  private readonly open: ServerQuestion[] = [];
  private readonly listener: UpstreamListener;
  private deadlineAt: Milliseconds = 0;
  private deadline: Timer | undefined;
  private silence: Waiting | undefined;
  private asked = 0;
  private errorReply: ErrorReply | undefined;
  private error: Error | undefined;
  private slow = false;
  private hedged = false;

  constructor(
    question: Outgoing,
    candidates: readonly Candidate<FailoverServer>[],
    parts: FailoverParts,
    listener: UpstreamListener,
  ) {
    this.question = question;
    this.candidates = candidates;
    this.parts = parts;
    this.listener = listener;
  }

  begin(waited: Waited | undefined): void {
    this.parts.underWay.add(this);
    if (this.question.again !== undefined) this.question.again.send = () => this.again();
    const now = this.parts.clock.now();
    this.deadlineAt = (waited?.since ?? now) + DEADLINE;
    // The first server may have been silent for a while already: to the other question of the pair.
    const left = SILENCE - (now - (waited?.silentSince ?? now));
    if (this.deadlineAt - now <= left) this.watchDeadline();
    this.askNext(left);
  }

  fail(error: Error): void {
    this.end();
    if (error instanceof UpstreamError) this.parts.tallies.failures.add(error.reason);
    this.listener.onFailure(error);
  }

  /** Asks each server again that has not answered, as a client alone would ask each of its nameservers (L5). */
  private again(): void {
    for (const { ask } of this.open) ask?.again();
  }

  /** A query waiting on a server just marked dead moves on at once, as a new query would. */
  leaveDead(): void {
    if (this.latest?.server.dead === true && this.next?.server.dead === false) this.askNext();
  }

  /** Asks the next candidate, and goes on to the one after it as long as the one asked is known dead. */
  private askNext(silence = SILENCE): void {
    if (this.asked > 0) this.parts.tallies.failovers.add();
    while (this.askOne()?.dead === true);
    this.watchSilence(silence);
  }

  private watchSilence(span = SILENCE): void {
    this.silence?.cancel();
    const { clock, silences } = this.parts;
    if (span > DOUBTED && this.isDoubted)
      this.silence = clock.after(DOUBTED, () => this.onDoubted(span - DOUBTED));
    else if (span === SILENCE) this.silence = silences.set(this);
    else this.silence = clock.after(span, () => this.onDeadline());
  }

  /** Whether the server asked last has been silent to others, and one that comes after it has not. */
  private get isDoubted(): boolean {
    if (this.latest?.server.doubtful !== true) return false;
    return this.candidates.slice(this.asked).some(({ server }) => !server.doubtful);
  }

  /** @param left - For a server that has replied to somebody meanwhile. */
  private onDoubted(left: Milliseconds): void {
    if (this.isDoubted) this.onDeadline();
    else this.silence = this.parts.clock.after(left, () => this.onDeadline());
  }

  /**
   * Set at the first silence or failure. Before that the silence timer ends earlier than the deadline, and a timer that
   * is not set costs nothing.
   */
  private watchDeadline(): void {
    const { clock } = this.parts;
    this.deadline ??= clock.after(this.deadlineAt - clock.now(), () => this.giveUp());
  }

  private get latest(): Candidate<FailoverServer> | undefined {
    return this.candidates[this.asked - 1];
  }

  private get next(): Candidate<FailoverServer> | undefined {
    return this.candidates[this.asked];
  }

  /** @returns The server that is asked now; `undefined` if all have been asked. */
  private askOne(): FailoverServer | undefined {
    const place = this.asked;
    const candidate = this.candidates[place];
    if (candidate === undefined) return undefined;
    this.asked++;
    const { server, group } = candidate;
    const serverQuestion = new ServerQuestion(this, place, group);
    serverQuestion.ask = server.begin(this.question, serverQuestion);
    this.open.push(serverQuestion);
    return server;
  }

  private close(place: number): void {
    const at = this.open.findIndex((serverQuestion) => serverQuestion.place === place);
    if (at >= 0) this.open.splice(at, 1);
  }

  /** The first resend goes to another equal: what did not answer in time may be the server, not the network. */
  hedge(place: number, group: number): boolean {
    const { next } = this;
    if (this.hedged || next === undefined) return false;
    if (next.server.dead || next.server.doubtful) return false;
    if (place !== this.asked - 1 || next.group !== group) return false;
    this.hedged = true;
    // The silence timer is not set anew: the silence of these equals counts from their first question.
    this.askOne();
    return true;
  }

  onAnswer(place: number, message: Message): void {
    this.close(place);
    // Any other RCODE is about the server and not about the name: libc asks its next nameserver then.
    if (message.rcode === Rcode.NOERROR || message.rcode === Rcode.NXDOMAIN) {
      this.answer(message);
      return;
    }
    if (this.errorReply === undefined || place < this.errorReply.place)
      this.errorReply = { message, place };
    this.moveOn(place);
  }

  onFailure(place: number, error: Error): void {
    this.close(place);
    this.error ??= error;
    this.moveOn(place);
  }

  private moveOn(place: number): void {
    this.watchDeadline();
    if (this.nextWorthAsking) {
      // If a later one was asked already, the silence timer has moved on before this answer.
      if (place === this.asked - 1 || this.allRefused) this.askNext();
    } else if (this.open.length === 0 || (this.errorReply !== undefined && this.allRefused)) {
      this.giveUp();
    } else if (this.errorReply !== undefined) {
      this.watchSilence();
    }
  }

  /**
   * The next server is asked at once; this one is sent to again by its timer, and may still answer first (U2). An error
   * reply at hand is kept: given now, it would become NODATA beside addresses, though this server was not reached (F5).
   */
  onRefused(place: number): void {
    this.watchDeadline();
    this.listener.onRefused?.();
    if (place === this.asked - 1 && this.nextWorthAsking) this.askNext();
  }

  /** The next server is asked soon; this one may still answer over TCP, and then comes first (U1). */
  onUnread(place: number): void {
    const isMore = this.nextWorthAsking || this.errorReply !== undefined;
    if (place === this.asked - 1 && isMore) this.watchSilence(UNREAD);
  }

  /** None of the servers that were asked has answered: the wait for them is over. */
  onDeadline(): void {
    this.watchDeadline();
    this.reportSlow();
    if (this.nextWorthAsking) this.askNext();
    else if (this.errorReply !== undefined && !this.hasOpenBefore(this.errorReply.place))
      this.giveUp();
  }

  /** A server that is known to be dead will give no better answer than the error response at hand. */
  private get nextWorthAsking(): boolean {
    const { next } = this;
    return next !== undefined && !(next.server.dead && this.errorReply !== undefined);
  }

  /** Whether an earlier server is still silent: with that server alone, the client would wait for it too. */
  private hasOpenBefore(place: number): boolean {
    return this.open.some(
      (serverQuestion) => !serverQuestion.refused && serverQuestion.place < place,
    );
  }

  private get allRefused(): boolean {
    return this.open.every(({ refused }) => refused);
  }

  reportSlow(): void {
    if (this.slow) return;
    this.slow = true;
    this.listener.onSlow?.();
  }

  /** No server has an answer: the first error response is returned, else the first failure. */
  private giveUp(): void {
    if (this.errorReply !== undefined) this.answer(this.errorReply.message);
    else this.fail(this.error ?? noAnswer(this.parts.name, this.whyNone));
  }

  private get whyNone(): UpstreamFailure {
    const unreadable = this.candidates.every(({ server }) => server.trouble === 'malformed');
    return unreadable ? 'malformed' : 'timeout';
  }

  private answer(message: Message): void {
    this.end();
    this.listener.onAnswer(message);
  }

  private end(): void {
    this.parts.underWay.delete(this);
    if (this.question.again !== undefined) this.question.again.send = undefined;
    this.deadline?.cancel();
    this.silence?.cancel();
    for (const { ask } of this.open.splice(0)) ask?.cancel();
  }
}

/** A failover's question at one candidate. */
class ServerQuestion implements AskListener {
  readonly place: number;
  /** Absent only while it is being sent. */
  ask: { again(): void; cancel(): void } | undefined;
  /** Its datagrams are refused: it is not waited for once another server has replied. */
  refused = false;
  private readonly failover: Failover;
  private readonly group: number;

  constructor(failover: Failover, place: number, group: number) {
    this.failover = failover;
    this.place = place;
    this.group = group;
  }

  onAnswer(message: Message): void {
    this.failover.onAnswer(this.place, message);
  }

  onFailure(error: Error): void {
    this.failover.onFailure(this.place, error);
  }

  onSlow(): void {
    this.failover.reportSlow();
  }

  onRefused(): void {
    this.refused = true;
    this.failover.onRefused(this.place);
  }

  onUnread(): void {
    this.failover.onUnread(this.place);
  }

  takeResend(): boolean {
    return this.failover.hedge(this.place, this.group);
  }
}
