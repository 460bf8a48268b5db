// `npm run rules-bite [-- RULE …]`: breaks each rule of docs/rules.md in a copy of the sources, and says which test
// turns red. It fails where none does, or where a test is red before anything is broken.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chosenOf } from '../../docker/script-flags.ts';
import { applyBreak, breakRule } from './apply-break.ts';
import { BREAKS, type Break } from './breaks.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** A break may leave a test waiting for what does not come. */
const TEST_TIMEOUT = 30_000;

const rules = chosenOf(process.argv.slice(2), [...new Set(BREAKS.map(({ rule }) => rule))]);
const chosen = BREAKS.filter(({ rule }) => rules.includes(rule));
const stale = chosen.flatMap((each) => whyStale(each) ?? []);
for (const why of stale) process.stdout.write(`stale in breaks.ts: ${why}\n`);
const breaks = chosen.filter((each) => whyStale(each) === undefined);
const copy = mkdtempSync(join(tmpdir(), 'sidestub-rules-'));
try {
  copySources();
  const red = [...new Set(breaks.flatMap(({ tests }) => tests))].filter((file) => !isGreen(file));
  for (const file of red) process.stdout.write(`red before anything is broken: ${file}\n`);
  const unnoticed = breaks.filter((each) => !isNoticed(each));
  process.stdout.write(`${breaks.length - unnoticed.length} of ${breaks.length} breaks noticed\n`);
  process.exitCode =
    breaks.length === 0 || red.length + unnoticed.length + stale.length > 0 ? 1 : 0;
} finally {
  rmSync(copy, { recursive: true });
}

/** Why a break cannot be applied to the sources as they are; `undefined` where it can. */
function whyStale(each: Break): string | undefined {
  try {
    breakRule(each, readFileSync(join(ROOT, each.file), 'utf8'));
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function copySources(): void {
  for (const name of ['src', 'test', 'docs', 'k8s', 'package.json', 'README.md', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
}

function isNoticed(each: Break): boolean {
  const mend = applyBreak(copy, each);
  const noticing = each.tests.find((file) => !isGreen(file));
  mend();
  const verdict = noticing === undefined ? 'NOBODY NOTICES' : `noticed by ${noticing}`;
  process.stdout.write(`${each.rule} ${each.what}: ${verdict}\n`);
  return noticing !== undefined;
}

function isGreen(file: string): boolean {
  const env = { ...process.env, TAP_BAIL: '1' };
  const { status } = spawnSync(process.execPath, [file], { cwd: copy, env, timeout: TEST_TIMEOUT });
  return status === 0;
}
