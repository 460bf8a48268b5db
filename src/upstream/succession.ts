import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { Rcode } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { type AskListener, DEADLINE, SILENCE } from './ask.ts';
import { type Outgoing, type Progress, type Upstream, UpstreamError } from './exchange.ts';
import { type Candidate, type Selectable, Selection } from './selection.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** What a succession asks: a server, or a script in its place. */
export interface Askable extends Selectable {
  /** Nothing of `listener` is called before this returns. */
  begin(question: Outgoing, listener: AskListener): { cancel(): void };
  /** Has `listener` called whenever the server is found dead. */
  onDeath(listener: () => void): void;
  close(): void;
}

/** What a succession is made of. */
export interface SuccessionOptions {
  readonly name: string;
  /** Ordered groups of equals, none of them empty. */
  readonly groups: readonly (readonly Askable[])[];
  readonly clock: Clock;
  readonly tallies: Pick<UpstreamTallies, 'failovers' | 'failures'>;
}

/**
 * Asks servers in their order (U1).
 *
 * The next one is asked after 1 s of silence, on refusal, on SERVFAIL or REFUSED, and at once where the one before is
 * known dead; never because it is faster, since a public second server would win with its NXDOMAIN. Who was silent is
 * still listened to. If the next one fails too, the first word that was said stands.
 */
export function succession({ name, groups, clock, tallies }: SuccessionOptions): Upstream {
  const selection = new Selection(groups, clock);
  const walks = new Set<Walk>();
  for (const server of groups.flat()) {
    server.onDeath(() => {
      for (const walk of walks) walk.leaveDead();
    });
  }
  let closed = false;
  const closedError = () => new UpstreamError('closed', `${name} was closed`);
  return {
    name,
    async ask(question, progress): Promise<Message> {
      // Whoever asks on after a failure must not wake what was closed: its sockets would keep the process alive.
      if (closed) throw closedError();
      const walk = new Walk(name, selection.candidates(question), question, clock, tallies);
      walks.add(walk);
      try {
        return await walk.run(progress);
      } catch (error) {
        if (error instanceof UpstreamError) tallies.failures.add(error.reason);
        throw error;
      } finally {
        walks.delete(walk);
      }
    },
    close(): void {
      closed = true;
      for (const walk of walks) walk.fail(closedError());
      for (const server of groups.flat()) server.close();
    },
  };
}

/** A server's answer that only counts when nobody has a better one. */
interface Word {
  readonly message: Message;
  /** Its place among the candidates. */
  readonly place: number;
}

/** One question on its way through the candidates. */
class Walk {
  private readonly name: string;
  private readonly candidates: readonly Candidate<Askable>[];
  private readonly question: Outgoing;
  private readonly clock: Clock;
  private readonly tallies: Pick<UpstreamTallies, 'failovers'>;
  private readonly open = new Map<number, { cancel(): void }>();
  private readonly settled = Promise.withResolvers<Message>();
  private progress: Progress | undefined;
  private deadline: Timer | undefined;
  private patience: Timer | undefined;
  private asked = 0;
  private word: Word | undefined;
  private error: Error | undefined;
  private slow = false;
  private hedged = false;

  constructor(
    name: string,
    candidates: readonly Candidate<Askable>[],
    question: Outgoing,
    clock: Clock,
    tallies: Pick<UpstreamTallies, 'failovers'>,
  ) {
    this.name = name;
    this.candidates = candidates;
    this.question = question;
    this.clock = clock;
    this.tallies = tallies;
  }

  run(progress: Progress | undefined): Promise<Message> {
    this.progress = progress;
    // U2: nobody is kept waiting for servers that have all been silent for 3 s; they are asked all the same.
    const hopeless = this.candidates.every(({ server }) => server.dead);
    const waited = this.clock.now() - (progress?.since ?? this.clock.now());
    const left = (hopeless ? DEADLINE_WHEN_DEAD : DEADLINE) - waited;
    this.deadline = this.clock.after(left, () => this.giveUp());
    this.askNext();
    this.beginPatience(SILENCE - this.silentFor());
    return this.settled.promise;
  }

  fail(error: Error): void {
    this.end();
    this.settled.reject(error);
  }

  /** Who waits for one that has been found dead meanwhile waits no longer than who comes now. */
  leaveDead(): void {
    if (this.latest?.server.dead === true && this.next?.server.dead === false) this.askNext();
  }

  /** Asks the next candidate, and with it those behind it, as long as what was asked is known dead. */
  private askNext(): void {
    if (this.asked > 0) this.tallies.failovers.add();
    while (this.begin()?.dead === true);
    this.beginPatience();
  }

  /** How long the first server has been silent already: it owes an answer to the other question of the pair. */
  private silentFor(): Milliseconds {
    const now = this.clock.now();
    return now - (this.progress?.silentSince ?? now);
  }

  private beginPatience(patience = SILENCE): void {
    this.patience?.cancel();
    this.patience = this.clock.after(patience, () => this.onSilence());
  }

  private get latest(): Candidate<Askable> | undefined {
    return this.candidates[this.asked - 1];
  }

  private get next(): Candidate<Askable> | undefined {
    return this.candidates[this.asked];
  }

  /** @returns Who is asked now; nobody where all are. */
  private begin(): Askable | undefined {
    const place = this.asked;
    const candidate = this.candidates[place];
    if (candidate === undefined) return undefined;
    this.asked++;
    const { server, group } = candidate;
    const asking = server.begin(this.question, {
      onAnswer: (message) => this.onAnswer(place, message),
      onFailure: (error) => this.onFailure(place, error),
      onSlow: () => this.reportSlow(),
      takeResend: () => this.hedge(place, group),
    });
    this.open.set(place, asking);
    return server;
  }

  /** The first resend goes to another equal: what did not answer in time may be the server, not the network. */
  private hedge(place: number, group: number): boolean {
    const { next } = this;
    if (this.hedged || next === undefined) return false;
    if (next.server.dead || next.server.doubtful) return false;
    if (place !== this.asked - 1 || next.group !== group) return false;
    this.hedged = true;
    // The silence of the group counts from its first question, so patience runs on.
    this.begin();
    return true;
  }

  private onAnswer(place: number, message: Message): void {
    this.open.delete(place);
    if (message.rcode !== Rcode.SERVFAIL && message.rcode !== Rcode.REFUSED) {
      this.answer(message);
      return;
    }
    if (this.word === undefined || place < this.word.place) this.word = { message, place };
    this.moveOn(place);
  }

  private onFailure(place: number, error: Error): void {
    this.open.delete(place);
    this.error ??= error;
    this.moveOn(place);
  }

  private moveOn(place: number): void {
    if (this.nextWorthAsking) {
      // Where a later one was asked already, silence has moved on before this one spoke.
      if (place === this.asked - 1 || this.open.size === 0) this.askNext();
    } else if (this.open.size === 0) {
      this.giveUp();
    } else if (this.word !== undefined) {
      this.beginPatience();
    }
  }

  private onSilence(): void {
    this.reportSlow();
    if (this.nextWorthAsking) this.askNext();
    else if (this.word !== undefined && !this.hasOpenBefore(this.word.place)) this.giveUp();
  }

  /** A server that is known dead will not say anything better than the word that is there. */
  private get nextWorthAsking(): boolean {
    const { next } = this;
    return next !== undefined && !(next.server.dead && this.word !== undefined);
  }

  /** Whether one is still silent that stands before the word: without a second server, it would be waited for too. */
  private hasOpenBefore(place: number): boolean {
    for (const other of this.open.keys()) if (other < place) return true;
    return false;
  }

  private reportSlow(): void {
    if (this.slow) return;
    this.slow = true;
    this.progress?.onRetransmit();
  }

  /** Nobody has an answer: the first word stands, else what went wrong first. */
  private giveUp(): void {
    if (this.word !== undefined) this.answer(this.word.message);
    else this.fail(this.error ?? new UpstreamError('timeout', `no answer from ${this.name}`));
  }

  private answer(message: Message): void {
    this.end();
    this.settled.resolve(message);
  }

  private end(): void {
    this.deadline?.cancel();
    this.patience?.cancel();
    for (const asking of this.open.values()) asking.cancel();
  }
}

/** U2: long enough for one that has just come back, far shorter than a client's own timer. */
const DEADLINE_WHEN_DEAD: Milliseconds = 1_000;
