import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Message } from '../../src/wire/message.ts';
import { responseOctets } from '../support/messages.ts';
import type { Identity, Owner } from './certificates.ts';
import { truth } from './doh-transport.ts';

/** A request as it came. */
export interface Asked {
  readonly query: Buffer;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Its connection's number, from 0. */
  readonly connection: number;
}

export type OnRequest = (asked: Asked, response: ServerResponse) => void;

export function answer(
  response: ServerResponse,
  query: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  word: Message = truth,
): void {
  response.writeHead(200, { 'content-type': 'application/dns-message', ...headers });
  response.end(responseOctets(query, word));
}

/** A DoH server on the loopback that speaks HTTP/1.1 only. */
export async function http1Server(
  t: Owner,
  { key, cert }: Pick<Identity, 'key' | 'cert'>,
  onRequest: OnRequest = ({ query }, response) => answer(response, query),
  options: ServerOptions = {},
) {
  const asked: Asked[] = [];
  const connections: TLSSocket[] = [];
  const resumed: boolean[] = [];
  const server = createServer({ key, cert, ...options }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', method = '', headers } = request;
      const dns = new URL(path, 'https://x').searchParams.get('dns');
      const query = dns === null ? Buffer.concat(chunks) : Buffer.from(dns, 'base64url');
      const connection = connections.indexOf(request.socket as TLSSocket);
      const one = { query, method, path, headers, connection };
      asked.push(one);
      onRequest(one, response);
    });
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    connections.push(socket);
    resumed.push(socket.isSessionReused());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked, connections, resumed };
}
