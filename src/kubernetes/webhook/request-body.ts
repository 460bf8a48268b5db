import type { IncomingMessage } from 'node:http';
import type { Rejection } from './webhook-metrics.ts';

/** A request that is not what the server is for. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly reason: Rejection;

  constructor(status: number, reason: Rejection, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface BodyOptions {
  readonly path: string;
  readonly maxOctets: number;
}

/**
 * The body of a POST of JSON, once it is here whole.
 *
 * @throws {RequestError} For another request, for a body that is too large, and when the client goes away.
 */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<string> {
  const { path, maxOctets } = options;
  const [asked] = (request.url ?? '/').split('?', 1);
  if (asked !== path) throw new RequestError(404, 'path', `reviews go to ${path}`);
  if (request.method !== 'POST') throw new RequestError(405, 'method', 'POST only');
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new RequestError(415, 'type', 'application/json only');
  const tooLarge = new RequestError(413, 'size', `at most ${maxOctets} octets`);
  if (Number(request.headers['content-length'] ?? 0) > maxOctets) throw tooLarge;
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    // Not destroyed when we stop reading: the refusal still has to go out.
    for await (const chunk of request.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > maxOctets) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    throw new RequestError(400, 'client', 'the request did not come whole');
  }
  return Buffer.concat(chunks).toString('utf8');
}
