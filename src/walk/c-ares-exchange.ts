import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { Rcode } from '../wire/codes.ts';
import type { AskSocket } from './ask-socket.ts';
import type { Inbox } from './inbox.ts';
import type { PairQuestion, QuestionPair } from './question-pair.ts';
import { answersQuestion, type Reply, readReply } from './reply.ts';

/** ARES_DEFAULT_TIMEOUT: used until a server's response times are known. */
const FIRST_TIMEOUT: Milliseconds = 2_000;
/** ares_metrics.c: no timeout is shorter, however fast the server. */
const MIN_TIMEOUT: Milliseconds = 250;
/** ares_metrics.c: how many replies make an average, and the factor it is multiplied by. */
const MIN_SAMPLES = 3;
const AVERAGE_FACTOR = 5;
/** DEFAULT_TRIES, for each server. */
const TRIES = 3;

/** A server's response times, as the channel has measured them (ares_metrics.c). */
export class ServerPace {
  private samples = 0;
  private total: Milliseconds = 0;

  add(roundTrip: Milliseconds): void {
    this.samples++;
    this.total += roundTrip;
  }

  /** How long to wait in round `round`, from 0. c-ares shortens later rounds at random; the model does not. */
  timeout(round: number): Milliseconds {
    const average = this.total / this.samples;
    const base =
      this.samples < MIN_SAMPLES ? FIRST_TIMEOUT : Math.max(MIN_TIMEOUT, AVERAGE_FACTOR * average);
    return base * 2 ** round;
  }
}

/** One question until it is answered or given up. */
interface Slot {
  readonly question: PairQuestion;
  tries: number;
  sentAt: Milliseconds;
  deadline: Milliseconds;
  /** The socket on which its answer is expected: a server's socket, or a TCP connection after TC. */
  via: AskSocket | undefined;
  reply?: Reply;
  /** Answered or given up. */
  done: boolean;
}

/** Options of {@link caresExchange}. */
export interface CaresExchangeOptions {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly nameservers: readonly Endpoint[];
  /** For each nameserver, by its index; kept by the channel. */
  readonly paces: readonly ServerPace[];
}

/** The result of a pair. */
export interface CaresReplies {
  /** Index 0 is A; includes error responses. */
  readonly replies: readonly (Reply | undefined)[];
  /** The reply to the question that ended last: the search depends on its status. */
  readonly last: Reply | undefined;
}

/**
 * Asks a pair as c-ares does (ares_process.c): one connected socket for each server, each question resent to the next
 * server at its own timeout; once a family has records the other is no longer resent (`terminate_retries`).
 */
export function caresExchange(
  pair: QuestionPair,
  options: CaresExchangeOptions,
): Promise<CaresReplies> {
  return new Exchange(pair, options).run();
}

class Exchange {
  private readonly options: CaresExchangeOptions;
  private readonly slots: readonly Slot[];
  private readonly sockets = new Map<Endpoint, AskSocket>();
  private last: Reply | undefined;
  private hasRecords = false;

  constructor(pair: QuestionPair, options: CaresExchangeOptions) {
    this.options = options;
    this.slots = pair.map((question) => ({
      question,
      tries: 0,
      sentAt: 0,
      deadline: 0,
      via: undefined,
      done: false,
    }));
  }

  async run(): Promise<CaresReplies> {
    for (const slot of this.slots) this.send(slot);
    for (;;) {
      const waiting = this.slots.filter(({ done }) => !done);
      if (waiting.length === 0) break;
      const until = Math.min(...waiting.map(({ deadline }) => deadline));
      const arrival = await this.options.inbox.wait(until);
      if (arrival === undefined) this.timeOut(waiting);
      else if (arrival.message === undefined) this.lose(arrival.via, waiting);
      else this.take(arrival.message.octets, arrival.via, waiting);
    }
    return { replies: this.slots.map(({ reply }) => reply), last: this.last };
  }

  private send(slot: Slot): void {
    const { clock, inbox, nameservers, paces } = this.options;
    const index = slot.tries % nameservers.length;
    const round = Math.floor(slot.tries / nameservers.length);
    slot.tries++;
    slot.sentAt = clock.now();
    slot.deadline = slot.sentAt + (paces[index]?.timeout(round) ?? FIRST_TIMEOUT);
    const server = nameservers[index];
    if (server === undefined) return;
    slot.via = this.sockets.get(server) ?? inbox.udp(server);
    this.sockets.set(server, slot.via);
    slot.via.send(slot.question.octets, server);
  }

  private timeOut(waiting: readonly Slot[]): void {
    const now = this.options.clock.now();
    for (const slot of waiting) if (slot.deadline <= now) this.sendAgain(slot, undefined);
  }

  /** A server refuses, or a connection broke: its questions go to the next server. */
  private lose(via: AskSocket, waiting: readonly Slot[]): void {
    via.close();
    for (const [server, socket] of this.sockets) if (socket === via) this.sockets.delete(server);
    for (const slot of waiting) if (slot.via === via) this.sendAgain(slot, undefined);
  }

  private take(octets: Uint8Array, via: AskSocket, waiting: readonly Slot[]): void {
    const reply = readReply(octets);
    if (reply === undefined) return;
    const slot = waiting.find(({ question }) => answersQuestion(reply, question));
    if (slot === undefined) return;
    const { clock, inbox, nameservers, paces } = this.options;
    const index = (slot.tries - 1) % nameservers.length;
    const server = nameservers[index];
    paces[index]?.add(clock.now() - slot.sentAt);
    if (reply.truncated && server !== undefined && via === this.sockets.get(server)) {
      slot.via = inbox.tcp(server);
      slot.via.send(slot.question.octets, server);
    } else if (isRefusal(reply)) this.sendAgain(slot, reply);
    else this.end(slot, reply);
  }

  /** @param failure - The server's RCODE in place of an answer, if it replied. */
  private sendAgain(slot: Slot, failure: Reply | undefined): void {
    const most = TRIES * this.options.nameservers.length;
    if (slot.tries < most && !this.hasRecords) this.send(slot);
    else this.end(slot, failure);
  }

  private end(slot: Slot, reply: Reply | undefined): void {
    slot.done = true;
    if (reply !== undefined) slot.reply = reply;
    this.last = reply;
    this.hasRecords ||= reply?.header.rcode === Rcode.NOERROR && reply.header.ancount > 0;
  }
}

/** After a reply with one of these RCODEs the next server is asked; if none is asked any more, it is the result. */
function isRefusal({ header }: Reply): boolean {
  return [Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED].some((rcode) => rcode === header.rcode);
}
