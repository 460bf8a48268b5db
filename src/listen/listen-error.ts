import type { Endpoint } from '../endpoint.ts';
import { formatEndpoint } from '../endpoint.ts';

/** An address that cannot be listened on; its message says why, and for a privileged port what permits it (S3). */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** As `bind` failed: `EADDRINUSE`. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

const THREE_WAYS = [
  'set the sysctl net.ipv4.ip_unprivileged_port_start=53 for the pod (a safe sysctl since Kubernetes 1.22)',
  'give the process CAP_NET_BIND_SERVICE',
  'listen on a port above 1023: --listen 127.0.0.1:5353',
];

export function listenError(
  endpoint: Endpoint,
  transport: string,
  error: NodeJS.ErrnoException,
): ListenError {
  const place = `listen ${transport} ${formatEndpoint(endpoint)}`;
  if (error.code === 'EACCES') {
    const ways = THREE_WAYS.map((way) => `\n  - ${way}`).join('');
    return new ListenError(`${place}: not permitted; any of these permits it:${ways}`, error.code);
  }
  if (error.code === 'EADDRINUSE')
    return new ListenError(`${place}: already in use by another process`, error.code);
  if (error.code === 'EADDRNOTAVAIL')
    return new ListenError(`${place}: no interface has this address`, error.code);
  return new ListenError(`${place}: ${error.message}`, error.code);
}
