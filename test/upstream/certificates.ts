import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** Whoever is told what to do when all is over. */
export type Owner = Pick<Test, 'teardown'>;

/** A key and the certificate for it, as files and as text. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
  readonly certificate: X509Certificate;
}

/** A CA that lives as long as the test. */
export interface TestCa extends Identity {
  readonly folder: string;
  /**
   * A certificate of this CA.
   *
   * @param names - As openssl writes them: `DNS:dns.example`, `IP:127.0.0.1`. The first is the subject's too.
   * @param options.days - Of validity; negative for one that has expired.
   */
  issue(names: readonly string[], options?: { days?: number }): Identity;
}

/** Makes a CA by means of openssl, in a folder that is gone after the test. */
export function makeCa(t: Owner, commonName = 'Test CA'): TestCa {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-ca-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const ca = identity(folder, 'ca', (keyFile, certFile) => {
    const subject = ['-subj', `/CN=${commonName}`, '-days', '30'];
    const extension = ['-addext', 'basicConstraints=critical,CA:TRUE'];
    openssl(['req', '-x509', ...newKey(keyFile), '-out', certFile, ...subject, ...extension]);
  });
  let issued = 0;
  return {
    ...ca,
    folder,
    issue: (names, { days = 30 } = {}) =>
      identity(folder, `leaf-${issued++}`, (keyFile, certFile) => {
        const request = `${certFile}.csr`;
        const extensions = `${certFile}.ext`;
        const commonNameOf = names[0]?.replace(/^[A-Z]+:/, '') ?? 'nobody';
        writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
        openssl(['req', ...newKey(keyFile), '-out', request, '-subj', `/CN=${commonNameOf}`]);
        const by = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-CAcreateserial'];
        const how = ['-days', String(days), '-extfile', extensions];
        openssl(['x509', '-req', '-in', request, '-out', certFile, ...by, ...how]);
      }),
  };
}

function identity(
  folder: string,
  name: string,
  make: (keyFile: string, certFile: string) => void,
): Identity {
  const keyFile = join(folder, `${name}.key`);
  const certFile = join(folder, `${name}.pem`);
  make(keyFile, certFile);
  const cert = readFileSync(certFile, 'utf8');
  const key = readFileSync(keyFile, 'utf8');
  return { key, cert, keyFile, certFile, certificate: new X509Certificate(cert) };
}

function newKey(keyFile: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  return [...curve, '-keyout', keyFile];
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
