import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Stories that show what a file does and that import none of it, by the file's name. */
const STORIES: ReadonlyMap<string, readonly string[]> = new Map([
  ['aaaa-filter', ['aaaa-filter']],
  ['answer-cache', ['search', 'stale']],
  ['assumption', ['assume']],
  ['cluster-zone', ['search']],
  ['collapse', ['collapse']],
  ['conformance', ['search']],
  ['cuts', ['search']],
  ['failure-memory', ['failures']],
  ['families', ['families']],
  ['nodata-repair', ['nodata-repair']],
  ['prefetch', ['prefetch']],
  ['route-silence', ['failures', 'stale']],
  ['search', ['search', 'assume', 'failures']],
  ['serve-stale', ['stale']],
  ['servfail', ['failures']],
  ['speculation', ['search']],
  ['wildcard-guard', ['wildcard']],
]);

/** A question at one server: its tests by what becomes of it. */
const ASK = ['ask-edns', 'ask-truncated', 'ask-unreadable', 'ask-connections'];

/** Files that another file's tests show as well, by their names. */
const SHOWN_BY: ReadonlyMap<string, readonly string[]> = new Map([
  ['kept-records', ['replies', 'known-replies']],
  ['message-writer', ['render', 'truncation']],
  ['plain-query', ['replies', 'known-replies']],
  ['replies', ['replies.property']],
  ['unanswered', ['ask', 'server']],
  ['ask', ASK],
  ['fallback-reply', ['ask', ...ASK]],
  ['reply', ['ask', ...ASK]],
  ['send', ['ask', ...ASK]],
]);

/** What the stages keep and read back: the only tests that read whole messages out of the memory. */
const CACHE_TESTS = ['test/resolve/answer-cache.test.ts'];

/** Tests in other folders that show a file, by its name. */
const SHOWN_ELSEWHERE: ReadonlyMap<string, readonly string[]> = new Map([
  ['answer-memory', CACHE_TESTS],
  ['partial-response', ['test/upstream/reply.test.ts']],
  ['entry-store', CACHE_TESTS],
  ['kept-records', CACHE_TESTS],
  ['plain-query', CACHE_TESTS],
]);

/**
 * The test files that a mutant of a source file has to survive, those first that kill most: the file's own, those of
 * its folder that import it, those of a file that shows it, those elsewhere that show it, and stories; where there are
 * none, those of the files that import it. Each is a process of a fifth of a second, so what only passes through the
 * file on its way elsewhere is left out.
 *
 * @param source - From the root of the repository: `src/wire/name.ts`.
 */
export function testsOf(source: string): string[] {
  const name = basename(source, '.ts');
  const folder = join('test', relative('src', dirname(source)));
  const own = join(folder, `${name}.test.ts`);
  const near = testFiles(folder).filter((path) => imports(path, source));
  const others = (SHOWN_BY.get(name) ?? []).map((other) => join(folder, `${other}.test.ts`));
  const stories = (STORIES.get(name) ?? []).map((story) => `test/scenario/${story}.test.ts`);
  const elsewhere = SHOWN_ELSEWHERE.get(name) ?? [];
  const chosen = [own, ...near, ...others, ...elsewhere, ...stories].filter((path) =>
    existsSync(join(ROOT, path)),
  );
  return [...new Set(chosen.length > 0 ? chosen : testsOfImporters(source, folder))];
}

/** A part that no test imports is seen at work in what it is a part of; where there is no such thing, anywhere. */
function testsOfImporters(source: string, folder: string): string[] {
  const importers = readdirSync(join(ROOT, dirname(source)))
    .map((file) => join(dirname(source), file))
    .filter((path) => imports(path, basename(source)));
  return importers.length > 0 ? importers.flatMap(testsOf) : testFiles(folder);
}

function testFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.test.ts') && !NEEDS_A_CORPUS.has(file))
    .map((file) => join(folder, file))
    .sort();
}

/** Skipped where the corpus is not there, so no measure of anything. */
const NEEDS_A_CORPUS = new Set(['corpus.test.ts']);

function imports(path: string, source: string): boolean {
  return readFileSync(join(ROOT, path), 'utf8').includes(`/${source}'`);
}
