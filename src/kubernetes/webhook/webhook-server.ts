import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { InjectionOptions } from '../inject/inject-pod.ts';
import {
  type AdmissionRequest,
  ReviewError,
  readReview,
  renderReview,
} from './admission-review.ts';
import { answerReview, failedOpen, type Verdict } from './answer-review.ts';
import { BodyBudget } from './body-budget.ts';
import type { Certificate } from './certificate.ts';
import { ClientConnections } from './client-connections.ts';
import { RequestError, readBody } from './request-body.ts';
import type { WebhookMetrics } from './webhook-metrics.ts';

export interface WebhookServerOptions {
  /** Port 0 leaves the choice to the kernel. */
  readonly address: { readonly address: string; readonly port: number };
  readonly certificate: Certificate;
  readonly injection: InjectionOptions;
  readonly metrics: WebhookMetrics;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Called for each review that was answered. */
  readonly onReview?: (request: AdmissionRequest, verdict: Verdict) => void;
  /** Called on an error; the pod is created anyway. */
  readonly onBug: (error: unknown) => void;
  readonly limits?: Partial<WebhookLimits>;
}

/** What bounds the clients (S1): a few API servers. */
export interface WebhookLimits {
  readonly connections: number;
  /** Of a request's body: etcd takes objects up to 1.5 MiB, and a review has the object once or twice. */
  readonly bodyOctets: number;
  /** Of all bodies that are still arriving: a review is some 20 KiB and arrives within milliseconds. */
  readonly allBodyOctets: number;
  /**
   * Milliseconds for a TLS handshake, and for a request to arrive whole; the API server itself waits 5 s
   * (k8s/injector).
   */
  readonly request: number;
  /** Milliseconds for the next request on a connection: Go's client keeps its own for 90 s. */
  readonly idle: number;
}

const DEFAULT_LIMITS: WebhookLimits = {
  connections: 512,
  bodyOctets: 3 * 2 ** 20,
  allBodyOctets: 16 * 2 ** 20,
  request: 5_000,
  idle: 95_000,
};

export interface WebhookServer {
  /** With the port that the kernel chose. */
  readonly port: number;
  /** Used for new connections. */
  setCertificate(certificate: Certificate): void;
  /**
   * Accepts no more connections, answers requests in flight, and ends.
   *
   * @param grace - Milliseconds after which the remaining requests are cut.
   * @returns How many requests were cut.
   */
  stop(grace: number): Promise<number>;
}

/** Where the API server sends its reviews. */
const REVIEW_PATH = '/inject';

/**
 * Serves reviews over HTTPS.
 *
 * It fails open: on any error, the pod is created without sidestub. That is the meaning of `failurePolicy: Ignore`, and
 * our own errors are answered in the same way.
 *
 * @throws {Error} When the address cannot be bound.
 */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { metrics, certificate, address } = options;
  const inFlight = new Set<ServerResponse>();
  let notAfter = certificate.notAfter;
  metrics.inFlight.readBy(() => inFlight.size);
  metrics.notAfter.readBy(() => notAfter / 1_000);
  const budget = new BodyBudget(limits.allBodyOctets);
  const connections = new ClientConnections(limits.connections);
  const server = createServer(
    {
      cert: certificate.cert,
      key: certificate.key,
      minVersion: 'TLSv1.2',
      handshakeTimeout: limits.request,
      headersTimeout: limits.request,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      // Node checks every 30 s by default, which would be no limit.
      connectionsCheckingInterval: Math.min(1_000, limits.request),
    },
    (request, response) => {
      const { socket } = request;
      inFlight.add(response);
      connections.change(socket, 'busy');
      response.once('close', () => {
        inFlight.delete(response);
        connections.change(socket, 'idle');
      });
      void respond(request, response, { ...options, budget, bodyOctets: limits.bodyOctets });
    },
  );
  server.on('connection', (socket) => connections.add(socket));
  server.on('secureConnection', (socket) => connections.change(socket, 'idle'));
  server.on('clientError', (_, socket) => {
    metrics.rejections.add('client');
    socket.destroy();
  });
  server.on('tlsClientError', () => metrics.rejections.add('client'));
  server.listen({ host: address.address, port: address.port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (next) => {
      notAfter = next.notAfter;
      server.setSecureContext({ cert: next.cert, key: next.key, minVersion: 'TLSv1.2' });
    },
    stop: (grace) => stop(server, grace, inFlight),
  };
}

type Serving = WebhookServerOptions &
  Pick<WebhookLimits, 'bodyOctets'> & { readonly budget: BodyBudget };

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  serving: Serving,
): Promise<void> {
  const { metrics, onBug } = serving;
  try {
    const { bodyOctets: maxOctets, budget } = serving;
    const body = await readBody(request, { path: REVIEW_PATH, maxOctets, budget });
    send(response, 200, review(body, serving), 'application/json');
  } catch (error) {
    if (error instanceof RequestError) {
      metrics.rejections.add(error.reason);
      reject(response, error.status, error.message);
    } else if (error instanceof ReviewError) {
      metrics.rejections.add('malformed');
      reject(response, 400, error.message);
    } else {
      onBug(error);
      metrics.bugs.add();
      reject(response, 500, 'internal error');
    }
  }
}

function review(body: string, { injection, metrics, now, onReview, onBug }: Serving): string {
  const start = now();
  const request = readReview(body);
  let verdict: Verdict;
  try {
    verdict = answerReview(request, injection);
  } catch (error) {
    onBug(error);
    metrics.bugs.add();
    verdict = failedOpen;
  }
  const text = renderReview(request.uid, verdict);
  metrics.reviews.add(verdict.outcome);
  metrics.latency.observe(verdict.outcome, (now() - start) / 1_000);
  onReview?.(request, verdict);
  return text;
}

/** The rest of the request is not read, so that its sender cannot keep the connection open with it. */
function reject(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader('connection', 'close');
  send(response, status, `${message}\n`, 'text/plain; charset=utf-8');
}

function send(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function stop(
  server: Server,
  grace: number,
  inFlight: ReadonlySet<ServerResponse>,
): Promise<number> {
  const closed = once(server, 'close');
  // Node closes the connections that are idle now. One that is answered later must not be kept, or the shutdown would
  // wait for its idle timeout.
  for (const response of inFlight) response.shouldKeepAlive = false;
  server.close();
  let abandoned = 0;
  const cut = setTimeout(() => {
    abandoned = inFlight.size;
    server.closeAllConnections();
  }, grace);
  await closed;
  clearTimeout(cut);
  return abandoned;
}
