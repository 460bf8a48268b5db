import type { Output } from '../command.ts';

/** Colours a text, or leaves it as it is. */
export type Colour = (text: string) => string;

/** What the colours stand for; without a terminal each leaves its text alone, so no meaning hangs on them alone. */
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
