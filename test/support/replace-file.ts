import { renameSync, writeFileSync } from 'node:fs';

/**
 * Replaces a file that a daemon may read at any moment.
 *
 * Written in place it is empty first. A reload of that moment reads all defaults, which are valid, and listens on port 53.
 */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
