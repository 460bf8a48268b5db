import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { Break } from './breaks.ts';

/**
 * The text of a file with its rule broken.
 *
 * @param text - The file as it is.
 * @throws {Error} If the line to break is not in it exactly once, or if the result does not parse.
 */
export function breakRule({ rule, file, old, broken }: Break, text: string): string {
  const count = text.split(old).length - 1;
  if (count !== 1) throw new Error(`${rule}: found ${count} times in ${file}: ${old}`);
  const result = text.replace(old, () => broken);
  // A file that does not parse would turn every test red, and show nothing.
  stripTypeScriptTypes(result);
  return result;
}

/** Breaks a rule in a copy of the repository; what is returned mends it again. */
export function applyBreak(root: string, each: Break): () => void {
  const path = join(root, each.file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, breakRule(each, text));
  return () => writeFileSync(path, text);
}
