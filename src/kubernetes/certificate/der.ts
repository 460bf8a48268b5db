/**
 * The Distinguished Encoding Rules of ASN.1, as far as a certificate needs them.
 *
 * @see ITU-T X.690 §8, §10
 */

/** One value: tag, length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), length(body.length), body]);
}

export const sequence = (...members: readonly Uint8Array[]): Buffer => der(0x30, ...members);
export const set = (...members: readonly Uint8Array[]): Buffer => der(0x31, ...members);
export const octetString = (contents: Uint8Array): Buffer => der(0x04, contents);
export const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
/** Whole octets: no bit of the last one is unused. */
export const bitString = (contents: Uint8Array): Buffer => der(0x03, Buffer.of(0), contents);

/** A number that is not negative, from its octets. */
export function integer(octets: Uint8Array): Buffer {
  const start = octets.findIndex((octet) => octet !== 0);
  const shortest = start === -1 ? Buffer.of(0) : octets.subarray(start);
  // A first bit that is set would make it negative.
  const padding = (shortest[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0);
  return der(0x02, padding, shortest);
}

/** An object identifier, from its dotted text. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** To the second: UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}

function length(octets: number): Buffer {
  if (octets < 0x80) return Buffer.of(octets);
  const digits: number[] = [];
  for (let rest = octets; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return Buffer.of(0x80 | digits.length, ...digits);
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}
