import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts';

/** Where an upstream server listens, and how it is asked first. */
export interface ServerAddress {
  readonly transport: 'udp' | 'tcp';
  readonly endpoint: Endpoint;
  /** The URL in one spelling, port included: what logs say and the metric label `upstream` holds. */
  readonly name: string;
}

/**
 * Reads an upstream URL: `udp://10.96.0.10`, `tcp://[fd00::a]:5353`, or a bare address, which is `udp://`.
 *
 * Only addresses: a server that had to be looked up would need the resolver that it is for.
 *
 * @throws {Error} If it is none, with a message that names the text.
 */
export function parseServerAddress(text: string): ServerAddress {
  const [, scheme = 'udp', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
  const transport = transportOf(scheme.toLowerCase(), text);
  const endpoint = parseEndpoint(rest, DNS_PORT);
  if (endpoint === undefined || endpoint.port === 0) {
    throw new Error(`upstream is not an address with an optional port: ${text}`);
  }
  return { transport, endpoint, name: `${transport}://${formatEndpoint(endpoint)}` };
}

/** RFC 1035 §4.2. */
const DNS_PORT = 53;

function transportOf(scheme: string, text: string): ServerAddress['transport'] {
  switch (scheme) {
    case 'udp':
    case 'tcp':
      return scheme;
    case 'tls':
    case 'https':
      throw new Error(`upstream over ${scheme} is not supported yet: ${text}`);
    default:
      throw new Error(`upstream has an unknown scheme, not udp:// or tcp://: ${text}`);
  }
}
