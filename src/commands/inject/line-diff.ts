/** One line of a difference: `+` is new, `-` is gone, a blank stands in both. */
export interface DiffLine {
  readonly sign: '+' | '-' | ' ';
  readonly text: string;
}

/**
 * The shortest way from one text to the other, line by line.
 *
 * @see E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986
 */
export function lineDiff(before: string, after: string): DiffLine[] {
  const a = linesOf(before);
  const b = linesOf(after);
  const edits: Edit[] = [];
  for (let edit = shortestEdits(a, b); edit !== undefined; edit = edit.previous) edits.push(edit);
  const lines: DiffLine[] = [];
  let x = 0;
  for (const { sign, at, text } of edits.reverse()) {
    for (; x < at; x++) lines.push({ sign: ' ', text: a[x] ?? '' });
    if (sign === '-') x++;
    lines.push({ sign, text });
  }
  for (; x < a.length; x++) lines.push({ sign: ' ', text: a[x] ?? '' });
  return lines;
}

/** One line less or more before line `at` of the first text; the edits before it hang on it. */
interface Edit {
  readonly sign: '+' | '-';
  readonly at: number;
  readonly text: string;
  readonly previous: Edit | undefined;
}

/** How far a diagonal `k = x - y` got, and by which edits. */
interface Reach {
  readonly x: number;
  readonly edits: Edit | undefined;
}

function shortestEdits(a: readonly string[], b: readonly string[]): Edit | undefined {
  const reached = new Map<number, Reach>();
  for (let depth = 0; depth <= a.length + b.length; depth++) {
    for (let k = -depth; k <= depth; k += 2) {
      const { x, edits } = slide(step(reached, k, a, b), k, a, b);
      reached.set(k, { x, edits });
      if (x >= a.length && x - k >= b.length) return edits;
    }
  }
  return undefined;
}

/** One more edit, from the neighbour that got further; at the very start none. */
function step(
  reached: ReadonlyMap<number, Reach>,
  k: number,
  a: readonly string[],
  b: readonly string[],
): Reach {
  const left = reached.get(k - 1);
  const above = reached.get(k + 1);
  if (above !== undefined && (left === undefined || left.x < above.x)) {
    const { x, edits } = above;
    return { x, edits: { sign: '+', at: x, text: b[x - k - 1] ?? '', previous: edits } };
  }
  if (left === undefined) return { x: 0, edits: undefined };
  const { x, edits } = left;
  return { x: x + 1, edits: { sign: '-', at: x, text: a[x] ?? '', previous: edits } };
}

/** Along the diagonal as long as the lines are equal. */
function slide({ x, edits }: Reach, k: number, a: readonly string[], b: readonly string[]): Reach {
  let end = x;
  while (end < a.length && end - k < b.length && a[end] === b[end - k]) end++;
  return { x: end, edits };
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
