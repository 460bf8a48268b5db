import { renameSync, writeFileSync } from 'node:fs';

/**
 * Replaces a file that a daemon may read at any moment.
 *
 * Written in place it is empty first, and a reload of that moment is refused.
 */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
