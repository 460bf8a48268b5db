import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { Message } from '../wire/message.ts';
import { padQuery, QUERY_BLOCK_OCTETS } from '../wire/padding.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import { buildQuery } from '../wire/request.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { type HttpsClient, httpsClient } from './https-client.ts';
import { type HttpsRequest, type HttpsResponse, RequestLost } from './https-request.ts';
import { judgeReply, type Reply } from './reply.ts';
import type { HttpsAddress } from './server-address.ts';
import { socketError } from './socket-error.ts';
import { SILENCE } from './timeouts.ts';
import { TlsDialer } from './tls-dialer.ts';
import type { Exchange, ReplyListener, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/**
 * Carries messages as HTTP requests over kept connections (DoH, RFC 8484; U5): HTTP/2, or HTTP/1.1 if the server has
 * nothing newer.
 *
 * A server may close at any time: unanswered questions are then asked again, and after silence on another connection,
 * as over TCP. Nothing is sent before the server is authenticated.
 */
export function httpsTransport(
  address: HttpsAddress,
  clock: Clock,
  tallies: UpstreamTallies,
  connect: Connect = httpsClient,
): Transport {
  return new HttpsTransport(address, clock, tallies, connect);
}

/** How a client is made: {@link httpsClient}, or a test's own. */
export type Connect = (...parts: Parameters<typeof httpsClient>) => HttpsClient;

interface InFlight {
  readonly question: Outgoing;
  readonly edns: boolean;
  readonly listener: ReplyListener;
  readonly abort: AbortController;
  closed: boolean;
}

class HttpsTransport implements Transport {
  private readonly address: HttpsAddress;
  private readonly clock: Clock;
  private readonly tallies: UpstreamTallies;
  private readonly connect: Connect;
  private readonly dialer: TlsDialer;
  private readonly waiting = new Set<InFlight>();
  private current: { readonly client: HttpsClient; readonly generation: number } | undefined;
  private lastHeard: Milliseconds = 0;
  private watch: Timer | undefined;

  constructor(address: HttpsAddress, clock: Clock, tallies: UpstreamTallies, connect: Connect) {
    this.connect = connect;
    this.address = address;
    this.clock = clock;
    this.tallies = tallies;
    this.dialer = new TlsDialer(address, ['h2', 'http/1.1'], clock);
  }

  send(question: Outgoing, edns: boolean, listener: ReplyListener): Exchange {
    const abort = new AbortController();
    const inFlight = { question, edns, listener, abort, closed: false };
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
    this.current?.client.destroy();
    this.current = undefined;
  }

  /** Makes all attempts; never rejects. */
  private async carry(inFlight: InFlight): Promise<void> {
    while (!inFlight.closed) {
      this.tallies.sends.add('https');
      try {
        const reply = await this.ask(inFlight);
        this.settle(inFlight, () => inFlight.listener.onReply(reply));
      } catch (error) {
        // A question that has ended is not sent again.
        if (inFlight.closed) return;
        const again = mayPass(error) && inFlight.listener.takeSend?.() === true;
        if (!again) this.fail(inFlight, this.explained(error));
      }
    }
  }

  /** @throws {Error} The client's error if there was no response; an UpstreamError if the response is no answer. */
  private async ask(inFlight: InFlight): Promise<Reply> {
    const response = await this.client().request(this.requestOf(inFlight));
    this.lastHeard = this.clock.now();
    return this.read(inFlight.question, response);
  }

  private requestOf({ question, edns, abort }: InFlight): HttpsRequest {
    const { path, method } = this.address;
    const { checkingDisabled, dnssecOk, probe } = question;
    // RFC 8484 §4.1: ID 0, so that equal questions are equal requests. HTTP tells the answers apart.
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

  private read(question: Outgoing, { statusCode, headers, body }: HttpsResponse): Reply {
    const { name } = this.address;
    // RFC 8484 §4.2.1: without a 2xx the body is no answer.
    if (statusCode < 200 || statusCode > 299) {
      throw new HttpFailure(statusCode, `${name} answered HTTP ${statusCode}`);
    }
    const verdict = judgeReply(body, 0, question);
    if (verdict.kind === 'reply' && isDnsMessage(headers['content-type'])) {
      const { reply } = verdict;
      return { ...reply, message: aged(reply.message, ageOf(headers['age'])) };
    }
    if (verdict.kind !== 'reply') this.tallies[verdict.kind].add();
    throw new UpstreamError('malformed', `malformed https reply from ${name}`);
  }

  private client(): HttpsClient {
    const { generation } = this.dialer;
    if (this.current?.generation !== generation) this.renew();
    this.current ??= {
      client: this.connect(this.address.origin, this.dialer, this.clock),
      generation,
    };
    return this.current.client;
  }

  /** The next question gets a new connection; those in flight on the old one may still be answered. */
  private renew(): void {
    this.current?.client.close();
    this.current = undefined;
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
    // An UpstreamError has no code; nor has a bug of ours, which is reported further up.
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
/** Unanswered questions to one server, far more than the listener lets in flight (S1). */
const MAX_WAITING = 4_096;
/** A status that is no answer (RFC 9110 §15). */
export class HttpFailure extends UpstreamError {
  readonly status: number;
  override readonly wasReceived = true;

  constructor(status: number, message: string) {
    super('refused', message);
    this.status = status;
  }
}

/**
 * Whether to send the question again: after a lost connection, a reset stream, a 5xx or an unreadable reply. A failure
 * to connect and a 4xx are final.
 */
function mayPass(error: unknown): boolean {
  if (error instanceof HttpFailure) return error.status >= 500;
  if (error instanceof UpstreamError) return error.reason === 'malformed';
  return error instanceof RequestLost;
}

function isDnsMessage(contentType: string | string[] | undefined): boolean {
  return (
    typeof contentType === 'string' && /^application\/dns-message\s*(?:;|$)/i.test(contentType)
  );
}

/** RFC 9111 §5.1: whole seconds that the answer spent in caches on the way. */
function ageOf(header: string | string[] | undefined): Seconds {
  return typeof header === 'string' && /^\d{1,10}$/.test(header) ? Number(header) : 0;
}

/** RFC 8484 §5.1: the Age is subtracted from the TTLs. */
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
