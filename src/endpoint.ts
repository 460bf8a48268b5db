import { isIPv4, isIPv6 } from 'node:net';

/** An address and port; IPv6 may carry a zone (`fe80::1%eth0`). */
export interface Endpoint {
  /** Never a host name: nothing in the program looks a name up to find its own servers. */
  readonly address: string;
  readonly port: number;
}

/**
 * Parses `10.96.0.10`, `10.96.0.10:53`, `::1`, `[::1]` or `[::1]:53`.
 *
 * @returns `undefined` for anything else.
 */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  // Only what may be IPv6 is tested for it: the first test is slow (see isIpv6Address).
  const isBareIpv6 = text.indexOf(':') !== text.lastIndexOf(':') && !text.startsWith('[');
  if (isBareIpv6) return isIPv6(text) ? { address: text, port: defaultPort } : undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = digits === undefined ? defaultPort : Number(digits);
  // Brackets are for IPv6 only, and required if a port follows.
  const isAddress = bracketed === undefined ? isIPv4(plain ?? '') : isIPv6(bracketed);
  if (!isAddress || port > 0xffff) return undefined;
  return { address: bracketed ?? plain ?? '', port };
}

/** The form that {@link parseEndpoint} reads. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether a valid address is IPv6. Node's own test uses a regular expression that takes 7 ms the first time. */
export function isIpv6Address(address: string): boolean {
  return address.includes(':');
}
