import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  der,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

/** A certificate with its key and the authority that vouches for it, PEM each. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

const DAY = 86_400_000;
/** A node's clock may be behind that of the pod which issues. */
const CLOCK_SKEW = 3_600_000;

/**
 * Makes a CA and a server certificate signed by it, on P-256. The CA's key is thrown away, so that it can never sign
 * another certificate.
 *
 * @param names - The DNS names of the server.
 * @see RFC 5280 §4.1, §4.2
 */
export function issueCertificate(names: readonly string[], now: Date, days: number): Issued {
  const validity = sequence(
    time(new Date(now.getTime() - CLOCK_SKEW)),
    time(new Date(now.getTime() + days * DAY)),
  );
  const authority = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const server = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const issuer = { name: 'sidestub injector authority', key: authority.publicKey };
  const own = { name: names[0] ?? '', key: server.publicKey };
  const sealed = (subject: Subject, extensions: readonly Buffer[]): string =>
    seal({ issuer, subject, validity, extensions }, authority.privateKey);
  return {
    authority: sealed(issuer, authorityExtensions(issuer.key)),
    certificate: sealed(own, serverExtensions(names, own.key, issuer.key)),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

interface Subject {
  readonly name: string;
  readonly key: KeyObject;
}

interface Contents {
  readonly issuer: Subject;
  readonly subject: Subject;
  readonly validity: Buffer;
  readonly extensions: readonly Buffer[];
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const VERSION_3 = der(0xa0, integer(Buffer.of(2)));

/** A certificate of these contents, signed. */
function seal({ issuer, subject, validity, extensions }: Contents, key: KeyObject): string {
  const contents = sequence(
    VERSION_3,
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer.name),
    validity,
    distinguishedName(subject.name),
    publicKey(subject.key),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', contents, key);
  const octets = sequence(contents, ECDSA_WITH_SHA256, bitString(signature));
  const lines = octets.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))));
}

function publicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/**
 * keyUsage: keyCertSign for the authority, digitalSignature for the server. The first octet of each counts its unused
 * bits.
 */
const MAY_SIGN_CERTIFICATES = der(0x03, Buffer.of(2, 0x04));
const MAY_SIGN = der(0x03, Buffer.of(7, 0x80));

function authorityExtensions(own: KeyObject): readonly Buffer[] {
  return [
    extension('2.5.29.19', sequence(boolean(true)), 'critical'),
    extension('2.5.29.15', MAY_SIGN_CERTIFICATES, 'critical'),
    extension('2.5.29.14', octetString(keyIdentifier(own))),
  ];
}

function serverExtensions(
  names: readonly string[],
  own: KeyObject,
  authority: KeyObject,
): readonly Buffer[] {
  const dnsNames = names.map((name) => der(0x82, Buffer.from(name)));
  return [
    extension('2.5.29.19', sequence(), 'critical'),
    extension('2.5.29.15', MAY_SIGN, 'critical'),
    extension('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', sequence(...dnsNames)),
    extension('2.5.29.14', octetString(keyIdentifier(own))),
    // During a renewal a bundle holds two authorities of one name: this tells them apart.
    extension('2.5.29.35', sequence(der(0x80, keyIdentifier(authority)))),
  ];
}

function extension(identifier: string, value: Buffer, critical?: 'critical'): Buffer {
  const flag = critical === undefined ? [] : [boolean(true)];
  return sequence(objectIdentifier(identifier), ...flag, octetString(value));
}

/** RFC 7093 §2, method 1. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(publicKey(key)).digest().subarray(0, 20);
}
