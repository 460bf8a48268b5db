import { type DiffLine, lineDiff } from './line-diff.ts';

/** How many lines of what stayed are shown around what changed. */
const CONTEXT = 3;

/**
 * A unified diff, empty where nothing changed.
 *
 * @param name - What the text is called in the two head lines.
 * @param colour - Whether it is for a terminal.
 */
export function diffText(name: string, before: string, after: string, colour: boolean): string {
  const lines = lineDiff(before, after);
  const hunks = hunksOf(lines);
  if (hunks.length === 0) return '';
  const paint = (code: number, text: string): string =>
    colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  const body = hunks.flatMap(({ head, from, to }) => [
    paint(36, head),
    ...lines.slice(from, to).map(({ sign, text }) => {
      if (sign === ' ') return ` ${text}`;
      return paint(sign === '+' ? 32 : 31, sign + text);
    }),
  ]);
  return `${[paint(1, `--- ${name}`), paint(1, `+++ ${name} (injected)`), ...body].join('\n')}\n`;
}

interface Hunk {
  readonly head: string;
  /** Indices into the lines; `to` is past the last. */
  readonly from: number;
  readonly to: number;
}

function hunksOf(lines: readonly DiffLine[]): Hunk[] {
  const ranges: { from: number; to: number }[] = [];
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue;
    const last = ranges.at(-1);
    const to = Math.min(lines.length, index + 1 + CONTEXT);
    if (last !== undefined && index - CONTEXT <= last.to) last.to = to;
    else ranges.push({ from: Math.max(0, index - CONTEXT), to });
  }
  return ranges.map(({ from, to }) => ({ from, to, head: headOf(lines, from, to) }));
}

function headOf(lines: readonly DiffLine[], from: number, to: number): string {
  const count = (part: readonly DiffLine[], other: '+' | '-'): number =>
    part.filter(({ sign }) => sign !== other).length;
  const before = lines.slice(0, from);
  const hunk = lines.slice(from, to);
  const range = (other: '+' | '-'): string => {
    const length = count(hunk, other);
    // A range without lines is named after the line before it.
    return `${count(before, other) + (length === 0 ? 0 : 1)},${length}`;
  };
  return `@@ -${range('+')} +${range('-')} @@`;
}
