import { WireError } from './wire-error.ts';

/** RFC 1035 §4.1.1: ID, flags and four counts. */
export const HEADER_OCTETS = 12;

/** The bits of the second 16-bit word of the header. @see RFC 1035 §4.1.1, RFC 4035 §3.2 (AD, CD) */
export const Flag = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
} as const;

/** The header of a message, read once. */
export interface Header {
  readonly id: number;
  /** The whole second word: flags, opcode and RCODE. */
  readonly flags: number;
  readonly opcode: number;
  /** The low four bits; OPT may carry eight more (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly qdcount: number;
  readonly ancount: number;
  readonly nscount: number;
  readonly arcount: number;
}

/** @throws {WireError} If there are fewer than 12 octets. */
export function readHeader(octets: Uint8Array): Header {
  if (octets.length < HEADER_OCTETS)
    throw new WireError(`message shorter than a header: ${octets.length}`);
  const flags = uint16(octets, 2);
  return {
    id: uint16(octets, 0),
    flags,
    opcode: (flags >> 11) & 0xf,
    rcode: flags & 0xf,
    qdcount: uint16(octets, 4),
    ancount: uint16(octets, 6),
    nscount: uint16(octets, 8),
    arcount: uint16(octets, 10),
  };
}

/** A big-endian 16-bit number; octets that are not there read as 0, so callers check the length first. */
export function uint16(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

/** A big-endian unsigned 32-bit number, as {@link uint16}. */
export function uint32(octets: Uint8Array, at: number): number {
  return uint16(octets, at) * 0x10000 + uint16(octets, at + 2);
}

/** Writes a big-endian 16-bit number. */
export function putUint16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8;
  octets[at + 1] = value;
}

/** Writes a big-endian 32-bit number. */
export function putUint32(octets: Uint8Array, at: number, value: number): void {
  putUint16(octets, at, value >>> 16);
  putUint16(octets, at + 2, value & 0xffff);
}
