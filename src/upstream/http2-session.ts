import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import {
  type HttpSession,
  type HttpsRequest,
  type HttpsResponse,
  MAX_HEADER_OCTETS,
  MAX_MESSAGE_OCTETS,
  requestLost,
} from './https-request.ts';

/**
 * HTTP/2 over one connection.
 *
 * @param onRetire - Called when it takes no more requests; those in flight may still be answered.
 */
export function http2Session(origin: string, socket: TLSSocket, onRetire: () => void): HttpSession {
  // Loaded here, and not above: it takes 5 ms, and few configurations use HTTPS.
  const { connect } = process.getBuiltinModule('node:http2');
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, maxHeaderListSize: MAX_HEADER_OCTETS },
  });
  let problem: unknown;
  session.on('error', (error) => {
    problem = error;
  });
  // RFC 9113 §6.8: requests that it has accepted may still be answered.
  session.on('goaway', onRetire);
  session.on('close', onRetire);
  return {
    places: Number.POSITIVE_INFINITY,
    request: (request) => ask(session, request, () => problem),
    destroy: () => session.destroy(),
  };
}

/** RFC 9113 §7: CANCEL. `node:http2` is not loaded for its constants alone. */
const CANCEL = 8;

/** Settles when the stream is closed: its place on the connection is taken until then. */
async function ask(
  session: ClientHttp2Session,
  { method, path, headers, body, signal }: HttpsRequest,
  sessionProblem: () => unknown,
): Promise<HttpsResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpsResponse>();
  let stream: ClientHttp2Stream;
  try {
    const pseudo = { ':method': method, ':path': path };
    stream = session.request({ ...pseudo, ...headers }, { endStream: body === undefined });
  } catch (error) {
    throw requestLost(error);
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
    if (isWhole && response !== undefined && failure === undefined)
      resolve({ ...response, body: Buffer.concat(chunks) });
    else reject(requestLost(failure ?? sessionProblem()));
  });
  if (body !== undefined) stream.end(body);
  return promise;
}

/**
 * Resets a stream; one with a body, after the body's last octet.
 *
 * Node 26.10 loops forever on a stream that is closed and then destroyed before its body was sent: it sends empty DATA
 * frames (docs/decisions/009-doh-requests.md). So no body is cut here, and no stream is destroyed.
 */
function cancel(stream: ClientHttp2Stream): void {
  if (stream.writableFinished || stream.destroyed) stream.close(CANCEL);
  else stream.once('finish', () => stream.close(CANCEL));
}
