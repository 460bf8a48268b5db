import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { Rcode } from '../wire/codes.ts';
import type { AskSocket } from './ask-socket.ts';
import type { Inbox } from './inbox.ts';
import type { PairQuestion, QuestionPair } from './question-pair.ts';
import { answersQuestion, isLame, type Reply, readReply } from './reply.ts';

/** G1: RES_TIMEOUT; from the second nameserver on it is doubled, and divided by the number of nameservers. */
const TIMEOUT: Milliseconds = 5_000;
/** G1: RES_DFLRETRY. */
const TRIES = 2;

/**
 * How a thread asks pairs: at first both questions at once; each lost answer moves it to the next mode permanently (G1:
 * `single-request`, `single-request-reopen`).
 */
export interface GlibcThread {
  mode: 'parallel' | 'single' | 'reopen';
}

/** The result of asking every nameserver. */
export interface GlibcReplies {
  /** Index 0 is A; both are absent if there was no usable answer. */
  readonly replies: readonly (Reply | undefined)[];
  /** The last RCODE that sent the library to the next nameserver. */
  readonly refusal?: number;
  /** No nameserver was reachable: the search ends (ECONNREFUSED). */
  readonly nobodyThere: boolean;
}

/** Options of {@link glibcExchange}. */
export interface GlibcExchangeOptions {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly nameservers: readonly Endpoint[];
  /** How this thread asks. After a pair has lost an answer, it asks one question after the other (G1). */
  readonly thread: GlibcThread;
}

/** Asks a pair as `__res_context_send` of glibc does (resolv/res_send.c): nameservers in order, two rounds (G1). */
export async function glibcExchange(
  pair: QuestionPair,
  options: GlibcExchangeOptions,
): Promise<GlibcReplies> {
  const exchange = new Exchange(pair, options);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    for (const [index, nameserver] of options.nameservers.entries()) {
      const replies = await exchange.askDatagrams(nameserver, timeoutOf(index, options));
      if (replies === 'truncated') return exchange.end(await exchange.askStream(nameserver));
      if (replies !== 'next') return exchange.end(replies);
    }
  }
  return exchange.end([]);
}

function timeoutOf(index: number, { nameservers }: GlibcExchangeOptions): Milliseconds {
  return index === 0 ? TIMEOUT : (TIMEOUT * 2 ** index) / nameservers.length;
}

type Replies = readonly (Reply | undefined)[];

/** One question while a nameserver is asked. */
interface Slot {
  readonly question: PairQuestion;
  /** Answered, usefully or not: the library waits only for the other question. */
  done: boolean;
  reply?: Reply;
}

class Exchange {
  private readonly pair: QuestionPair;
  private readonly options: GlibcExchangeOptions;
  private refusal: number | undefined;
  private somebodyThere = false;

  constructor(pair: QuestionPair, options: GlibcExchangeOptions) {
    this.pair = pair;
    this.options = options;
  }

  end(replies: Replies): GlibcReplies {
    return {
      replies,
      ...(this.refusal === undefined ? {} : { refusal: this.refusal }),
      nobodyThere: !this.somebodyThere,
    };
  }

  /** `send_dg`: repeated each time the mode falls back, with the whole timeout again (G1). */
  async askDatagrams(
    nameserver: Endpoint,
    timeout: Milliseconds,
  ): Promise<Replies | 'next' | 'truncated'> {
    const { clock, inbox, thread } = this.options;
    let socket = inbox.udp(nameserver);
    try {
      for (;;) {
        const { mode } = thread;
        const slots = this.pair.map((question): Slot => ({ question, done: false }));
        const reopen = () => {
          socket.close();
          socket = inbox.udp(nameserver);
          return socket;
        };
        const round = new Round({ slots, nameserver, mode, reopen });
        round.start(socket);
        const result = await this.finish(round, clock.now() + timeout);
        if (result !== 'half') return result;
        if (mode === 'reopen') return repliesOf(slots);
        thread.mode = mode === 'parallel' ? 'single' : 'reopen';
        if (thread.mode === 'reopen') reopen();
      }
    } finally {
      socket.close();
    }
  }

  /** `send_vc`: both questions over one connection at once (G4). If the server closes it early, the lookup fails. */
  async askStream(nameserver: Endpoint): Promise<Replies> {
    const { clock, inbox } = this.options;
    const stream = inbox.tcp(nameserver);
    const replies: (Reply | undefined)[] = [undefined, undefined];
    for (const { octets } of this.pair) stream.send(octets, nameserver);
    // The library waits as long as TCP does; a model must end sooner.
    const until = clock.now() + TIMEOUT;
    try {
      while (replies.includes(undefined)) {
        const arrival = await inbox.wait(until);
        if (arrival?.message === undefined) return [];
        const reply = readReply(arrival.message.octets);
        const index = this.pair.findIndex(({ id }) => id === reply?.header.id);
        if (index !== -1 && reply !== undefined) replies[index] = reply;
      }
      return replies;
    } finally {
      stream.close();
    }
  }

  private async finish(
    round: Round,
    until: Milliseconds,
  ): Promise<Replies | 'next' | 'truncated' | 'half'> {
    for (;;) {
      const arrival = await this.options.inbox.wait(until);
      if (arrival === undefined) {
        this.somebodyThere = true;
        return round.isHalfDone ? 'half' : 'next';
      }
      // A port that refuses has no server behind it; a silent one may have.
      if (arrival.message === undefined) return 'next';
      this.somebodyThere = true;
      const end = round.take(readReply(arrival.message.octets));
      this.refusal = round.refusal ?? this.refusal;
      if (end !== undefined) return end;
    }
  }
}

interface RoundOptions {
  readonly slots: readonly Slot[];
  readonly nameserver: Endpoint;
  readonly mode: GlibcThread['mode'];
  readonly reopen: () => AskSocket;
}

/** One transmission of the pair, in one of the three modes. */
class Round {
  /** The RCODE of the last answer that the library could not use. */
  refusal: number | undefined;
  private readonly options: RoundOptions;
  private socket: AskSocket | undefined;
  private sent = 0;

  constructor(options: RoundOptions) {
    this.options = options;
  }

  get isHalfDone(): boolean {
    return this.options.slots.some(({ done }) => done);
  }

  start(socket: AskSocket): void {
    this.socket = socket;
    this.send();
    if (this.options.mode === 'parallel') this.send();
  }

  /**
   * Accepts a reply to one of the pending questions, matched by ID and question (G2); others are ignored.
   *
   * @returns How the round ends; `undefined` while it continues.
   */
  take(reply: Reply | undefined): Replies | 'next' | 'truncated' | undefined {
    if (reply === undefined) return undefined;
    const { slots } = this.options;
    const slot = slots.find(({ done, question }) => !done && answersQuestion(reply, question));
    if (slot === undefined) return undefined;
    if (isRefusal(reply) || isLame(reply)) this.refusal = reply.header.rcode;
    else if (reply.truncated) return 'truncated';
    else slot.reply = reply;
    slot.done = true;
    if (slots.every(({ done }) => done)) return this.outcome;
    if (this.sent < slots.length) this.sendNext();
    return undefined;
  }

  private get outcome(): Replies | 'next' {
    const replies = repliesOf(this.options.slots);
    return replies.some((reply) => reply !== undefined) ? replies : 'next';
  }

  private sendNext(): void {
    if (this.options.mode === 'reopen') this.socket = this.options.reopen();
    this.send();
  }

  private send(): void {
    const slot = this.options.slots[this.sent++];
    if (slot !== undefined) this.socket?.send(slot.question.octets, this.options.nameserver);
  }
}

function repliesOf(slots: readonly Slot[]): Replies {
  return slots.map(({ reply }) => reply);
}

/** G2: the library asks the next nameserver, or uses the other family's answer. */
function isRefusal({ header }: Reply): boolean {
  return [Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED].some((rcode) => rcode === header.rcode);
}
