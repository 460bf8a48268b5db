import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What a server has to prove before it receives a question (U5, RFC 8310 §5: the strict profile). */
export interface Authentication {
  /**
   * The name or address that its certificate is for, below a CA that is trusted; `undefined` where its key alone
   * decides.
   */
  readonly identity: string | undefined;
  /** The file of the CA certificates that are trusted, in place of those that come with Node. */
  readonly caFile: string | undefined;
  /** SHA-256 of the keys that it may have, in base64; any key where there are none (RFC 7858 §4.2). */
  readonly pins: readonly string[];
}

/**
 * Why a server is not trusted, naming what it presented and what was expected; `undefined` if it is trusted.
 *
 * If both are configured, chain and key have to be right (RFC 8310 §8.1). A resumed session presents no certificate:
 * the holder of its secret was trusted when it began, and only such sessions may be offered (RFC 8446 §2.2).
 *
 * @param socket - After its handshake, made without Node's own checks of names.
 */
export function whyUntrusted(
  socket: Handshake,
  server: string,
  expected: Authentication,
): string | undefined {
  if (socket.isSessionReused()) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return `${server} showed no certificate`;
  const problem = chainProblem(socket, certificate, expected) ?? pinProblem(certificate, expected);
  if (problem === undefined) return undefined;
  const { subject, issuer, subjectAltName } = certificate;
  const names = subjectAltName === undefined ? '' : ` (${shown(subjectAltName)})`;
  const shows = `subject ${shown(subject)}${names}, issuer ${shown(issuer)}`;
  return `certificate of ${server} ${problem}: ${shows}; expected ${expectation(expected)}`;
}

/** What a socket knows of its peer. */
export type Handshake = Pick<
  TLSSocket,
  'isSessionReused' | 'getPeerX509Certificate' | 'authorized' | 'authorizationError'
>;

/** SHA-256 of the key's SubjectPublicKeyInfo, in base64 (RFC 7858 §4.2). */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(key).digest('base64');
}

function chainProblem(
  socket: Handshake,
  certificate: X509Certificate,
  { identity }: Authentication,
): string | undefined {
  if (identity === undefined) return undefined;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    if (code === 'CERT_HAS_EXPIRED')
      return `has expired, it was valid until ${certificate.validTo}`;
    return `is not trusted, ${code}`;
  }
  const matches =
    isIP(identity) === 0 ? certificate.checkHost(identity) : certificate.checkIP(identity);
  return matches === undefined ? 'is for another name' : undefined;
}

function pinProblem(certificate: X509Certificate, { pins }: Authentication): string | undefined {
  if (pins.length === 0) return undefined;
  const pin = pinOf(certificate);
  return pins.includes(pin) ? undefined : `has the key sha256/${pin}`;
}

function expectation({ identity, caFile, pins }: Authentication): string {
  const chain = `${identity}, issued by ${caFile === undefined ? 'a public CA' : `a CA in ${caFile}`}`;
  const keys = pins.map((pin) => `sha256/${pin}`).join(' or ');
  if (identity === undefined) return `the key ${keys}`;
  return pins.length === 0 ? chain : `${chain}, with the key ${keys}`;
}

/** A server can put anything into its names: one line of bounded length is enough. */
const MAX_SHOWN = 200;

function shown(names: string): string {
  const line = names.replaceAll('\n', ', ');
  return line.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, MAX_SHOWN);
}
