// `npm run rules-bite` breaks the rules in a copy of the sources, and says which entries no longer match: an edit of a
// source file should not have to edit the list too.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { breakRule } from './apply-break.ts';
import { BREAKS } from './breaks.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('every rule of docs/rules.md is broken by at least one line', async (t) => {
  const rules = [...read('docs/rules.md').matchAll(/^### ([LNFCUS]\d{1,2}) /gm)].map(
    ([, rule]) => rule,
  );
  t.ok(rules.length > 35, `${rules.length} rules`);
  t.strictSame([...new Set(BREAKS.map(({ rule }) => rule))].sort(), rules.sort());
});

test('each break names test files that exist', async (t) => {
  for (const { rule, what, tests } of BREAKS) {
    t.ok(tests.length > 0, `${rule}: ${what}`);
    for (const file of tests) t.ok(existsSync(join(ROOT, file)), `${rule}: ${file}`);
  }
});

test('docs/rules.md links, under each rule, the tests that notice its breaks', async (t) => {
  const page = read('docs/rules.md');
  const linked = new Map(
    [...page.matchAll(/^### ([LNFCUS]\d{1,2}) .*\n([\s\S]*?)(?=^#)/gm)].map(([, rule, text]) => [
      rule,
      text,
    ]),
  );
  for (const { rule, what, tests } of BREAKS) {
    for (const file of tests) t.match(linked.get(rule), `](../${file})`, `${rule}: ${what}`);
  }
});

test('a line that is not there, or there twice, is an error', async (t) => {
  const each = { rule: 'L1', what: '', file: 'a.ts', old: 'b', broken: '$&c', tests: [] };
  t.equal(breakRule(each, 'abc'), 'a$&cc');
  t.throws(() => breakRule(each, 'ac'), { message: 'L1: found 0 times in a.ts: b' });
  t.throws(() => breakRule(each, 'bab'), { message: 'L1: found 2 times in a.ts: b' });
  t.throws(() => breakRule({ ...each, broken: '{' }, 'abc'), SyntaxError, 'it has to parse');
});
