import { UpstreamError, type UpstreamFailure } from './exchange.ts';

/** This machine has nothing left to open a socket with: nothing that the server has done (S1). */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
/**
 * This machine did not let a datagram out: a firewall rule or a full conntrack table (EPERM), a full queue, no route at
 * the moment. It was never sent, so it says nothing of the server, and the next one may pass (U2, F5).
 */
const NOT_SENT: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'EAGAIN',
  'ENOBUFS',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/**
 * What a socket's error means to a question: ECONNREFUSED is the word of the server's machine, or of a firewall (U2);
 * everything else happened here or on the way. What is an {@link UpstreamError} already stays what it is.
 */
export function socketError(transport: string, name: string, error: Error): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const code = 'code' in error ? String(error.code) : error.message;
  return new UpstreamError(reasonOf(transport, code), `${transport} socket to ${name}: ${code}`);
}

function reasonOf(transport: string, code: string): UpstreamFailure {
  if (code === 'ECONNREFUSED') return 'refused';
  if (transport === 'udp' && NOT_SENT.has(code)) return 'local';
  return EXHAUSTED.has(code) ? 'full' : 'network';
}
