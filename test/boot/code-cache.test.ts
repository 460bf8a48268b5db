import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { CODE_CACHE, CodeCache, renderCodeCache } from '../../src/boot/code-cache.ts';

const PARTS = new Map([
  ['a.js', Buffer.from('first')],
  ['b.js', Buffer.from('the second')],
]);

test('a code cache gives each file what was written for it', (t) => {
  const folder = t.testdir({});
  writeFileSync(join(folder, CODE_CACHE), renderCodeCache(PARTS));
  const cache = CodeCache.open(folder);
  t.equal(cache?.read('a.js')?.toString(), 'first');
  t.equal(cache?.read('b.js')?.toString(), 'the second');
  t.equal(cache?.read('c.js'), undefined);
  t.end();
});

test('none is used that is not there, not whole, or of another Node', (t) => {
  const folder = t.testdir({});
  const path = join(folder, CODE_CACHE);
  t.equal(CodeCache.open(folder), undefined, 'none');
  const whole = renderCodeCache(PARTS);
  const broken: Readonly<Record<string, (text: string) => string>> = {
    'another version': (text) => text.replace(process.version, 'v1'.padEnd(process.version.length)),
    'another architecture': (text) => text.replace(`"arch":"${process.arch}"`, '"arch":"vax"'),
    'no head': (text) => text.replace('{', '('),
    'one octet more': (text) => `${text}x`,
  };
  for (const [what, change] of Object.entries(broken)) {
    const text = change(whole.toString('latin1'));
    const octets = Buffer.from(text, 'latin1');
    // Its length stands in front of the head, and changes with it.
    octets.writeUInt32LE(text.indexOf('first') - 4);
    writeFileSync(path, octets);
    t.equal(CodeCache.open(folder), undefined, what);
  }
  for (const length of [0, 2, 20, whole.length - 1]) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    t.equal(CodeCache.open(folder), undefined, `the first ${length} octets`);
  }
  writeFileSync(path, whole);
  t.ok(CodeCache.open(folder), 'the whole');
  t.same(readFileSync(path), whole);
  t.end();
});
