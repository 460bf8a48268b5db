// `npm run mutate [-- FOLDER|FILE …]`: breaks each expression of src/wire, src/memory, src/resolve and src/upstream in
// turn, and lists what no test notices.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { LogLevel, MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { refuse } from '../../docker/script-flags.ts';
import { explanationOf, lineOf, SURVIVORS } from './survivors.ts';
import { testsOf } from './tests-of.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Results of earlier runs, so that only what has changed is run again; no part of the repository. */
const KEPT = '.mutation';
const GOAL = 85;

process.chdir(ROOT);
mkdirSync(KEPT, { recursive: true });
// What every one of some thousand test processes would do again.
process.env['NODE_COMPILE_CACHE'] = join(ROOT, KEPT, 'compiled');
// One failed assertion is enough.
process.env['TAP_BAIL'] = '1';

const words = process.argv.slice(2);
const sources = (words.length > 0 ? words : ['wire', 'memory', 'resolve', 'upstream']).flatMap(
  sourceFiles,
);
// Entries whose line has changed since: they would leave their mutant unexplained.
const stale = SURVIVORS.filter((each) => sources.includes(each.file) && lineOf(each) === 0);
for (const { file, code } of stale)
  process.stdout.write(`stale in survivors.ts: ${file}: ${code}\n`);
const results: MutantResult[] = [];
for (const source of sources) {
  const ofFile = await mutate(source);
  results.push(...ofFile);
  process.stdout.write(`${summary(source, ofFile)}\n`);
  for (const mutant of ofFile.filter(isUnnoticed)) process.stdout.write(`  ${line(mutant)}\n`);
}
process.stdout.write(`${summary('all', results)}\n`);
const unexplained = results.filter((each) => isUnnoticed(each) && reason(each) === undefined);
process.exitCode = score(results) < GOAL || unexplained.length + stale.length > 0 ? 1 : 0;

/** `wire`, `src/wire` or `src/wire/name.ts`: the files of src that are meant. */
function sourceFiles(word: string): string[] {
  const path = word.startsWith('src/') ? word : join('src', word);
  if (!existsSync(path)) return refuse(`no such file or folder: ${path}`);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(path, file))
    .sort();
}

function mutate(source: string): Promise<MutantResult[]> {
  return new Stryker({
    mutate: [source],
    testRunner: 'tap',
    plugins: ['@stryker-mutator/tap-runner'],
    tap: {
      testFiles: testsOf(source),
      nodeArgs: ['--test-reporter=tap', '--import', './test/mutation/seed.ts'],
    },
    concurrency: 1,
    timeoutMS: 5000,
    incremental: true,
    incrementalFile: join(KEPT, `${source.replaceAll('/', '-')}.json`),
    tempDirName: join(KEPT, 'sandbox'),
    cleanTempDir: 'always',
    reporters: ['json'],
    jsonReporter: { fileName: join(KEPT, 'report.json') },
    logLevel: 'error' as LogLevel,
    // Stryker would rewrite tsconfig.json with an API that TypeScript 7 does not have, and Node reads none.
    tsconfigFile: 'none',
    // Without what tests leave behind while they run beside it, and without a second root for Biome.
    ignorePatterns: [
      '.tap',
      'biome.json',
      'dist',
      'build',
      'k8s',
      'test/e2e',
      'test/bench',
      'test/kubernetes/inject',
    ],
  }).runMutationTest();
}

/** Survived, or was never run by any test. */
function isUnnoticed({ status }: MutantResult): boolean {
  return status === 'Survived' || status === 'NoCoverage';
}

/** In percent; a mutant that cannot even load counts for nothing, as Stryker has it. */
function score(mutants: readonly MutantResult[]): number {
  const noticed = mutants.filter(({ status }) => status === 'Killed' || status === 'Timeout');
  const counted = noticed.length + mutants.filter(isUnnoticed).length;
  return counted === 0 ? 100 : (100 * noticed.length) / counted;
}

function summary(name: string, mutants: readonly MutantResult[]): string {
  const counts = ['Killed', 'Timeout', 'Survived', 'NoCoverage', 'RuntimeError']
    .map((status) => `${mutants.filter((each) => each.status === status).length} ${status}`)
    .join(', ');
  return `${name}: ${score(mutants).toFixed(1)} % of ${mutants.length} mutants (${counts})`;
}

function line(mutant: MutantResult): string {
  const { mutatorName, replacement = '' } = mutant;
  const became = replacement.replaceAll(/\s+/g, ' ');
  return `${where(mutant)} ${mutatorName} -> ${became}: ${reason(mutant) ?? 'NOT EXPLAINED'}`;
}

function where({ fileName, location }: MutantResult): string {
  return `${relative(ROOT, fileName)}:${location.start.line}:${location.start.column}`;
}

function reason({ fileName, location, replacement = '' }: MutantResult): string | undefined {
  return explanationOf(relative(ROOT, fileName), location.start.line, replacement);
}
