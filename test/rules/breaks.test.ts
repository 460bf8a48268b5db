// `npm run rules-bite` breaks the rules for real, which takes a minute; what it needs is held here.
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { test } from 'tap';
import { breakRule } from './apply-break.ts';
import { BREAKS } from './breaks.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('every rule of docs/rules.md is broken by at least one line', async (t) => {
  const rules = [...read('docs/rules.md').matchAll(/^- ([LNFCUS]\d{1,2}) /gm)].map(
    ([, rule]) => rule,
  );
  t.ok(rules.length > 35, `${rules.length} rules`);
  t.strictSame([...new Set(BREAKS.map(({ rule }) => rule))].sort(), rules.sort());
});

test('what is broken stands in the sources, and a test is there that may notice', async (t) => {
  for (const each of BREAKS) {
    // What does not even parse turns every test red, and shows nothing.
    const broken = () => stripTypeScriptTypes(breakRule(each, read(each.file)));
    t.doesNotThrow(broken, `${each.rule}: ${each.what}`);
    t.ok(each.tests.length > 0 && each.tests.every((file) => existsSync(join(ROOT, file))));
  }
});

test('a line that is not there, or there twice, is an error', async (t) => {
  const each = { rule: 'L1', what: '', file: 'a.ts', old: 'b', broken: '$&c', tests: [] };
  t.equal(breakRule(each, 'abc'), 'a$&cc');
  t.throws(() => breakRule(each, 'ac'), { message: 'L1: found 0 times in a.ts: b' });
  t.throws(() => breakRule(each, 'bab'), { message: 'L1: found 2 times in a.ts: b' });
});
