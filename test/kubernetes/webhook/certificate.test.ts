import { copyFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import {
  type Certificate,
  readCertificate,
  watchCertificate,
} from '../../../src/kubernetes/webhook/certificate.ts';
import { makeCertificate } from './test-certificates.ts';

test('a pair is read with its end', async (t) => {
  const { files, cert, key } = makeCertificate(t.testdir({}), 'a');
  const read = await readCertificate(files);
  t.match(read, { cert, key });
  t.ok(read.notAfter > Date.now(), 'in milliseconds of the epoch');
});

test('what cannot be used is named by its file', async (t) => {
  const folder = t.testdir({ 'text.pem': 'no PEM' });
  const { files } = makeCertificate(folder, 'a');
  const other = makeCertificate(folder, 'b');
  const text = join(folder, 'text.pem');
  for (const [wrong, message] of [
    [{ ...files, cert: join(folder, 'none') }, /none: cannot be read: ENOENT/],
    [{ ...files, cert: text }, /text\.pem: not PEM/],
    [{ ...files, key: text }, /text\.pem: not PEM/],
    [{ ...files, key: other.files.key }, /b\.key: not the key of .*a\.crt/],
  ] as const) {
    await t.rejects(readCertificate(wrong), { name: 'CertificateError', message });
  }
});

test('a Secret that changes is followed, and never half', async (t) => {
  const folder = t.testdir({ one: {}, two: {} });
  const one = makeCertificate(join(folder, 'one'), 'tls');
  const two = makeCertificate(join(folder, 'two'), 'tls');
  // As kubelet lays out a Secret: the files lead to `..data`, and that is swapped in one step.
  symlinkSync('one', join(folder, '..data'));
  const files = { cert: join(folder, '..data', 'tls.crt'), key: join(folder, '..data', 'tls.key') };
  const changes: Certificate[] = [];
  const failures: string[] = [];
  const look = watchCertificate({
    files,
    current: await readCertificate(files),
    onChange: (certificate) => changes.push(certificate),
    onFailure: ({ message }) => failures.push(message),
  });
  await look();
  t.strictSame(changes, [], 'nothing changed');
  copyFileSync(two.files.cert, one.files.cert);
  await look();
  await look();
  t.strictSame(changes, [], 'the certificate is new and the key is not');
  t.match(failures, [/not the key of/], 'told once');
  writeFileSync(one.files.cert, one.cert);
  symlinkSync('two', join(folder, '..new'));
  renameSync(join(folder, '..new'), join(folder, '..data'));
  await look();
  t.match(changes, [{ cert: two.cert, key: two.key }]);
});
