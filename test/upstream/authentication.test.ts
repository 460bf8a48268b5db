import { execFileSync } from 'node:child_process';
import { createHash, type X509Certificate } from 'node:crypto';
import { test } from 'tap';
import {
  type Authentication,
  type Handshake,
  pinOf,
  whyUntrusted,
} from '../../src/upstream/authentication.ts';
import { makeCa } from './certificates.ts';

const SERVER = 'tls://192.0.2.53:853';

/** A handshake in which `certificate` was shown; Node found nothing wrong with its chain unless a code says what. */
function handshake(certificate?: X509Certificate, code?: string): Handshake {
  return {
    isSessionReused: () => false,
    getPeerX509Certificate: () => certificate,
    authorized: code === undefined,
    // Declared as an Error, and a string it is.
    authorizationError: code as unknown as Error,
  };
}

const expecting = (parts: Partial<Authentication> = {}): Authentication => ({
  ...{ identity: 'dns.example', caFile: undefined, pins: [] },
  ...parts,
});

test('a pin is the hash of the key, as openssl makes it (RFC 7858 §4.2)', (t) => {
  const { certificate, keyFile } = makeCa(t);
  const key = execFileSync('openssl', ['pkey', '-in', keyFile, '-pubout', '-outform', 'DER']);
  t.equal(pinOf(certificate), createHash('sha256').update(key).digest('base64'));
  t.end();
});

test('who shows the right name or address, or the right key, is believed (U5)', (t) => {
  const { certificate } = makeCa(t).issue(['DNS:dns.example', 'IP:192.0.2.53']);
  const pins = ['another', pinOf(certificate)];
  for (const expected of [
    expecting(),
    expecting({ identity: '192.0.2.53' }),
    expecting({ pins }),
  ]) {
    t.equal(whyUntrusted(handshake(certificate), SERVER, expected), undefined);
  }
  const byKeyAlone = expecting({ identity: undefined, pins });
  const untrusted = handshake(certificate, 'SELF_SIGNED_CERT_IN_CHAIN');
  t.equal(whyUntrusted(untrusted, SERVER, byKeyAlone), undefined, 'whatever its chain is');
  t.end();
});

test('a resumed session shows nothing, and was believed when it began (RFC 8446 §2.2)', (t) => {
  const resumed = { ...handshake(), isSessionReused: () => true };
  t.equal(whyUntrusted(resumed, SERVER, expecting()), undefined);
  t.equal(whyUntrusted(handshake(), SERVER, expecting()), `${SERVER} showed no certificate`);
  t.end();
});

test('what is wrong is told beside what was shown and what was expected (U5)', (t) => {
  const { certificate } = makeCa(t).issue(['DNS:evil.example', 'IP:192.0.2.1']);
  const pin = pinOf(certificate);
  const shows =
    'subject CN=evil.example (DNS:evil.example, IP Address:192.0.2.1), issuer CN=Test CA';
  const name = 'dns.example, issued by';
  const cases: [string | undefined, Partial<Authentication>, string, string][] = [
    [undefined, {}, 'is for another name', `${name} a public CA`],
    [
      undefined,
      { identity: '192.0.2.53', caFile: '/ca.pem' },
      'is for another name',
      '192.0.2.53, issued by a CA in /ca.pem',
    ],
    [
      'CERT_HAS_EXPIRED',
      { caFile: '/ca.pem' },
      `has expired, it was valid until ${certificate.validTo}`,
      `${name} a CA in /ca.pem`,
    ],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      { pins: ['A='] },
      'is not trusted, UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      `${name} a public CA, with the key sha256/A=`,
    ],
    [
      undefined,
      { identity: 'evil.example', pins: ['A=', 'B='] },
      `has the key sha256/${pin}`,
      'evil.example, issued by a public CA, with the key sha256/A= or sha256/B=',
    ],
    [
      undefined,
      { identity: undefined, pins: ['A=', 'B='] },
      `has the key sha256/${pin}`,
      'the key sha256/A= or sha256/B=',
    ],
  ];
  for (const [code, expected, problem, expectation] of cases) {
    t.equal(
      whyUntrusted(handshake(certificate, code), SERVER, expecting(expected)),
      `certificate of ${SERVER} ${problem}: ${shows}; expected ${expectation}`,
    );
  }
  t.end();
});

test('what a server puts into its names comes out as one line of bounded length', (t) => {
  const odd = makeCa(t, 'Odd\u00e4/O=Two').issue(
    Array.from({ length: 30 }, (_, i) => `DNS:n${i}.evil.example`),
  ).certificate;
  const said = whyUntrusted(handshake(odd), SERVER, expecting()) ?? '';
  const [, names = ''] = /\((.*)\)/.exec(said) ?? [];
  t.equal(names.length, 200);
  t.match(names, /^DNS:n0\.evil\.example, DNS:n1\.evil\.example, /);
  t.match(said, /, issuer CN=Odd\?+, O=Two;/);
  const nameless = makeCa(t).certificate;
  t.match(
    whyUntrusted(handshake(nameless), SERVER, expecting()),
    /: subject CN=Test CA, issuer CN=Test CA;/,
  );
  t.end();
});
