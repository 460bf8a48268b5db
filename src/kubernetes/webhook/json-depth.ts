/**
 * Whether arrays and objects are nested more than `max` deep, found without parsing: a parser pays for each level with
 * memory and stack, and 3 MiB have room for three million (S1).
 */
export function isNestedDeeper(json: string, max: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const c = json.charCodeAt(at);
    // `[` and `{`, and `]` and `}`, differ in one bit.
    if (c === QUOTE) at = endOfString(json, at);
    else if ((c | 0x20) === CLOSES) depth--;
    else if ((c | 0x20) === OPENS && ++depth > max) return true;
  }
  return false;
}

/** The offset of the quote that ends the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) {
    at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENS = 0x7b;
const CLOSES = 0x7d;
