import { isIP } from 'node:net';

/** An address and port; IPv6 may carry a zone (`fe80::1%eth0`). */
export interface Endpoint {
  /** Never a host name: nothing in the program looks a name up to find its own servers. */
  readonly address: string;
  readonly port: number;
}

/**
 * Reads `10.96.0.10`, `10.96.0.10:53`, `::1`, `[::1]` or `[::1]:53`.
 *
 * @returns `undefined` for anything else.
 */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  if (isIP(text) !== 0) return { address: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const family = isIP(bracketed ?? plain ?? '');
  const port = digits === undefined ? defaultPort : Number(digits);
  // Only IPv6 is written in brackets, and has to be where a port follows.
  if (family !== (bracketed === undefined ? 4 : 6) || port > 0xffff) return undefined;
  return { address: bracketed ?? plain ?? '', port };
}

/** The form that {@link parseEndpoint} reads. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
