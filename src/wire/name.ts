import { WireError } from './wire-error.ts';

/**
 * An absolute name in canonical form, so that plain string operations are correct.
 *
 * It is in lower case (RFC 4343 §3) and ends in a dot; the root is `.`. Every octet outside `!`..`~`, and a dot or a
 * backslash inside a label, is written `\DDD`. So a dot always separates labels, and equal names are equal strings.
 */
export type Name = string;

/** RFC 1035 §3.1: the length of a whole name with its length octets and the root. */
export const MAX_NAME_OCTETS = 255;
/** RFC 1035 §2.3.4. */
export const MAX_LABEL_OCTETS = 63;
/** RFC 1035 §4.1.4: the two top bits of a length octet that is a pointer. */
const POINTER = 0xc0;
/**
 * RFC 1035 §2.3.4: 255 octets hold no more labels, so a name with more pointers has some that lead directly to another
 * pointer. Without a limit, each name of a packet full of pointers would cost 8,192 steps.
 */
const MAX_POINTERS = 127;

/** A scratch buffer for a name before its length is known; never read outside one call. */
const scratch = new Uint8Array(MAX_NAME_OCTETS);

/**
 * Finds the end of the name that starts at `offset`, without decoding it.
 *
 * A compression pointer ends a name, so it is never followed: the loop visits each octet at most once, whatever the
 * packet contains.
 *
 * @param octets - A whole DNS message; offsets count from its first octet.
 * @throws {WireError} If the name runs past the message, is longer than 255 octets, or has a reserved label type.
 * @see RFC 1035 §3.1, §4.1.4
 */
export function skipName(octets: Uint8Array, offset: number): number {
  let at = offset;
  while (at - offset < MAX_NAME_OCTETS) {
    const length = octets[at];
    if (length === undefined) throw new WireError(`name at ${offset} runs past the message`);
    if (length === 0) return at + 1;
    if (length >= POINTER) return endOfPointer(octets, at);
    if (length > MAX_LABEL_OCTETS) throw new WireError(`reserved label type at ${at}: ${length}`);
    at += 1 + length;
  }
  throw new WireError(`name at ${offset} is longer than ${MAX_NAME_OCTETS} octets`);
}

/**
 * The name that starts at `offset`, as wire octets without compression; case is kept.
 *
 * Pointers must lead strictly backwards, each to before the part that contains it, so that no packet causes an endless
 * loop (RFC 9267 §2). There may be only {@link MAX_POINTERS}, so that no packet causes a slow one.
 *
 * @throws {WireError} As {@link skipName}, for a pointer that does not lead backwards, and for too many of them.
 */
export function readName(octets: Uint8Array, offset: number): Uint8Array {
  let written = 0;
  let at = offset;
  for (let pointers = 0; pointers <= MAX_POINTERS; pointers++) {
    const partStart = at;
    while (isLabel(octets[at])) {
      const end = endOfLabel(octets, at);
      // One more octet is kept free for the root.
      if (written + end - at >= MAX_NAME_OCTETS) {
        throw new WireError(`name at ${offset} is longer than ${MAX_NAME_OCTETS} octets`);
      }
      // Octet by octet: labels are short, and creating a view of each would cost more than the copy.
      while (at < end) scratch[written++] = octets[at++] ?? 0;
    }
    if (octets[at] === 0) {
      scratch[written] = 0;
      return scratch.slice(0, written + 1);
    }
    at = followPointer(octets, at, partStart);
  }
  throw new WireError(`name at ${offset} has more than ${MAX_POINTERS} pointers`);
}

/**
 * Whether two names in wire octets are equal, ignoring the case of ASCII letters.
 *
 * @see RFC 4343 §3
 */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Length octets are at most 63, below every letter, so folding does not change them.
  for (let i = 0; i < a.length; i++) if (fold(a[i] ?? 0) !== fold(b[i] ?? 0)) return false;
  return true;
}

/**
 * The canonical form of a name in wire octets.
 *
 * @param octets - Has an uncompressed name at `offset`, as {@link readName} returns it.
 */
export function canonicalName(octets: Uint8Array, offset = 0): Name {
  let written = 0;
  let at = offset;
  for (let length = octets[at] ?? 0; length > 0; length = octets[at] ?? 0) {
    const end = at + 1 + length;
    written = writeLabel(octets, at + 1, end, written);
    text[written++] = DOT;
    at = end;
  }
  return written === 0 ? '.' : text.toString('latin1', 0, written);
}

/** @returns The position of the next octet of the text. */
function writeLabel(octets: Uint8Array, from: number, to: number, start: number): number {
  let written = start;
  for (let at = from; at < to; at++) {
    const octet = octets[at] ?? 0;
    const plain = plainText[octet] ?? 0;
    if (plain === 0) written += text.write(escapeOf(octet), written);
    else text[written++] = plain;
  }
  return written;
}

/**
 * The wire octets of a name in presentation form, absolute or not (`a.example` and `a.example.` are the same here);
 * case is kept. `\DDD` and `\X` escapes are understood (RFC 1035 §5.1).
 *
 * @throws {WireError} If a label is empty or longer than 63 octets, the name longer than 255, or an escape is cut off.
 */
export function encodeName(text: string): Uint8Array {
  if (text === '.') return Uint8Array.of(0);
  // If each octet is a character, as in nearly every name, the text needs no conversion.
  const isAscii = Buffer.byteLength(text) === text.length;
  const source = isAscii ? text : Buffer.from(text).toString('latin1');
  let lengthAt = 0;
  let written = 1;
  for (let at = 0; at < source.length; at++) {
    const octet = source.charCodeAt(at);
    if (octet === DOT) {
      closeLabel(lengthAt, written, text);
      lengthAt = written++;
    } else if (octet === BACKSLASH) {
      const escaped = readEscape(source, at, text);
      scratch[written++] = escaped.octet;
      at = escaped.last;
    } else {
      scratch[written++] = octet;
    }
  }
  if (lengthAt !== written - 1) {
    closeLabel(lengthAt, written, text);
    lengthAt = written++;
  }
  if (written > MAX_NAME_OCTETS)
    throw new WireError(`name is longer than ${MAX_NAME_OCTETS} octets: ${text}`);
  scratch[lengthAt] = 0;
  return scratch.slice(0, written);
}

/** The canonical form of a name that a person wrote. @throws {WireError} As {@link encodeName}. */
export function parseName(text: string): Name {
  return canonicalName(encodeName(text));
}

/** Whether `name` is `zone` or lies below it. Both canonical. */
export function isAtOrBelow(name: Name, zone: Name): boolean {
  if (zone === '.') return true;
  if (!name.endsWith(zone)) return false;
  return name.length === zone.length || name.charCodeAt(name.length - zone.length - 1) === DOT;
}

/** `relative` + `zone`: `joinNames('a.b.', 'c.')` is `a.b.c.`. Both canonical; nothing checks the length. */
export function joinNames(relative: Name, zone: Name): Name {
  if (zone === '.') return relative;
  return relative === '.' ? zone : relative + zone;
}

/** The labels of `name` before `zone`, as a name: `a.b.c.` under `c.` is `a.b.`; `.` for the zone itself. */
export function relativeTo(name: Name, zone: Name): Name {
  if (zone === '.') return name;
  return name.length === zone.length ? '.' : name.slice(0, name.length - zone.length);
}

/** The labels of a canonical name, leftmost first; none for the root. */
export function labelsOf(name: Name): string[] {
  return name === '.' ? [] : name.slice(0, -1).split('.');
}

/** The label next to the root: `com` of `a.example.com.`; empty for the root. */
export function lastLabel(name: Name): string {
  return name.slice(name.lastIndexOf('.', name.length - 2) + 1, -1);
}

/** How many labels a canonical name has; 0 for the root. */
export function countLabels(name: Name): number {
  let count = 0;
  // A dot ends each label; that of the root ends none, and comes first.
  for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) count++;
  return count;
}

/** Whether a name that was joined from parts would fit the wire. */
export function fitsWire(name: Name): boolean {
  // The wire form is one octet longer than the text, in which an escape is one octet too.
  return name.replace(/\\\d{3}/g, '_').length + 1 <= MAX_NAME_OCTETS;
}

/** Lower case for an ASCII letter: `toLowerCase` would also fold the letters of Latin-1. */
export function fold(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** The text of each octet in a canonical name; 0 if it is escaped. */
const plainText = Uint8Array.from({ length: 256 }, (_, octet) => {
  const plain = octet > 0x20 && octet < 0x7f && octet !== DOT && octet !== BACKSLASH;
  return plain ? fold(octet) : 0;
});

function escapeOf(octet: number): string {
  return `\\${String(octet).padStart(3, '0')}`;
}

/** The buffer of {@link canonicalName}: joining characters would create some forty strings for a name. */
const text = Buffer.alloc(4 * MAX_NAME_OCTETS);

function endOfPointer(octets: Uint8Array, at: number): number {
  if (at + 2 > octets.length) throw new WireError(`pointer at ${at} runs past the message`);
  return at + 2;
}

function followPointer(octets: Uint8Array, at: number, partStart: number): number {
  endOfPointer(octets, at);
  const target = (((octets[at] ?? 0) & ~POINTER) << 8) | (octets[at + 1] ?? 0);
  if (target >= partStart) {
    throw new WireError(`pointer at ${at} does not lead backwards: ${target}`);
  }
  return target;
}

/** Whether the octet is neither the root nor a pointer. {@link endOfLabel} checks that it is a valid label. */
function isLabel(length: number | undefined): boolean {
  return length === undefined || (length !== 0 && length < POINTER);
}

function endOfLabel(octets: Uint8Array, at: number): number {
  const length = octets[at];
  if (length === undefined) throw new WireError(`name at ${at} runs past the message`);
  if (length > MAX_LABEL_OCTETS) throw new WireError(`reserved label type at ${at}: ${length}`);
  const end = at + 1 + length;
  if (end > octets.length) throw new WireError(`label at ${at} runs past the message`);
  return end;
}

/**
 * Writes the length of the label between its length octet and `end`. In a name that is too long, the octet may be past
 * the buffer, and nothing is written.
 */
function closeLabel(lengthAt: number, end: number, text: string): void {
  const length = end - lengthAt - 1;
  if (length === 0) throw new WireError(`empty label in name: ${text}`);
  if (length > MAX_LABEL_OCTETS)
    throw new WireError(`label longer than ${MAX_LABEL_OCTETS} octets in name: ${text}`);
  scratch[lengthAt] = length;
}

function readEscape(source: string, at: number, text: string): { octet: number; last: number } {
  const digits = /\d{3}/.exec(source.slice(at + 1, at + 4));
  if (digits !== null) {
    const octet = Number(digits[0]);
    if (octet > 0xff) throw new WireError(`escape \\${digits[0]} in name: ${text}`);
    return { octet, last: at + 3 };
  }
  const octet = source.charCodeAt(at + 1);
  // A digit begins `\DDD` and no other escape (RFC 1035 §5.1).
  if (Number.isNaN(octet) || (octet >= 0x30 && octet <= 0x39)) {
    throw new WireError(`escape cut off in name: ${text}`);
  }
  return { octet, last: at + 1 };
}
