import type { TLSSocket } from 'node:tls';
import {
  type HttpSession,
  type HttpsResponse,
  IDLE,
  MAX_HEADER_OCTETS,
  MAX_MESSAGE_OCTETS,
  RequestLost,
  requestLost,
} from './https-request.ts';

/**
 * HTTP/1.1 over one connection: one request at a time. An aborted request ends the connection.
 *
 * undici is loaded only here, since it costs time and memory and is rarely needed: most DoH servers speak HTTP/2.
 */
export async function http1Session(origin: string, socket: TLSSocket): Promise<HttpSession> {
  const { Client } = await import('undici');
  let unused: TLSSocket | undefined = socket;
  const client = new Client(origin, {
    // undici connects at the first request, and again when the connection is gone. Here it gets this one socket:
    // whether and where a request is sent again is up to the caller.
    connect: (_options, callback) => {
      const given = unused;
      unused = undefined;
      // In a microtask: undici does not go on if it is called back before `connect` returns.
      queueMicrotask(() => {
        if (given === undefined) callback(new RequestLost('ECONNRESET'), null);
        else callback(null, given);
      });
    },
    allowH2: false,
    // Pipelined requests would wait for each other, and be lost together.
    pipelining: 1,
    // Each question has a deadline of its own, which aborts it.
    headersTimeout: 0,
    bodyTimeout: 0,
    // `HttpsConnection` closes an idle connection after the same time; a server's `Keep-Alive: timeout` may end it sooner.
    keepAliveTimeout: IDLE,
    keepAliveMaxTimeout: IDLE,
    maxHeaderSize: MAX_HEADER_OCTETS,
    maxResponseSize: MAX_MESSAGE_OCTETS,
  });
  return {
    places: 1,
    request: async ({ method, path, headers, body = null, signal }): Promise<HttpsResponse> => {
      try {
        const response = await client.request({ method, path, headers, body, signal });
        const { statusCode } = response;
        return { statusCode, headers: response.headers, body: await response.body.bytes() };
      } catch (error) {
        throw requestLost(error);
      }
    },
    destroy: () => void client.destroy(),
  };
}
