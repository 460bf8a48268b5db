import { uint16 } from './header.ts';
import { canonicalName, MAX_LABEL_OCTETS, type Name, skipName } from './name.ts';
import { WireError } from './wire-error.ts';

/** What is asked, in canonical form. */
export interface Question {
  readonly qname: Name;
  readonly qtype: number;
  readonly qclass: number;
}

/** A question together with the octets it was asked in. */
export interface ReadQuestion extends Question {
  /** QNAME, QTYPE and QCLASS as in the message; a copy, without compression, case kept (L3). */
  readonly octets: Uint8Array;
  /** Where the question ends in the message. */
  readonly end: number;
}

/** RFC 1035 §4.1.2: QTYPE and QCLASS. */
const FIXED_OCTETS = 4;

/**
 * Reads the question at `offset`.
 *
 * @throws {WireError} If the name is malformed (or compressed, which the first name cannot be) or the fixed part is cut
 * off.
 */
export function readQuestion(octets: Uint8Array, offset: number): ReadQuestion {
  const nameEnd = skipName(octets, offset);
  const end = nameEnd + FIXED_OCTETS;
  if (end > octets.length) throw new WireError(`question at ${offset} runs past the message`);
  // A pointer from the first name can only lead into the header.
  if (endsInPointer(octets, offset)) throw new WireError(`compressed question at ${offset}`);
  return {
    qname: canonicalName(octets, offset),
    qtype: uint16(octets, nameEnd),
    qclass: uint16(octets, nameEnd + 2),
    octets: octets.slice(offset, end),
    end,
  };
}

/** @param offset - Where a name starts that {@link skipName} has found to be well formed. */
function endsInPointer(octets: Uint8Array, offset: number): boolean {
  let at = offset;
  for (let length = octets[at] ?? 0; length > 0; length = octets[at] ?? 0) {
    if (length > MAX_LABEL_OCTETS) return true;
    at += 1 + length;
  }
  return false;
}
