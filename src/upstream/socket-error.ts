import { UpstreamError, type UpstreamFailure } from './exchange.ts';

/** This machine cannot open another socket, which says nothing about the server (S1). */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
/**
 * This machine did not send a datagram: a firewall rule or a full conntrack table (EPERM), a full queue, no route at
 * the moment. It says nothing about the server, and the next one may be sent (U2, F5).
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
 * What a socket's error means for a question: ECONNREFUSED comes from the server's machine or a firewall (U2); every
 * other one happened here or on the way. An {@link UpstreamError} is returned as it is.
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
