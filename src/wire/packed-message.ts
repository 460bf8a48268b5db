import { putUint16, putUint32, uint16, uint32 } from './header.ts';
import type { Message } from './message.ts';
import { skipName } from './name.ts';
import type { Rr } from './record.ts';

/**
 * A message in one string with one character per octet, which is V8's most compact form. The records of a parsed
 * message are objects with typed arrays, three hundred octets each; here they are their own octets and eleven more.
 */
export type PackedMessage = string;

/** RCODE, flags, and how many records there are in each section. */
const HEAD_OCTETS = 9;
/** Of a record beside its owner and RDATA: type, class, TTL and RDLENGTH. */
const FIXED_OCTETS = 10;

const AUTHORITATIVE = 1;
const AUTHENTIC_DATA = 2;
const TRUNCATED = 4;
const OTHER_OWNER = 8;

/** The buffer in which messages are packed, one at a time; it grows to the largest so far. */
let room = Buffer.alloc(4_096);

/** @returns The same for equal messages, and for no others. */
export function packMessage(message: Message): PackedMessage {
  const sections = [message.answer, message.authority, message.additional];
  const size = sections.flat().reduce((sum, rr) => sum + octetsOf(rr), HEAD_OCTETS);
  if (size > room.length) room = Buffer.alloc(size);
  putUint16(room, 0, message.rcode);
  room[2] =
    (message.authoritative ? AUTHORITATIVE : 0) |
    (message.authenticData ? AUTHENTIC_DATA : 0) |
    (message.truncated === true ? TRUNCATED : 0) |
    (message.otherOwner === true ? OTHER_OWNER : 0);
  let at = HEAD_OCTETS;
  for (const [i, records] of sections.entries()) {
    putUint16(room, 3 + 2 * i, records.length);
    for (const rr of records) at = pack(rr, at);
  }
  return room.toString('latin1', 0, at);
}

/** The message that {@link packMessage} was given, in octets of its own. */
export function unpackMessage(packed: PackedMessage): Message {
  // One buffer for all of its records.
  const { buffer, byteOffset, length } = Buffer.from(packed, 'latin1');
  const octets = new Uint8Array(buffer, byteOffset, length);
  const flags = octets[2] ?? 0;
  let at = HEAD_OCTETS;
  const take = (count: number): Rr[] =>
    Array.from({ length: count }, () => {
      const rr = unpack(octets, at);
      at += octetsOf(rr);
      return rr;
    });
  return {
    rcode: uint16(octets, 0),
    authoritative: (flags & AUTHORITATIVE) !== 0,
    authenticData: (flags & AUTHENTIC_DATA) !== 0,
    ...((flags & TRUNCATED) === 0 ? {} : { truncated: true }),
    ...((flags & OTHER_OWNER) === 0 ? {} : { otherOwner: true }),
    answer: take(uint16(octets, 3)),
    authority: take(uint16(octets, 5)),
    additional: take(uint16(octets, 7)),
  };
}

function octetsOf({ owner, rdata }: Rr): number {
  return owner.length + FIXED_OCTETS + rdata.length;
}

/** @returns Where the record ends. */
function pack({ owner, type, klass, ttl, rdata }: Rr, at: number): number {
  room.set(owner, at);
  const fixed = at + owner.length;
  putUint16(room, fixed, type);
  putUint16(room, fixed + 2, klass);
  putUint32(room, fixed + 4, ttl);
  putUint16(room, fixed + 8, rdata.length);
  room.set(rdata, fixed + FIXED_OCTETS);
  return fixed + FIXED_OCTETS + rdata.length;
}

function unpack(octets: Uint8Array, at: number): Rr {
  const fixed = skipName(octets, at);
  const rdataAt = fixed + FIXED_OCTETS;
  return {
    owner: octets.subarray(at, fixed),
    type: uint16(octets, fixed),
    klass: uint16(octets, fixed + 2),
    ttl: uint32(octets, fixed + 4),
    rdata: octets.subarray(rdataAt, rdataAt + uint16(octets, fixed + 8)),
  };
}
