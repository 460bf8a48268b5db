import fc from 'fast-check';
import { test } from 'tap';
import { diffText } from '../../../src/commands/inject/diff-text.ts';
import { lineDiff } from '../../../src/commands/inject/line-diff.ts';

const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 });
const text = lines.map((words) => words.map((word) => `${word}\n`).join(''));

test('a difference has both texts in it', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(text, text, (before, after) => {
        const side = (other: '+' | '-') =>
          lineDiff(before, after)
            .filter(({ sign }) => sign !== other)
            .map(({ text: line }) => `${line}\n`)
            .join('');
        return side('+') === before && side('-') === after;
      }),
      { numRuns: 1_000 },
    ),
  );
  t.end();
});

test('a difference is as short as the longest common subsequence allows', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(lines, lines, (a, b) => {
        const joined = (words: readonly string[]) => words.map((word) => `${word}\n`).join('');
        const edits = lineDiff(joined(a), joined(b)).filter(({ sign }) => sign !== ' ').length;
        return edits === a.length + b.length - 2 * longestCommon(a, b);
      }),
      { numRuns: 1_000 },
    ),
  );
  t.end();
});

/** By the book: the table of all prefixes. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0);
  for (const line of a) {
    const next = [0];
    for (const [index, other] of b.entries()) {
      const same = (row[index] ?? 0) + 1;
      next.push(line === other ? same : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

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
