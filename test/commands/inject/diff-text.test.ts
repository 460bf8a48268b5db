import { test } from 'tap';
import { diffText } from '../../../src/commands/inject/diff-text.ts';

test('hunks have three lines around what changed, and say where they are', (t) => {
  const before = ['1', '2', '3', '4', '5', '6', '7', '8', '9'].map((line) => `${line}\n`).join('');
  t.equal(
    diffText('x', before, before.replace('5\n', '5\nnew\n'), false),
    '--- x\n+++ x (injected)\n@@ -3,6 +3,7 @@\n 3\n 4\n 5\n+new\n 6\n 7\n 8\n',
  );
  t.equal(diffText('x', before, before, false), '');
  t.match(diffText('x', '', 'a\n', false), '@@ -0,0 +1,1 @@');
  t.end();
});
