import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

/** How many unchanged lines are shown around each change. */
const CONTEXT = 3;

/**
 * A unified diff, empty where nothing changed.
 *
 * @param name - What the text is called in the two head lines.
 * @param colour - Whether it is for a terminal.
 */
export function diffText(name: string, before: string, after: string, colour: boolean): string {
  if (before === after) return '';
  const options = { context: CONTEXT, headerOptions: FILE_HEADERS_ONLY };
  const changed = `${name} (injected)`;
  const patch = createTwoFilesPatch(name, changed, before, after, undefined, undefined, options);
  return colour ? patch.split('\n').map(painted).join('\n') : patch;
}

/** Bold, cyan, green and red, as git has them. */
const COLOURS: readonly (readonly [start: RegExp, code: number])[] = [
  [/^(?:---|\+\+\+) /, 1],
  [/^@@/, 36],
  [/^\+/, 32],
  [/^-/, 31],
];

function painted(line: string): string {
  const code = COLOURS.find(([start]) => start.test(line))?.[1];
  return code === undefined ? line : `\u001b[${code}m${line}\u001b[0m`;
}
