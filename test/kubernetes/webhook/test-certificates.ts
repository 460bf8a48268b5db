import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate of its own authority, for `localhost` and 127.0.0.1, with the paths of its files. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly files: { readonly cert: string; readonly key: string };
}

/** Makes one with openssl, which Node cannot. */
export function makeCertificate(folder: string, name: string): TestCertificate {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const words = [
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2',
    `-subj /CN=${name} -addext subjectAltName=DNS:localhost,IP:127.0.0.1`,
    '-addext basicConstraints=critical,CA:TRUE',
  ];
  const args = words.join(' ').split(' ');
  execFileSync('openssl', [...args, '-keyout', files.key, '-out', files.cert], { stdio: 'pipe' });
  return { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8'), files };
}
