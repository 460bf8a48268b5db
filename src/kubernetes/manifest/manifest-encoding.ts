import { isUtf8 } from 'node:buffer';
import { InputError } from '../../input-error.ts';

/** How a file spells its text: kubectl reads UTF-16 where a byte order mark says so, and UTF-8 otherwise. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** The text of a file without its byte order mark, and what is needed to write it back octet for octet. */
export interface ManifestText {
  readonly text: string;
  readonly encoding: Encoding;
  readonly hasMark: boolean;
}

const MARK = '\uFEFF';

/**
 * Decodes a file.
 *
 * @param file - What to call it where something is wrong.
 * @throws {InputError} When it is not text in the encoding that it claims: it could not be written back unchanged.
 */
export function decodeManifest(octets: Uint8Array, file: string): ManifestText {
  const encoding = encodingOf(octets);
  const text = encoding === 'utf-8' ? decodeUtf8(octets, file) : decodeUtf16(octets, encoding);
  const hasMark = text.startsWith(MARK);
  const manifest = { text: hasMark ? text.slice(1) : text, encoding, hasMark };
  if (!Buffer.from(encodeManifest(manifest)).equals(octets)) {
    throw new InputError([{ place: file, reason: `not valid ${encoding.toUpperCase()}` }]);
  }
  return manifest;
}

/** The octets of a text; for an unchanged text, the octets that were read. */
export function encodeManifest({ text, encoding, hasMark }: ManifestText): Uint8Array {
  const marked = hasMark ? MARK + text : text;
  if (encoding === 'utf-8') return Buffer.from(marked, 'utf8');
  const octets = Buffer.from(marked, 'utf16le');
  return encoding === 'utf-16be' ? octets.swap16() : octets;
}

function encodingOf(octets: Uint8Array): Encoding {
  if (octets[0] === 0xff && octets[1] === 0xfe) return 'utf-16le';
  if (octets[0] === 0xfe && octets[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

function decodeUtf8(octets: Uint8Array, file: string): string {
  if (!isUtf8(octets)) {
    const line = firstInvalidLine(octets);
    throw new InputError([{ place: `${file}:${line}`, reason: 'not valid UTF-8' }]);
  }
  return Buffer.from(octets).toString('utf8');
}

function decodeUtf16(octets: Uint8Array, encoding: Encoding): string {
  const whole = Buffer.from(octets.subarray(0, octets.length & ~1));
  return (encoding === 'utf-16be' ? whole.swap16() : whole).toString('utf16le');
}

const NEWLINE = 0x0a;

function firstInvalidLine(octets: Uint8Array): number {
  let line = 1;
  let start = 0;
  while (start < octets.length) {
    const newline = octets.indexOf(NEWLINE, start);
    const end = newline === -1 ? octets.length : newline + 1;
    if (!isUtf8(octets.subarray(start, end))) return line;
    start = end;
    line++;
  }
  return line;
}
