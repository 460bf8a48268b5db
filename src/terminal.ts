import type { Milliseconds } from './clock.ts';

/** A stream to print to; a terminal also reports its width. */
export interface Output {
  /** Text, or octets where the encoding is not UTF-8. */
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Absent if the stream is not the process's own. */
  readonly fd?: number;
}

/** Colours a text, or leaves it as it is. */
export type Colour = (text: string) => string;

/** The meaning of the colours; without a terminal the text stays as it is, so no meaning depends on colour alone. */
export interface Paint {
  readonly strong: Colour;
  readonly faint: Colour;
  readonly good: Colour;
  readonly bad: Colour;
  readonly slow: Colour;
}

/** Colours for a terminal that has them and a user who wants them. @see https://no-color.org */
export function paintFor(output: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  const { NO_COLOR: noColor = '', TERM: terminal } = env;
  const wanted = output.isTTY === true && noColor === '' && terminal !== 'dumb';
  const colour = (on: number, off: number): Colour =>
    wanted ? (text) => `\x1b[${on}m${text}\x1b[${off}m` : (text) => text;
  return {
    strong: colour(1, 22),
    faint: colour(2, 22),
    good: colour(32, 39),
    bad: colour(31, 39),
    slow: colour(33, 39),
  };
}

/** A measured time with its unit, rounded to what is significant: `0.6 ms`, `44 ms`, `5.0 s`. */
export function spanText(span: Milliseconds): string {
  if (span < 9.95) return `${span.toFixed(1)} ms`;
  return span < 999.5 ? `${Math.round(span)} ms` : `${(span / 1_000).toFixed(1)} s`;
}
