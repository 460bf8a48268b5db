import { UpstreamError } from './exchange.ts';

/**
 * What a socket's error means to a question: ECONNREFUSED is a server's own word, given at once (U2); everything else
 * happened on the way. What is an {@link UpstreamError} already stays what it is.
 */
export function socketError(transport: string, name: string, error: Error): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const code = 'code' in error ? String(error.code) : error.message;
  const reason = code === 'ECONNREFUSED' ? 'refused' : 'network';
  return new UpstreamError(reason, `${transport} socket to ${name}: ${code}`);
}
