import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { t } from 'tap';

const TESTS = join(import.meta.dirname, '..');

/** As tap's `timeout` for a process, in `.taprc`. */
export const FILE_TIMEOUT = 120_000;

/** The files that {@link runFolders} runs: their paths from `test/`. */
export function filesOf(folder: string): string[] {
  return globSync(join(folder, '*.test.ts'), { cwd: TESTS }).sort();
}

/**
 * Runs the tests of some folders in this process, one file after the other.
 *
 * tap starts a process for each file, and loads itself and the sources there: that takes longer than the tests of a small
 * file. `npx tap FILE` still runs one alone.
 *
 * @throws {Error} Where a file has no test: by itself tap would report it as one that asserts nothing.
 */
export async function runFolders(...folders: readonly string[]): Promise<void> {
  let [added, ended] = [0, 0];
  t.on('subtestAdd', () => added++);
  t.on('subtestEnd', () => {
    ended++;
    // The limit for a file counts from each test's end instead: here it would be one limit for all the files.
    t.setTimeout(FILE_TIMEOUT);
  });
  // Each test that ends is a result as well; a skipped one is a result alone, at once.
  const tests = (): number => added + t.count - ended;
  for (const file of folders.flatMap(filesOf)) {
    const before = tests();
    // biome-ignore lint/plugin: tests of our own, by their names in a folder of our own
    await import(pathToFileURL(join(TESTS, file)).href);
    if (tests() === before) throw new Error(`test/${file} has no test`);
  }
}
