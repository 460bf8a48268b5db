import type { Milliseconds } from '../../clock.ts';

/** A measured time with its unit, no more digits than it deserves: `0.6 ms`, `44 ms`, `5.0 s`. */
export function spanText(span: Milliseconds): string {
  if (span < 9.95) return `${span.toFixed(1)} ms`;
  return span < 999.5 ? `${Math.round(span)} ms` : `${(span / 1_000).toFixed(1)} s`;
}
