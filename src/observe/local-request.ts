import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';

/**
 * Whether a request addresses the server as `localhost` or by an IP address. Otherwise a web site could point a name of
 * its own to 127.0.0.1 and read this server's responses in its visitor's browser (DNS rebinding).
 */
export function callsByAddress({ headers: { host = '' } }: IncomingMessage): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

/** Whether a request comes from this machine or pod; `kubectl port-forward` does. */
export function isFromLoopback({ socket: { remoteAddress = '' } }: IncomingMessage): boolean {
  return isLoopback(remoteAddress.replace(/^::ffff:/i, ''));
}

/** @see RFC 1122 §3.2.1.3, RFC 4291 §2.5.3 */
export function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith('127.') : address === '::1';
}
