import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parse } from 'yaml';
import { filesOf } from './folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const CALL = /runFolders\(([^)]*)\)/;

/** The files that one of tap's runs: those of its folders, or itself. */
function run(file: string): string[] {
  const [, folders] = CALL.exec(readFileSync(join(ROOT, file), 'utf8')) ?? [];
  if (folders === undefined) return [file];
  const names = folders.matchAll(/'([^']+)'/g).toArray();
  return names.flatMap(([, folder = '']) => filesOf(folder).map((path) => `test/${path}`));
}

test('npm test runs every test file, and each once', (t) => {
  const { include } = parse(readFileSync(join(ROOT, '.taprc'), 'utf8'));
  const started: string[] = globSync(include, { cwd: ROOT });
  const folders = new Set(globSync('test/together/*.test.ts', { cwd: ROOT }));
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).filter((file) => !folders.has(file));
  const ran = started.flatMap((file) => (folders.has(file) ? run(file) : [file]));
  t.same(ran.filter((file) => !folders.has(file)).sort(), all.sort());
  t.end();
});
