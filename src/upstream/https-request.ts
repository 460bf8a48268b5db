import type { Milliseconds } from '../clock.ts';

/** One HTTP request. */
export interface HttpsRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Aborted when the response is no longer needed. */
  readonly signal: AbortSignal;
}

export interface HttpsResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** HTTP over one open connection. */
export interface HttpSession {
  /** How many requests may be out at once. */
  readonly places: number;
  /**
   * Sends the request once. Settles when its place is free again.
   *
   * @throws {RequestLost} If no whole response came.
   */
  request(request: HttpsRequest): Promise<HttpsResponse>;
  /** Fails the requests in flight. The caller destroys the socket. */
  destroy(): void;
}

/** A request that got no answer because of its connection or its server; the next one may be answered. */
export class RequestLost extends Error {
  override readonly name = 'RequestLost';
  /** An error code of Node or undici: `ERR_HTTP2_STREAM_ERROR`, `ECONNRESET`, `UND_ERR_SOCKET`. */
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(code, { cause });
    this.code = code;
  }
}

/**
 * A {@link RequestLost} with the code of Node's or undici's error; an error without a code means that the connection
 * was closed.
 */
export function requestLost(cause: unknown): RequestLost {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'ECONNRESET';
  return new RequestLost(code, cause);
}

/** RFC 8484 §6. */
export const MAX_MESSAGE_OCTETS = 65_535;
/** S1: what a response may say beside its body; DoH servers say a few hundred octets. */
export const MAX_HEADER_OCTETS = 16_384;
/** As over TCP: shorter than the idle timeouts of servers. */
export const IDLE: Milliseconds = 5_000;
/** How long a closing connection waits for the requests in flight: U2's deadline. */
export const GRACE: Milliseconds = 4_500;
