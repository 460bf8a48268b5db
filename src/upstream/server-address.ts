import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts';
import type { Authentication } from './authentication.ts';
import { hostName, pin, splitBefore, UrlParameters, writeParameters } from './url-parameters.ts';

/** Where an upstream server listens, and how it is asked first. */
export type ServerAddress = PlainAddress | TlsAddress | HttpsAddress;

interface NamedEndpoint {
  readonly endpoint: Endpoint;
  /**
   * The URL in one spelling, port included, with `***` for what may be a secret: for logs and for the metric label
   * `upstream`.
   */
  readonly name: string;
}

/** A server that is asked in clear text. */
export interface PlainAddress extends NamedEndpoint {
  readonly transport: 'udp' | 'tcp';
}

/** A server that is trusted only after authentication (U5). */
export interface SecureAddress extends NamedEndpoint {
  readonly authentication: Authentication;
  /** The name for SNI, if there is one; never an address (RFC 6066 §3). */
  readonly serverName: string | undefined;
}

/** DNS over TLS. @see RFC 7858 */
export interface TlsAddress extends SecureAddress {
  readonly transport: 'tls';
}

/** DNS over HTTPS. @see RFC 8484 */
export interface HttpsAddress extends SecureAddress {
  readonly transport: 'https';
  /** `https://dns.example`, with a port that is not 443. */
  readonly origin: string;
  /** Begins with a slash, and may hold a secret: sent to the server only. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
}

/**
 * Parses an upstream URL: `udp://10.96.0.10`, `tcp://[fd00::a]:5353`, `tls://10.0.0.1?name=dns.example&ca=FILE`,
 * `https://dns.example/dns-query?bootstrap=10.0.0.1`, or a bare address, which is `udp://`.
 *
 * Every server has an address in its URL: to look one up, a resolver would be needed first.
 *
 * @throws {Error} If it is not valid; the message quotes the text without its secrets.
 */
export function parseServerAddress(text: string): ServerAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  const rest = scheme === undefined ? text : text.slice(`${scheme}://`.length);
  switch (scheme?.toLowerCase()) {
    case undefined:
    case 'udp':
      return plainAddress('udp', rest, text);
    case 'tcp':
      return plainAddress('tcp', rest, text);
    case 'tls':
      return tlsAddress(rest, text);
    case 'https':
      return httpsAddress(rest);
    default:
      throw new Error(
        `upstream has an unknown scheme, not udp://, tcp://, tls:// or https://: ${text}`,
      );
  }
}

/** RFC 1035 §4.2. */
const DNS_PORT = 53;
/** RFC 7858 §3.1. */
const TLS_PORT = 853;
/** RFC 9110 §4.2.2. */
const HTTPS_PORT = 443;

function plainAddress(transport: 'udp' | 'tcp', rest: string, text: string): PlainAddress {
  const endpoint = endpointIn(rest, DNS_PORT);
  if (endpoint === undefined) throw noAddress(text);
  return { transport, endpoint, name: `${transport}://${formatEndpoint(endpoint)}` };
}

function tlsAddress(rest: string, text: string): TlsAddress {
  const [before, query] = splitBefore(rest, '?');
  const endpoint = endpointIn(before, TLS_PORT);
  if (endpoint === undefined) throw noAddress(text);
  const base = `tls://${formatEndpoint(endpoint)}`;
  const given = new UrlParameters(base, query.slice(1), ['name', 'ca', 'pin']);
  const serverName = given.one('name', hostName);
  const ca = given.one('ca', String);
  const pins = given.all('pin', pin);
  return {
    transport: 'tls',
    endpoint,
    name: base + writeParameters({ name: serverName, ca, pin: pins.map(shownPin) }),
    authentication: authentication(serverName, endpoint.address, ca, pins),
    serverName,
  };
}

function httpsAddress(rest: string): HttpsAddress {
  const [before, query] = splitBefore(rest, '?');
  const [authority, path] = splitBefore(before, '/');
  const host: Host = endpointIn(authority, HTTPS_PORT) ?? namedHost(authority);
  const { port } = host;
  const shownHost = host.name === undefined ? formatEndpoint(host) : `${host.name}:${port}`;
  const base = `https://${shownHost}${shownPath(path)}`;
  checkPath(path, base);
  const given = new UrlParameters(base, query.slice(1), ['ca', 'pin', 'method', 'bootstrap']);
  const ca = given.one('ca', String);
  const pins = given.all('pin', pin);
  const method = given.one('method', readMethod);
  const bootstrap = given.one('bootstrap', readAddress);
  const address = onlyOne(host.address, bootstrap, base);
  return {
    transport: 'https',
    endpoint: { address, port },
    name:
      base +
      writeParameters({ ca, pin: pins.map(shownPin), method: method?.toLowerCase(), bootstrap }),
    authentication: authentication(host.name, address, ca, pins),
    serverName: host.name,
    origin: `https://${shownHost.replace(/:443$/, '')}`,
    path,
    method: method ?? 'POST',
  };
}

/** The part before the path of an https:// URL. */
type Host = (Endpoint & { readonly name?: undefined }) | NamedHost;

interface NamedHost {
  readonly name: string;
  readonly port: number;
  readonly address?: undefined;
}

/**
 * A pin on its own is the key of one server, whatever its certificate says; beside a name or a CA it is a further
 * proof.
 */
function authentication(
  name: string | undefined,
  address: string,
  caFile: string | undefined,
  pins: readonly string[],
): Authentication {
  const byKeyAlone = name === undefined && caFile === undefined && pins.length > 0;
  // A certificate does not name the interface that leads to the server.
  const identity = byKeyAlone ? undefined : (name ?? address.replace(/%.*/, ''));
  return { identity, caFile, pins };
}

function endpointIn(text: string, defaultPort: number): Endpoint | undefined {
  const endpoint = parseEndpoint(text, defaultPort);
  return endpoint?.port === 0 ? undefined : endpoint;
}

function noAddress(text: string): Error {
  return new Error(`upstream is not an address with an optional port: ${text}`);
}

/** The address is in the URL or in `bootstrap`: looking one up could lead back to us. */
function onlyOne(literal: string | undefined, bootstrap: string | undefined, base: string): string {
  if (literal !== undefined && bootstrap !== undefined) {
    throw new Error(`upstream has an address, and needs no bootstrap: ${base}`);
  }
  const address = literal ?? bootstrap;
  if (address !== undefined) return address;
  throw new Error(`upstream needs bootstrap=ADDRESS, the address of its host: ${base}`);
}

function checkPath(path: string, base: string): void {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[#{}"<>\\^`|,]/.test(path)) {
    throw new Error(`upstream without a path such as /dns-query: ${base}`);
  }
  // Otherwise a name copied from a log would request a path that does not exist.
  if (path.includes(SECRET)) throw new Error(`upstream with a path that is not shown: ${base}`);
}

function namedHost(authority: string): NamedHost {
  // The part before an @ may hold a password, so it is not shown.
  if (authority.includes('@')) {
    throw new Error('upstream with a user name is not supported: https://***@');
  }
  const [host, rest] = splitBefore(authority, ':');
  const port = rest === '' ? HTTPS_PORT : Number(/^:(\d{1,5})$/.exec(rest)?.[1]);
  try {
    if (port > 0 && port <= 0xffff) return { name: hostName(host), port };
  } catch {
    // The error below names the port too.
  }
  throw new Error(`upstream without a host and an optional port: https://${authority}`);
}

function shownPin(base64: string): string {
  return `sha256/${base64}`;
}

const SECRET = '***';

/** A path may hold a customer's token: any segment but the usual one is hidden. */
function shownPath(path: string): string {
  return path.replace(/[^/]+/g, (segment) => (segment === 'dns-query' ? segment : SECRET));
}

function readMethod(written: string): HttpsAddress['method'] {
  if (/^get$/i.test(written)) return 'GET';
  if (/^post$/i.test(written)) return 'POST';
  throw new Error('not get or post');
}

function readAddress(written: string): string {
  const endpoint = parseEndpoint(written, HTTPS_PORT);
  if (endpoint?.address !== written) throw new Error('not an address');
  return written;
}
