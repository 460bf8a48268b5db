import type { HttpsClient } from '../../src/upstream/https-client.ts';
import type { Connect } from '../../src/upstream/https-exchange.ts';
import {
  type HttpsRequest,
  type HttpsResponse,
  RequestLost,
} from '../../src/upstream/https-request.ts';
import type { Message } from '../../src/wire/message.ts';
import { settle } from '../support/hand-clock.ts';
import { responseOctets } from '../support/messages.ts';

/** An HTTP client whose server is the test. */
export class ScriptedClient implements HttpsClient {
  readonly requests: ScriptedRequest[] = [];
  isClosed = false;
  isDestroyed = false;

  request(options: HttpsRequest): Promise<HttpsResponse> {
    const request = new ScriptedRequest(options);
    this.requests.push(request);
    return request.response;
  }

  close(): void {
    this.isClosed = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  /** @throws {Error} If there was no such request. */
  nth(index: number): ScriptedRequest {
    const request = this.requests[index];
    if (request === undefined) throw new Error(`no request: ${index}`);
    return request;
  }
}

/** One request that is out. */
export class ScriptedRequest {
  readonly options: HttpsRequest;
  private readonly settled = Promise.withResolvers<HttpsResponse>();

  constructor(options: HttpsRequest) {
    this.options = options;
  }

  get response(): Promise<HttpsResponse> {
    return this.settled.promise;
  }

  /** The octets that were posted. */
  get query(): Uint8Array {
    if (!(this.options.body instanceof Uint8Array)) throw new Error('no body');
    return this.options.body;
  }

  get isAborted(): boolean {
    return this.options.signal.aborted;
  }

  /** Resolves when the answer has been taken. */
  async answer(word: Message, parts: { status?: number; headers?: HttpsResponse['headers'] } = {}) {
    await this.answerWith(responseOctets(this.query, word), parts);
  }

  async answerWith(
    octets: Uint8Array,
    { status = 200, headers = {} }: { status?: number; headers?: HttpsResponse['headers'] } = {},
  ) {
    this.settled.resolve({
      statusCode: status,
      headers: { 'content-type': 'application/dns-message', ...headers },
      body: octets,
    });
    await settle();
  }

  /** It was sent, and its response never came. */
  async lose(code = 'ERR_HTTP2_STREAM_ERROR') {
    await this.failWith(new RequestLost(code));
  }

  /** As Node says what went wrong. */
  async fail(code: string) {
    await this.failWith(Object.assign(new Error('scripted'), { code }));
  }

  async failWith(error: unknown) {
    this.settled.reject(error);
    await settle();
  }
}

/** Clients as they are asked for. */
export function scriptedConnect() {
  const clients: ScriptedClient[] = [];
  const origins: string[] = [];
  const connect: Connect = (origin) => {
    const client = new ScriptedClient();
    clients.push(client);
    origins.push(origin);
    return client;
  };
  return { clients, origins, connect };
}
