import type { IncomingMessage } from 'node:http';
import type { BodyBudget } from './body-budget.ts';
import type { Rejection } from './webhook-metrics.ts';

/** A request that this server does not serve. */
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
  /** The memory that all bodies share. */
  readonly budget: BodyBudget;
}

/**
 * The body of a JSON POST, once it has arrived whole.
 *
 * @throws {RequestError} For another request, for a body that is too large, and when the client disconnects.
 */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<string> {
  const { path, maxOctets, budget } = options;
  checkHead(request, path);
  const tooLarge = new RequestError(413, 'size', `at most ${maxOctets} octets`);
  if (Number(request.headers['content-length'] ?? 0) > maxOctets) throw tooLarge;
  const chunks: Buffer[] = [];
  let octets = 0;
  let wasShed = false;
  const share = budget.begin(() => {
    wasShed = true;
    request.destroy();
  });
  try {
    // Not destroyed when we stop reading: the refusal still has to go out.
    for await (const chunk of request.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > maxOctets) throw tooLarge;
      chunks.push(chunk);
      share.take(chunk.length);
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    if (wasShed) throw new RequestError(503, 'size', 'too much is coming at a time');
    throw new RequestError(400, 'client', 'the request did not come whole');
  } finally {
    share.end();
  }
  return Buffer.concat(chunks).toString('utf8');
}

function checkHead({ url = '/', method, headers }: IncomingMessage, path: string): void {
  const [asked] = url.split('?', 1);
  if (asked !== path) throw new RequestError(404, 'path', `reviews go to ${path}`);
  if (method !== 'POST') throw new RequestError(405, 'method', 'POST only');
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new RequestError(415, 'type', 'application/json only');
}
