import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { Rcode } from '../wire/codes.ts';
import type { AskSocket } from './ask-socket.ts';
import type { Arrival, Inbox } from './inbox.ts';
import type { PairQuestion, QuestionPair } from './question-pair.ts';
import { type Reply, readReply } from './reply.ts';

/** M1: for the whole exchange, not for each attempt. */
const TIMEOUT: Milliseconds = 5_000;
/** M1: two attempts share the timeout. */
const RETRY_INTERVAL: Milliseconds = 2_500;
/** M4: immediate resends after SERVFAIL, for each question and round. */
const SERVFAIL_RETRIES = 2;
/** M7: the size of the buffer in a release without TCP. */
const UDP_OCTETS = 512;

/** The state of a question that has no answer yet. It is not resent while it has an open TCP connection. */
interface Slot {
  readonly question: PairQuestion;
  reply?: Reply;
  stream?: AskSocket;
}

/** Options of {@link muslExchange}. */
export interface MuslExchangeOptions {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly nameservers: readonly Endpoint[];
  /** Whether TC is followed by a connection, since 1.2.4 (M7). */
  readonly tcp: boolean;
}

/**
 * Asks a pair as musl's `__res_msend_rc` does (src/network/res_msend.c): both questions to every nameserver from one
 * unconnected socket, again at 2.5 s, given up at 5 s (M1, M3).
 *
 * @returns The accepted answers, by the index of the pair.
 */
export async function muslExchange(
  pair: QuestionPair,
  options: MuslExchangeOptions,
): Promise<readonly (Reply | undefined)[]> {
  const exchange = new Exchange(pair, options);
  await exchange.run();
  return exchange.slots.map(({ reply }) => reply);
}

class Exchange {
  readonly slots: readonly Slot[];
  private readonly options: MuslExchangeOptions;
  private readonly socket: AskSocket;
  private servfailRetries = 0;
  private broken = false;

  constructor(pair: QuestionPair, options: MuslExchangeOptions) {
    this.slots = pair.map((question) => ({ question }));
    this.options = options;
    this.socket = options.inbox.udp();
  }

  async run(): Promise<void> {
    const { clock, inbox } = this.options;
    const start = clock.now();
    let sentAt = start - RETRY_INTERVAL;
    while (!this.settled && clock.now() - start < TIMEOUT) {
      if (clock.now() - sentAt >= RETRY_INTERVAL) {
        this.sendUnanswered();
        sentAt = clock.now();
      }
      const arrival = await inbox.wait(sentAt + RETRY_INTERVAL);
      if (arrival !== undefined) this.take(arrival);
    }
  }

  private get settled(): boolean {
    return this.broken || this.slots.every(({ reply }) => reply !== undefined);
  }

  private sendUnanswered(): void {
    for (const { question, reply, stream } of this.slots) {
      if (reply !== undefined || stream !== undefined) continue;
      for (const nameserver of this.options.nameservers) {
        this.socket.send(question.octets, nameserver);
      }
    }
    this.servfailRetries = SERVFAIL_RETRIES * this.slots.length;
  }

  private take({ via, message }: Arrival): void {
    if (via !== this.socket) this.takeFromStream(via, message?.octets);
    else if (message !== undefined) this.takeDatagram(message.octets, message.from);
  }

  /** M3: the ID and the peer's address are all that is compared. */
  private takeDatagram(octets: Uint8Array, from: Endpoint): void {
    const reply = readReply(this.options.tcp ? octets : octets.subarray(0, UDP_OCTETS));
    if (reply === undefined || !this.options.nameservers.some((own) => sameEndpoint(own, from))) {
      return;
    }
    const slot = this.slots.find(({ question }) => question.id === reply.header.id);
    if (slot === undefined || slot.reply !== undefined || slot.stream !== undefined) return;
    if (reply.header.rcode === Rcode.SERVFAIL) this.resendAfterServfail(slot, from);
    if (!isAccepted(reply)) return;
    if (reply.truncated && this.options.tcp) this.openStream(slot, from);
    else slot.reply = reply;
  }

  private resendAfterServfail({ question }: Slot, to: Endpoint): void {
    if (this.servfailRetries === 0) return;
    this.servfailRetries--;
    this.socket.send(question.octets, to);
  }

  /** M7: a connection for each question. */
  private openStream(slot: Slot, peer: Endpoint): void {
    slot.stream = this.options.inbox.tcp(peer);
    slot.stream.send(slot.question.octets, peer);
  }

  /** A broken connection, or an RCODE that is not accepted, ends the whole exchange. */
  private takeFromStream(via: AskSocket, octets: Uint8Array | undefined): void {
    const slot = this.slots.find(({ stream }) => stream === via);
    if (slot === undefined || slot.reply !== undefined) return;
    const reply = octets === undefined ? undefined : readReply(octets);
    via.close();
    if (reply !== undefined && isAccepted(reply)) slot.reply = reply;
    else this.broken = true;
  }
}

/** M4: after SERVFAIL the question is asked again; other errors are ignored until the time is over. */
function isAccepted({ header }: Reply): boolean {
  return header.rcode === Rcode.NOERROR || header.rcode === Rcode.NXDOMAIN;
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
