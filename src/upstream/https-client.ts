import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock, Milliseconds, Timer } from '../clock.ts';
import { UpstreamError } from './exchange.ts';
import type { TlsDialer } from './tls-dialer.ts';

/** One HTTP/2 request. */
export interface HttpsRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Aborted when nobody waits for the response any more. */
  readonly signal: AbortSignal;
}

export interface HttpsResponse {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** An HTTP/2 client of one server. */
export interface HttpsClient {
  /**
   * Sends the request once; sending it again is for the caller to decide (RFC 9520 §3.1).
   *
   * @throws {RequestLost} When it was sent, or may have been, and no whole response came; any other error of a socket
   *   or an UpstreamError where no connection stands.
   */
  request(request: HttpsRequest): Promise<HttpsResponse>;
  /** Takes no more requests. What is out may still be answered, for {@link GRACE}. */
  close(): void;
  /** Ends at once, whatever is out. */
  destroy(): void;
}

/** A request that its connection or its server did not answer; the next one may be answered. */
export class RequestLost extends Error {
  override readonly name = 'RequestLost';
  /** Of Node: `ERR_HTTP2_STREAM_ERROR`, `ECONNRESET`. */
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(code, { cause });
    this.code = code;
  }
}

/** What of a dialer is used. */
type Dialer = Pick<TlsDialer, 'name' | 'dial'>;

/**
 * An HTTP/2 client that connects through `dialer` when something is asked, and again when its connection is gone.
 */
export function httpsClient(origin: string, dialer: Dialer, clock: Clock): HttpsClient {
  return new Http2Client(origin, dialer, clock);
}

/** As over TCP: below what servers close after on their own. */
const IDLE: Milliseconds = 5_000;
/** What is out when a client is closed has been waited for by then: U2's deadline. */
const GRACE: Milliseconds = 4_500;
/** RFC 8484 §6. */
const MAX_MESSAGE_OCTETS = 65_535;
/** S1: what a response may say beside its body; DoH servers say a few hundred octets. */
const MAX_HEADER_OCTETS = 16_384;
/** RFC 9113 §7: CANCEL. `node:http2` is loaded where something is asked, and not for its constants. */
const CANCEL = 8;

class Http2Client implements HttpsClient {
  private readonly origin: string;
  private readonly dialer: Dialer;
  private readonly clock: Clock;
  private connection: Connection | undefined;
  private closed = false;

  constructor(origin: string, dialer: Dialer, clock: Clock) {
    this.origin = origin;
    this.dialer = dialer;
    this.clock = clock;
  }

  request(request: HttpsRequest): Promise<HttpsResponse> {
    if (this.closed) return Promise.reject(new RequestLost('ERR_HTTP2_INVALID_SESSION'));
    if (this.connection?.usable !== true) {
      this.connection = new Connection(this.origin, this.dialer, this.clock);
    }
    return this.connection.request(request);
  }

  close(): void {
    this.closed = true;
    this.connection?.retire();
  }

  destroy(): void {
    this.closed = true;
    this.connection?.destroy();
  }
}

/** One connection, from the first octet of TLS to its end. */
class Connection {
  usable = true;
  private readonly clock: Clock;
  private readonly socket: { destroy(): unknown };
  private readonly ready: Promise<ClientHttp2Session>;
  private session: ClientHttp2Session | undefined;
  private error: unknown;
  /** Requests that came here and whose streams are not closed. */
  private open = 0;
  private timer: Timer | undefined;

  constructor(origin: string, dialer: Dialer, clock: Clock) {
    this.clock = clock;
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    this.ready = promise;
    let problem: Error = new UpstreamError('network', `${dialer.name} closed before it was ready`);
    const socket = dialer.dial((opened) => {
      if (opened.alpnProtocol !== 'h2') {
        // RFC 8484 §5.2: what is older would have to queue one question behind the other.
        opened.destroy(new UpstreamError('network', `${dialer.name} does not speak HTTP/2`));
        return;
      }
      this.session = this.begin(origin, opened);
      resolve(this.session);
    });
    this.socket = socket;
    // Listened to for as long as the socket lives: an error that nobody listens to would end the process.
    socket.on('error', (error) => {
      problem = error;
    });
    socket.on('close', () => {
      this.end();
      reject(problem);
    });
    // Where nobody has asked yet, or any more.
    promise.catch(() => undefined);
  }

  async request(request: HttpsRequest): Promise<HttpsResponse> {
    this.open++;
    this.watch();
    try {
      const session = await this.ready;
      if (request.signal.aborted) throw new RequestLost('ABORT_ERR');
      return await this.ask(session, request);
    } finally {
      this.open--;
      this.watch();
    }
  }

  /** Takes no more requests, and ends when it has none, or {@link GRACE} from now. */
  retire(): void {
    if (!this.usable) return;
    this.usable = false;
    this.timer?.cancel();
    if (this.open === 0) this.destroy();
    else this.timer = this.clock.after(GRACE, () => this.destroy());
  }

  destroy(): void {
    this.end();
    this.session?.destroy();
    this.socket.destroy();
  }

  private begin(origin: string, socket: TLSSocket): ClientHttp2Session {
    // Here, and not above: it takes 5 ms, and few ask over HTTPS.
    const { connect } = process.getBuiltinModule('node:http2');
    const session = connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, maxHeaderListSize: MAX_HEADER_OCTETS },
    });
    session.on('error', (error) => {
      this.error = error;
    });
    // RFC 9113 §6.8: what it has taken it may still answer.
    session.on('goaway', () => this.retire());
    session.on('close', () => this.end());
    return session;
  }

  private end(): void {
    this.usable = false;
    this.timer?.cancel();
  }

  /** What only rests is closed after a while, and does not keep the process alive. */
  private watch(): void {
    if (!this.usable) {
      if (this.open === 0) this.destroy();
      return;
    }
    this.timer?.cancel();
    if (this.open > 0) {
      this.session?.ref();
      return;
    }
    this.session?.unref();
    this.timer = this.clock.after(IDLE, () => this.retire());
  }

  /** Settles when the stream is closed: its place on the connection is taken until then. */
  private ask(session: ClientHttp2Session, request: HttpsRequest): Promise<HttpsResponse> {
    const { method, path, headers, body, signal } = request;
    const { promise, resolve, reject } = Promise.withResolvers<HttpsResponse>();
    let stream: ClientHttp2Stream;
    try {
      const pseudo = { ':method': method, ':path': path };
      stream = session.request({ ...pseudo, ...headers }, { endStream: body === undefined });
    } catch (error) {
      throw new RequestLost(codeOf(error), error);
    }
    let failure: unknown;
    let response: Omit<HttpsResponse, 'body'> | undefined;
    let isWhole = false;
    const chunks: Uint8Array[] = [];
    let octets = 0;
    stream.on('response', (given) => {
      response = { statusCode: given[':status'] ?? 0, headers: given };
    });
    stream.on('data', (chunk: Buffer) => {
      octets += chunk.length;
      if (octets <= MAX_MESSAGE_OCTETS) chunks.push(chunk);
      else cancel(stream);
    });
    stream.on('end', () => {
      isWhole = octets <= MAX_MESSAGE_OCTETS;
    });
    stream.on('error', (error) => {
      failure = error;
    });
    const abort = (): void => cancel(stream);
    signal.addEventListener('abort', abort, { once: true });
    stream.on('close', () => {
      signal.removeEventListener('abort', abort);
      const cause = failure ?? this.error;
      if (isWhole && response !== undefined && failure === undefined)
        resolve({ ...response, body: Buffer.concat(chunks) });
      else reject(new RequestLost(codeOf(cause), cause));
    });
    if (body !== undefined) stream.end(body);
    return promise;
  }
}

/**
 * Resets a stream, with a body behind its last octet.
 *
 * Node 26.10 never comes back from a stream that is closed and then destroyed before its body has left: it sends empty
 * DATA frames for ever (docs/decisions/009-doh-requests.md). So no body is cut here, and no stream is destroyed.
 */
function cancel(stream: ClientHttp2Stream): void {
  if (stream.writableFinished || stream.destroyed) stream.close(CANCEL);
  else stream.once('finish', () => stream.close(CANCEL));
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  return 'ERR_HTTP2_STREAM_CANCEL';
}
