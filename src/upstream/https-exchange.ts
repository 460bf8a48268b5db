import type { Dispatcher } from 'undici';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { padQuery, QUERY_BLOCK_OCTETS } from '../wire/padding.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { buildQuery } from '../wire/request.ts';
import { SILENCE } from './ask.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { httpsClient } from './https-client.ts';
import { judgeReply, type Reply } from './reply.ts';
import type { HttpsAddress } from './server-address.ts';
import { socketError } from './socket-error.ts';
import { TlsDialer } from './tls-dialer.ts';
import type { Exchange, ReplyListener, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/**
 * Carries messages as HTTP/2 requests over one kept connection (DoH, RFC 8484; U5).
 *
 * A server may close whenever it likes: what it left is asked again, and it is given another connection when it has
 * been silent, as over TCP. Nothing is said before it has proven who it is.
 */
export function httpsTransport(
  address: HttpsAddress,
  clock: Clock,
  tallies: UpstreamTallies,
  connect: Connect = httpsClient,
): Transport {
  return new HttpsTransport(address, clock, tallies, connect);
}

/** How a client is made: {@link httpsClient}, or a script in its place. */
export type Connect = (...parts: Parameters<typeof httpsClient>) => Promise<HttpsClient>;

/** What of a client is used. */
export interface HttpsClient {
  request(options: Dispatcher.RequestOptions): Promise<HttpsResponse>;
  close(): Promise<void>;
}

/** What of a response is used. */
export interface HttpsResponse extends Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> {
  readonly body: { bytes(): Promise<Uint8Array> };
}

interface InFlight {
  readonly question: Outgoing;
  readonly edns: boolean;
  readonly listener: ReplyListener;
  readonly abort: AbortController;
  asked: number;
  /** How many of those failed on a connection that had not answered anything. */
  fruitless: number;
  closed: boolean;
}

class HttpsTransport implements Transport {
  private readonly address: HttpsAddress;
  private readonly clock: Clock;
  private readonly tallies: UpstreamTallies;
  private readonly connect: Connect;
  private readonly dialer: TlsDialer;
  private readonly waiting = new Set<InFlight>();
  private current:
    | { readonly client: Promise<HttpsClient>; readonly generation: number }
    | undefined;
  /** Whether the connection that was opened last has answered anything. */
  private hasAnswered = false;
  private lastHeard: Milliseconds = 0;
  private watch: Timer | undefined;

  constructor(address: HttpsAddress, clock: Clock, tallies: UpstreamTallies, connect: Connect) {
    this.connect = connect;
    this.address = address;
    this.clock = clock;
    this.tallies = tallies;
    this.dialer = new TlsDialer(address, ['h2'], clock);
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const abort = new AbortController();
    const inFlight = { question, edns, listener, abort, asked: 0, fruitless: 0, closed: false };
    if (this.waiting.size >= MAX_WAITING) {
      const full = `https questions waiting for ${this.address.name}: ${MAX_WAITING}`;
      queueMicrotask(() => this.fail(inFlight, new UpstreamError('full', full)));
    } else {
      this.waiting.add(inFlight);
      if (this.waiting.size === 1) this.watchFor(SILENCE);
      void this.carry(inFlight);
    }
    return { close: () => this.end(inFlight) };
  }

  close(): void {
    const error = new UpstreamError('closed', `https to ${this.address.name} was closed`);
    for (const inFlight of [...this.waiting]) this.fail(inFlight, error);
    this.renew();
  }

  /** From the first attempt to the last; never rejects. */
  private async carry(inFlight: InFlight): Promise<void> {
    while (!inFlight.closed) {
      inFlight.asked++;
      this.tallies.sends.add('https');
      try {
        const reply = await this.ask(inFlight);
        this.settle(inFlight, () => inFlight.listener.onReply(reply));
      } catch (error) {
        if (!this.hasAnswered) inFlight.fruitless++;
        if (!mayAskAgain(inFlight, error)) this.fail(inFlight, this.explained(error));
      }
    }
  }

  /** @throws {Error} Of undici or of a socket, where no answer came; an UpstreamError where what came is none. */
  private async ask(inFlight: InFlight): Promise<Reply> {
    const client = await this.client();
    const response = await client.request(this.requestOf(inFlight));
    const body = await response.body.bytes();
    this.lastHeard = this.clock.now();
    this.hasAnswered = true;
    return this.read(inFlight.question, response, body);
  }

  private requestOf({ question, edns, abort }: InFlight): Dispatcher.RequestOptions {
    const { path, method } = this.address;
    const { checkingDisabled, dnssecOk, probe } = question;
    // RFC 8484 §4.1: ID 0, so that equal questions are equal requests. The stream tells the answers apart.
    const options = { id: 0, checkingDisabled, edns: edns ? { dnssecOk, probe } : undefined };
    const bare = buildQuery(question, options);
    const query = edns ? padQuery(bare, QUERY_BLOCK_OCTETS) : bare;
    const { signal } = abort;
    const headers = { accept: MEDIA_TYPE };
    if (method === 'GET') {
      const dns = Buffer.from(query).toString('base64url');
      return { method, path: `${path}?dns=${dns}`, headers, signal };
    }
    return {
      method,
      path,
      headers: { ...headers, 'content-type': MEDIA_TYPE },
      body: query,
      signal,
    };
  }

  private read(
    question: Outgoing,
    { statusCode, headers }: HttpsResponse,
    body: Uint8Array,
  ): Reply {
    const { name } = this.address;
    // RFC 8484 §4.2.1: whatever a body says, without a 2xx it is no answer.
    if (statusCode < 200 || statusCode > 299) {
      throw new UpstreamError('refused', `${name} answered HTTP ${statusCode}`);
    }
    const verdict = judgeReply(body, 0, question);
    if (verdict.kind === 'reply' && isDnsMessage(headers['content-type'])) {
      const { reply } = verdict;
      return { ...reply, message: aged(reply.message, ageOf(headers['age'])) };
    }
    if (verdict.kind !== 'reply') this.tallies[verdict.kind].add();
    throw new UpstreamError('malformed', `malformed https reply from ${name}`);
  }

  private client(): Promise<HttpsClient> {
    const { generation } = this.dialer;
    if (this.current?.generation !== generation) this.renew();
    const onConnect = () => {
      this.hasAnswered = false;
    };
    this.current ??= {
      client: this.connect(this.address.origin, this.dialer, onConnect),
      generation,
    };
    return this.current.client;
  }

  /** The next question gets a connection of its own; what the old one has is still waited for. */
  private renew(): void {
    const { current } = this;
    this.current = undefined;
    void current?.client.then((client) => client.close()).catch(() => undefined);
  }

  private watchFor(span: Milliseconds): void {
    this.watch = this.clock.after(span, () => this.onWatch());
  }

  private onWatch(): void {
    const quiet = this.clock.now() - this.lastHeard;
    if (quiet >= SILENCE) this.renew();
    this.watchFor(quiet >= SILENCE ? SILENCE : SILENCE - quiet);
  }

  private explained(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(`https threw: ${error}`);
    // An UpstreamError has no code, nor has a bug of ours, which goes on to where bugs are reported.
    if (!('code' in error)) return error;
    return socketError('https', this.address.name, error);
  }

  private fail(inFlight: InFlight, error: Error): void {
    this.settle(inFlight, () => inFlight.listener.onFailure(error));
  }

  private settle(inFlight: InFlight, tell: () => void): void {
    if (inFlight.closed) return;
    this.end(inFlight);
    tell();
  }

  private end(inFlight: InFlight): void {
    inFlight.closed = true;
    inFlight.abort.abort();
    this.waiting.delete(inFlight);
    if (this.waiting.size === 0) this.watch?.cancel();
  }
}

/** RFC 8484 §6. */
const MEDIA_TYPE = 'application/dns-message';
/** What one server can owe, far above what the listener lets in flight (S1). */
const MAX_WAITING = 4_096;
/** As over TCP: once and once more, and longer while the server answers others before it closes. */
const MAX_FRUITLESS = 2;
const MAX_ASKED = 16;

/** What a connection left behind is asked again; a connection that never stood would fail again, and so would a word. */
function mayAskAgain({ asked, fruitless }: InFlight, error: unknown): boolean {
  const lost = error instanceof Error && 'code' in error && LOST.has(String(error.code));
  return lost && fruitless < MAX_FRUITLESS && asked < MAX_ASKED;
}

/** What undici and Node call a connection that ended under a request. */
const LOST: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'UND_ERR_INFO',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'ECONNRESET',
  'EPIPE',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_ERROR',
]);

function isDnsMessage(contentType: string | string[] | undefined): boolean {
  return (
    typeof contentType === 'string' && /^application\/dns-message\s*(?:;|$)/i.test(contentType)
  );
}

/** RFC 9111 §5.1: whole seconds that the answer spent in caches on the way. */
function ageOf(header: string | string[] | undefined): Seconds {
  return typeof header === 'string' && /^\d{1,10}$/.test(header) ? Number(header) : 0;
}

/** RFC 8484 §5.1: what is old already is believed for what is left. */
function aged(message: Message, age: Seconds): Message {
  if (age === 0) return message;
  const older = (rr: Rr): Rr => ({ ...rr, ttl: Math.max(0, rr.ttl - age) });
  return {
    ...message,
    answer: message.answer.map(older),
    authority: message.authority.map(older),
    additional: message.additional.map(older),
  };
}
