import { UpstreamError, type UpstreamFailure } from './exchange.ts';

/** This machine has nothing left to open a socket with: nothing that the server has done (S1). */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/**
 * What a socket's error means to a question: ECONNREFUSED is a server's own word, given at once (U2); everything else
 * happened on the way. What is an {@link UpstreamError} already stays what it is.
 */
export function socketError(transport: string, name: string, error: Error): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const code = 'code' in error ? String(error.code) : error.message;
  return new UpstreamError(reasonOf(code), `${transport} socket to ${name}: ${code}`);
}

function reasonOf(code: string): UpstreamFailure {
  if (code === 'ECONNREFUSED') return 'refused';
  return EXHAUSTED.has(code) ? 'full' : 'network';
}
