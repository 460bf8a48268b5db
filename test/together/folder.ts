import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { t } from 'tap';

const TESTS = join(import.meta.dirname, '..');

/** The files that {@link runFolder} runs: their paths from `test/`. */
export function filesOf(folder: string): string[] {
  return globSync(`${folder}/*.test.ts`, { cwd: TESTS }).sort();
}

/**
 * Runs the tests of a folder in this process, one file after the other.
 *
 * tap starts a process for each file, and loads itself and the sources there: that takes longer than the tests of a small
 * file. `npx tap FILE` still runs one alone.
 *
 * @throws {Error} Where a file has no test: by itself tap would report it as one that asserts nothing.
 */
export async function runFolder(folder: string): Promise<void> {
  let [added, ended] = [0, 0];
  t.on('subtestAdd', () => added++);
  t.on('subtestEnd', () => ended++);
  // Each test that ends is a result as well; a skipped one is a result alone, at once.
  const tests = (): number => added + t.count - ended;
  for (const file of filesOf(folder)) {
    const before = tests();
    // biome-ignore lint/plugin: tests of our own, by their names in a folder of our own
    await import(pathToFileURL(join(TESTS, file)).href);
    if (tests() === before) throw new Error(`test/${file} has no test`);
  }
}
