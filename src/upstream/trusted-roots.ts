import { readFileSync, statSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import type { Clock, Milliseconds } from '../clock.ts';

/** The CAs that are trusted at one moment. */
export interface Trust {
  /** Changes with each change of the file: servers then have to be authenticated again. */
  readonly generation: number;
  readonly context: SecureContext;
}

/**
 * The CAs that a server's certificate may come from: those of a file, or those that come with Node.
 *
 * The file is checked again while it is in use, so that a CA can be replaced without a reload. A file that cannot be
 * read changes nothing: while it is being written, the servers stay trusted.
 */
export class TrustedRoots {
  private readonly path: string | undefined;
  private readonly clock: Clock;
  private trust: Trust | undefined;
  private version: string | undefined;
  private lookedAt: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(path: string | undefined, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  /** @throws {Error} If the file could never be read. */
  current(): Trust {
    const now = this.clock.now();
    if (this.trust !== undefined && now - this.lookedAt < LOOK_EVERY) return this.trust;
    this.lookedAt = now;
    this.trust = this.look(this.trust);
    return this.trust;
  }

  private look(before: Trust | undefined): Trust {
    try {
      const version = this.path === undefined ? undefined : versionOf(this.path);
      if (before !== undefined && version === this.version) return before;
      const ca = this.path === undefined ? undefined : readRoots(this.path);
      // Loaded here, and not above: it takes 5 ms, and few configurations use TLS.
      const { createSecureContext } = process.getBuiltinModule('node:tls');
      const context = createSecureContext({ ca, minVersion: 'TLSv1.2' });
      this.version = version;
      return { generation: (before?.generation ?? 0) + 1, context };
    } catch (error) {
      if (before === undefined) throw error;
      return before;
    }
  }
}

/**
 * The certificates of a PEM file, each of them parsed.
 *
 * @throws {Error} If the file cannot be read, has no certificate or a broken one.
 */
export function readRoots(path: string): string[] {
  const found = contentOf(path).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (found === null) throw new Error(`no certificate in CA file: ${path}`);
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  for (const [index, pem] of found.entries()) {
    try {
      new X509Certificate(pem);
    } catch {
      throw new Error(`broken certificate ${index + 1} in CA file: ${path}`);
    }
  }
  return found;
}

/** How often the file is checked while questions are sent: an operator who replaces it sees the change within a second. */
const LOOK_EVERY: Milliseconds = 1_000;

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`cannot read CA file, ${code}: ${path}`);
  }
}

/** Also changes when a symbolic link is moved, as kubelet does in its mounts. */
function versionOf(path: string): string {
  const { dev, ino, size, mtimeMs } = statSync(path);
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}
