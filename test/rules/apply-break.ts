import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Break } from './breaks.ts';

/**
 * The text of a file with its rule broken.
 *
 * @param text - The file as it is.
 * @throws {Error} If what is to be broken does not stand in it exactly once.
 */
export function breakRule({ rule, file, old, broken }: Break, text: string): string {
  const count = text.split(old).length - 1;
  if (count !== 1) throw new Error(`${rule}: found ${count} times in ${file}: ${old}`);
  return text.replace(old, () => broken);
}

/** Breaks a rule in a copy of the repository; what is returned mends it again. */
export function applyBreak(root: string, each: Break): () => void {
  const path = join(root, each.file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, breakRule(each, text));
  return () => writeFileSync(path, text);
}
