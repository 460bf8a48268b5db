import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'tap';
import {
  integer,
  objectIdentifier,
  octetString,
  time,
} from '../../../src/kubernetes/certificate/der.ts';
import { issueCertificate } from '../../../src/kubernetes/certificate/issue.ts';

const NAME = 'sidestub-injector.sidestub.svc';
const NOW = new Date('2026-11-29T12:00:00Z');

test('a value is encoded as X.690 has it', (t) => {
  const hex = (octets: Buffer) => octets.toString('hex');
  t.equal(hex(integer(Buffer.of(0, 0, 0x7f))), '02017f', 'the shortest form');
  t.equal(hex(integer(Buffer.of(0x80))), '02020080', 'not negative');
  t.equal(hex(integer(Buffer.alloc(2))), '020100');
  t.equal(hex(objectIdentifier('1.2.840.10045.4.3.2')), '06082a8648ce3d040302');
  t.equal(hex(octetString(Buffer.alloc(200))).slice(0, 6), '0481c8', 'a length above 127');
  t.equal(hex(octetString(Buffer.alloc(300))).slice(0, 8), '0482012c', 'a length above 255');
  t.equal(time(new Date('2049-12-31T23:59:59Z')).subarray(2).toString(), '491231235959Z');
  t.equal(time(new Date('2050-01-01T00:00:00Z')).subarray(2).toString(), '20500101000000Z');
  t.end();
});

test('a certificate is for its names alone, and its authority vouches for it', (t) => {
  const issued = issueCertificate([NAME, `${NAME}.cluster.local`], NOW, 90);
  const certificate = new X509Certificate(issued.certificate);
  const authority = new X509Certificate(issued.authority);
  t.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  t.ok(authority.ca && !certificate.ca);
  t.equal(certificate.checkHost(NAME), NAME);
  t.equal(certificate.checkHost('sidestub-injector.other.svc'), undefined);
  t.equal(certificate.validFromDate.toISOString(), '2026-11-29T11:00:00.000Z');
  t.equal(certificate.validToDate.toISOString(), '2027-02-27T12:00:00.000Z');
  const again = new X509Certificate(issueCertificate([NAME], NOW, 90).certificate);
  t.not(again.serialNumber, certificate.serialNumber);
  t.end();
});

test('openssl holds it for a valid certificate of a server, by RFC 5280 to the letter', (t) => {
  const issued = issueCertificate([NAME], new Date(), 90);
  const folder = t.testdir({ 'ca.crt': issued.authority, 'tls.crt': issued.certificate });
  const openssl = (...words: string[]) =>
    execFileSync('openssl', words, { cwd: folder }).toString();
  const strict = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', NAME];
  t.match(openssl('verify', ...strict, '-CAfile', 'ca.crt', 'tls.crt'), 'tls.crt: OK');
  const other = issueCertificate([NAME], new Date(), 90);
  writeFileSync(join(folder, 'both.crt'), other.authority + issued.authority);
  t.match(
    openssl('verify', ...strict, '-CAfile', 'both.crt', 'tls.crt'),
    'tls.crt: OK',
    'by key, not by name',
  );
  t.end();
});

test('a TLS client that trusts the authority connects, and another does not', async (t) => {
  const issued = issueCertificate(['localhost'], new Date(), 90);
  const server = createServer({ cert: issued.certificate, key: issued.key }, (_, response) => {
    response.end('answered');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const get = (ca: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { host: '127.0.0.1', servername: 'localhost', port, ca };
      const sent = request(options, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject).end();
    });
  t.equal(await get(issued.authority), 200);
  await t.rejects(get(issueCertificate(['localhost'], new Date(), 90).authority));
});
