import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** A certificate with its chain and its key, both PEM; they belong together. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** When it ends, in milliseconds of the epoch. */
  readonly notAfter: number;
}

/** The paths of the two files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A pair of files that cannot be used; its message names the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/**
 * Reads the pair.
 *
 * @throws {CertificateError} When a file is missing or not PEM, or the key does not match the certificate, as between
 * the two writes of a renewal.
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const cert = await readPem(files.cert);
  const key = await readPem(files.key);
  const parsed = attempt(files.cert, () => new X509Certificate(cert));
  const privateKey = attempt(files.key, () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new CertificateError(`${files.key}: not the key of ${files.cert}`);
  }
  return { cert, key, notAfter: Date.parse(parsed.validTo) };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CertificateError(`${file}: cannot be read: ${reason}`, { cause: error });
  }
}

function attempt<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CertificateError(
      `${file}: not PEM: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
}

export interface CertificateWatchOptions {
  readonly files: CertificateFiles;
  /** The certificate that is in use until the files change. */
  readonly current: Certificate;
  readonly onChange: (certificate: Certificate) => void;
  /** What is wrong with new files; the old certificate stays in use. Called once for each reason. */
  readonly onFailure: (error: CertificateError) => void;
}

/**
 * Checks whether the files have changed, each time the returned function is called.
 *
 * By a timer and not by inotify: kubelet replaces a symbolic link two folders up, a minute after the Secret changed,
 * and a check costs two reads.
 */
export function watchCertificate(options: CertificateWatchOptions): () => Promise<void> {
  let { current } = options;
  let lastFailure = '';
  return async () => {
    try {
      const found = await readCertificate(options.files);
      lastFailure = '';
      if (found.cert === current.cert && found.key === current.key) return;
      current = found;
      options.onChange(found);
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      if (error.message === lastFailure) return;
      lastFailure = error.message;
      options.onFailure(error);
    }
  };
}
