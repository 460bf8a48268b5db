// docs/security.md and docs/rfcs.md name tests: each is there, and each hostile test is named.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { LIMITS } from '../../src/observe/label-sets.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The tests that a page names: `` `test/x.test.ts`: "name" ``. */
function namedIn(page: string): { file: string; name: string }[] {
  return Array.from(
    read(page).matchAll(/`(test\/[^`]+\.test\.ts)`: "([^"]+)"/g),
    ([, file = '', name = '']) => ({ file, name }),
  );
}

/** The names of the tests in a file; of one that is put together, what stands before the part that varies. */
function testsIn(file: string): string[] {
  return Array.from(
    read(file).matchAll(/^\s*test\(\s*(['"`])((?:\\.|(?!\1).)*?)(?:, \$\{.*?|)\1/gm),
    ([, , name = '']) => name.replaceAll("\\'", "'"),
  );
}

for (const [page, folder] of [
  ['docs/security.md', 'test/hostile/attacks'],
  ['docs/rfcs.md', 'test/hostile/rfcs'],
] as const) {
  test(`each test that ${page} names is there`, (t) => {
    const named = namedIn(page);
    t.ok(named.length > 20, `${named.length} tests`);
    for (const { file, name } of named) {
      t.ok(existsSync(join(ROOT, file)), file);
      t.ok(testsIn(file).includes(name), `${file}: ${name}`);
    }
    t.end();
  });

  test(`${page} names each test of ${folder}`, (t) => {
    const named = new Set(namedIn(page).map(({ file, name }) => `${file}: ${name}`));
    const there = readdirSync(join(ROOT, folder))
      .filter((file) => file.endsWith('.test.ts'))
      .flatMap((file) => testsIn(join(folder, file)).map((name) => `${folder}/${file}: ${name}`));
    t.ok(there.length > 10, `${there.length} tests`);
    t.strictSame(
      there.filter((name) => !named.has(name)),
      [],
    );
    t.end();
  });
}

test('a row of a table in either page has a test', (t) => {
  for (const page of ['docs/security.md', 'docs/rfcs.md']) {
    const rows = read(page)
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
    const heads = rows.filter((row) => / Test \|$/.test(row));
    const without = rows.filter((row) => !heads.includes(row) && !/`test\/[^`]+`: "/.test(row));
    t.strictSame(without, [], page);
  }
  t.end();
});

test('docs/security.md has a row for each limit that is counted', (t) => {
  const page = read('docs/security.md');
  t.strictSame(
    LIMITS.filter((limit) => !page.includes(`\`${limit}\``)),
    [],
  );
  t.end();
});
