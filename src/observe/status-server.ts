import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Milliseconds, monotonicClock } from '../clock.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { listenAt } from '../listen-at.ts';
import { type Exposition, type Rendering, sharedExposition } from './exposition.ts';
import { callsByAddress, isLoopback } from './local-request.ts';
import { OneRequest } from './one-request.ts';

export interface StatusServerOptions {
  /** Port 0 leaves the choice to the kernel. */
  readonly address: Endpoint;
  /** The program's version, sent with every response. */
  readonly version: string;
  /** What keeps the program from being ready; empty when it is. Read at each probe. */
  readonly ready: () => readonly string[];
  readonly exposition: Exposition;
  /** Further pages by path; one of them may replace the index at `/`. */
  readonly pages?: ReadonlyMap<string, PageOf>;
  /** Whether a client may see the pages; others get 404. */
  readonly pagesFor?: (request: IncomingMessage) => boolean;
  /** Whether a server on a loopback address may be addressed by any name. */
  readonly anyHost?: boolean;
  /** Called when a page failed: the client gets a 500 without the reason. */
  readonly onBug: (error: unknown) => void;
  readonly limits?: Partial<StatusLimits>;
  /** Called when a client reaches a limit. */
  readonly onLimit?: (limit: 'status_connections' | 'status_request') => void;
}

/** Limits for clients (S1): only Prometheus, kubelet and a person are expected. */
export interface StatusLimits {
  readonly connections: number;
  /** Line and headers together. */
  readonly headerOctets: number;
  /** How long a client may take to send a request, and to read a response. */
  readonly request: Milliseconds;
  /** How long a connection may be idle: longer than Prometheus' usual interval, so that it keeps its connection. */
  readonly idle: Milliseconds;
}

export interface StatusServer {
  /** The address that it listens on, with the port that the kernel chose. */
  readonly address: Endpoint;
  /** Closes every connection; a scrape that is still being sent is cut. */
  close(): Promise<void>;
}

const DEFAULT_LIMITS: StatusLimits = {
  connections: 32,
  headerOctets: 8_192,
  request: 5_000,
  idle: 75_000,
};

/** How late an exceeded time limit may be noticed. With Node's default of 30 s there would be no real limit. */
const TIMEOUT_RESOLUTION: Milliseconds = 1_000;

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/**
 * Serves metrics and health over HTTP: `/metrics`, `/ready`, `/healthz`, and at `/` the page for people, or a list of
 * the others.
 *
 * @throws {Error} When the address cannot be bound; it names the address and the reason.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const serving = servingOf(options);
  const { onLimit = () => undefined } = options;
  const server = createServer(
    {
      maxHeaderSize: limits.headerOctets,
      headersTimeout: limits.request,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: Math.min(TIMEOUT_RESOLUTION, limits.request),
    },
    (request, response) => {
      const socket: unknown = request.socket;
      response.once('close', () => {
        if (socket instanceof OneRequest) socket.release();
      });
      if (hasBody(request)) onLimit('status_request');
      void respond(request, response, serving).catch((error: unknown) => {
        options.onBug(error);
        send(response, { status: 500, type: TEXT_TYPE, body: 'internal error\n' });
      });
    },
  );
  const [serve] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket) =>
    serve?.call(server, new OneRequest(socket) as unknown as Socket),
  );
  server.maxConnections = limits.connections;
  server.on('drop', () => onLimit('status_connections'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (TOO_MUCH.has(error.code ?? '')) onLimit('status_request');
    // The same answer as Node's, which sends none if there is a listener.
    if (socket.writable) socket.write(answerTo(error.code));
    socket.destroy();
  });
  // Also for a client that asks and does not read: its socket is idle as well.
  server.timeout = limits.request;
  await listen(server, options.address);
  return { address: boundTo(server, options.address), close: () => close(server) };
}

/** The response to a path. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  /** In addition to the headers of every page. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a page when it is asked for. */
export type PageOf = (request: IncomingMessage) => Page | Promise<Page>;
type Pages = ReadonlyMap<string, PageOf>;

/** What the server needs to answer requests. */
interface Serving {
  /** Pages for programs, served to every client. */
  readonly open: Pages;
  readonly pages: Pages;
  readonly pagesFor: (request: IncomingMessage) => boolean;
  /** Whether the server may be addressed by the name that the request uses. */
  readonly mayCall: (request: IncomingMessage) => boolean;
}

function servingOf(options: StatusServerOptions): Serving {
  const { version, ready, address, pages = new Map(), pagesFor = () => true } = options;
  const exposition = sharedExposition(options.exposition, monotonicClock);
  // One copy for all clients that share a rendering, however slowly they read (S1).
  const octets = new WeakMap<Rendering, Uint8Array>();
  const checksHost = isLoopback(address.address) && options.anyHost !== true;
  const open = new Map<string, PageOf>([
    ['/', () => ({ status: 200, type: TEXT_TYPE, body: `sidestub ${version}\n${INDEX}` })],
    ['/healthz', () => ({ status: 200, type: TEXT_TYPE, body: 'ok\n' })],
    [
      '/ready',
      () => {
        const reasons = ready();
        const status = reasons.length === 0 ? 200 : 503;
        const body = `${JSON.stringify({ ready: status === 200, reasons, version })}\n`;
        return { status, type: JSON_TYPE, body };
      },
    ],
    [
      '/metrics',
      async ({ headers }: IncomingMessage) => {
        const rendering = await exposition.render(headers.accept);
        const body = octets.get(rendering) ?? Buffer.from(rendering.body);
        octets.set(rendering, body);
        return { status: 200, type: rendering.contentType, body };
      },
    ],
  ]);
  return { open, pages, pagesFor, mayCall: (request) => !checksHost || callsByAddress(request) };
}

const INDEX = `
/metrics  Prometheus text format, or OpenMetrics to those who accept it
/ready    200 when names can be looked up, else 503 with the reasons
/healthz  200 while the process answers at all
`;

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { open, pages, pagesFor, mayCall }: Serving,
): Promise<void> {
  const { method } = request;
  if (hasBody(request)) {
    // No request here has a body; if one was read to its end, its sender could keep the connection open.
    response.setHeader('connection', 'close');
    send(response, { status: 413, type: TEXT_TYPE, body: 'no request body here\n' });
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, { status: 405, type: TEXT_TYPE, body: 'GET and HEAD only\n' });
    return;
  }
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  if (!mayCall(request)) {
    send(response, WRONG_HOST);
    return;
  }
  const page = (pagesFor(request) ? pages.get(path) : undefined) ?? open.get(path);
  if (page === undefined) {
    send(response, { status: 404, type: TEXT_TYPE, body: 'no such page; see /\n' });
    return;
  }
  send(response, await page(request));
}

/** RFC 9110 §15.5.20. */
export const WRONG_HOST: Page = {
  status: 421,
  type: TEXT_TYPE,
  body: 'this server answers to localhost or an address; status.page: on lets it answer to any name\n',
};

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Node's error codes for a request that is too large or too slow. */
const TOO_MUCH: ReadonlySet<string> = new Set([
  'HPE_HEADER_OVERFLOW',
  'HPE_CHUNK_EXTENSIONS_OVERFLOW',
  'ERR_HTTP_REQUEST_TIMEOUT',
]);

function answerTo(code: string | undefined): string {
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`;
}

function send(response: ServerResponse, { status, type, body, headers = {} }: Page): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

async function listen(server: Server, address: Endpoint): Promise<void> {
  try {
    listenAt(server, address);
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Error(`status server ${formatEndpoint(address)}: ${reason}`, {
      cause: error,
    });
  }
}

function boundTo(server: Server, { address, port }: Endpoint): Endpoint {
  const bound = server.address();
  return { address, port: typeof bound === 'object' && bound !== null ? bound.port : port };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
