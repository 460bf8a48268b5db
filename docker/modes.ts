import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Gives a folder and all below it the modes that they have under umask 022: the umask of the shell that cloned, installed
 * or built is not to be seen in what is released, and another user has to be able to read it.
 */
export function normaliseModes(folder: string): void {
  for (const name of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const path = join(folder, name);
    const status = lstatSync(path);
    if (status.isSymbolicLink()) continue;
    chmodSync(path, status.isDirectory() || (status.mode & 0o111) !== 0 ? 0o755 : 0o644);
  }
}
