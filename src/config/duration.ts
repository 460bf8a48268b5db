import type { Milliseconds } from '../clock.ts';

/** Largest first, so that {@link formatDuration} finds the shortest form. */
const units: ReadonlyMap<string, Milliseconds> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]);

/**
 * Parses `250ms`, `5s`, `10m`, `1h` or `1d`; `0` needs no unit.
 *
 * @throws {Error} For anything else: a number without a unit is often a mistake.
 */
export function parseDuration(text: string): Milliseconds {
  if (text === '0') return 0;
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  const unit = units.get(match?.[2] ?? '');
  if (match === null || unit === undefined) {
    throw new Error(`not a duration such as 250ms, 5s or 10m: ${JSON.stringify(text)}`);
  }
  return Number(match[1]) * unit;
}

/** The shortest form that {@link parseDuration} reads back: 90000 is `90s`. Whole milliseconds only. */
export function formatDuration(span: Milliseconds): string {
  if (span === 0) return '0s';
  for (const [name, unit] of units) if (span % unit === 0) return `${span / unit}${name}`;
  return `${span}ms`;
}
