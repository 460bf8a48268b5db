import { optRecord } from '../wire/edns.ts';
import { Flag, HEADER_OCTETS, putUint16, putUint32, readHeader } from '../wire/header.ts';
import { type Message, spanSections } from '../wire/message.ts';
import { fold, sameName, skipName } from '../wire/name.ts';
import { type Rr, readRecord, spanRecord } from '../wire/record.ts';
import { renderReply } from '../wire/render.ts';
import type { Request } from '../wire/request.ts';
import { FIELDS } from './entry.ts';
import type { EntryStore } from './entry-store.ts';

/** An OPT without options and flags: the end of a reply to a client with EDNS, except for its DO bit. */
export const PLAIN_OPT = optRecord({ rcode: 0, dnssecOk: false });
/** Larger replies are not repeated: they are rare, and to most clients they go over TCP. */
const MAX_REPEATED_OCTETS = 4_096;
const MAX_REPEATED_RECORDS = 256;
/** The length of an entry's records has 16 bits. */
const MAX_KEPT_OCTETS = 0xffff;

/** The records of a message without its question. Names in them may point to that question, as on the wire. */
export interface KeptRecords {
  readonly octets: Uint8Array;
  /** The offsets of TTLs in `octets`. */
  readonly ttls: readonly number[];
  readonly counts: readonly [answer: number, authority: number, additional: number];
}

/**
 * The records of a reply that holds the whole message and answers a question in lower case; `undefined` for any other.
 */
export function recordsOf(
  request: Request,
  reply: Uint8Array,
  message: Message,
): KeptRecords | undefined {
  const header = readHeader(reply);
  const optOctets = request.edns === undefined ? 0 : PLAIN_OPT.length;
  const { answer, authority, additional } = message;
  const additionals = header.arcount - (request.edns === undefined ? 0 : 1);
  const isWhole =
    (header.flags & Flag.TC) === 0 &&
    header.ancount === answer.length &&
    header.nscount === authority.length &&
    additionals === additional.length;
  if (!isWhole || !isLowerCase(request.question.octets)) return undefined;
  const from = HEADER_OCTETS + request.question.octets.length;
  const octets = reply.subarray(from, reply.length - optOctets);
  if (octets.length > MAX_REPEATED_OCTETS) return undefined;
  const spans = spanSections(reply, { ...header, arcount: additionals }, from);
  const all = [...spans.answer, ...spans.authority, ...spans.additional];
  if (all.length > MAX_REPEATED_RECORDS) return undefined;
  const counts = [header.ancount, header.nscount, additionals] as const;
  return { octets, counts, ttls: all.map((span) => span.rdataAt - 6 - from) };
}

/**
 * As {@link recordsOf}, for a reply that is truncated or aged, or whose question has capitals. Names in the answer are
 * compressed against the question's octets, and the result must not depend on how the first client wrote them.
 */
export function canonicalRecords(
  request: Request,
  message: Message,
  age: number,
): KeptRecords | undefined {
  const { question } = request;
  const octets = question.octets.slice();
  // TYPE and CLASS are not letters.
  for (let at = 0; at < octets.length - 4; at++) octets[at] = fold(octets[at] ?? 0);
  const plain: Request = { ...request, question: { ...question, octets }, edns: undefined };
  const limit = HEADER_OCTETS + octets.length + MAX_REPEATED_OCTETS;
  return recordsOf(plain, renderReply(plain, message, { age, limit }), message);
}

/** Room for packing one message at a time; it grows to the largest message so far. */
let room = new Uint8Array(4_096);

/**
 * The records of a message as upstream sent it, before a client was answered. Owners equal to QNAME point to it, and
 * all other names are written in full. For most questions a rendered reply has the same octets.
 *
 * @param qname - On the wire, in lower case.
 * @returns Records that the next call overwrites; `undefined` if they are too large.
 */
export function packedRecords(message: Message, qname: Uint8Array): KeptRecords | undefined {
  const { answer, authority, additional } = message;
  let size = 0;
  for (const section of [answer, authority, additional]) {
    for (const { owner, rdata } of section) size += owner.length + FIXED_OCTETS + rdata.length;
  }
  if (size > room.length) room = new Uint8Array(size);
  const ttls: number[] = [];
  let at = 0;
  for (const section of [answer, authority, additional]) {
    for (const rr of section) at = pack(rr, qname, at, ttls);
  }
  if (at > MAX_KEPT_OCTETS) return undefined;
  const counts = [answer.length, authority.length, additional.length] as const;
  return { octets: room.subarray(0, at), ttls, counts };
}

/** RFC 1035 §4.1.3: TYPE, CLASS, TTL and RDLENGTH. */
const FIXED_OCTETS = 10;
/** RFC 1035 §4.1.4: a pointer to the question's name. */
const TO_QNAME = 0xc000 | HEADER_OCTETS;

/** @returns The end of the record. */
function pack(rr: Rr, qname: Uint8Array, at: number, ttls: number[]): number {
  const { owner, rdata } = rr;
  let fixed = at;
  if (owner.length > 1 && sameName(owner, qname)) {
    putUint16(room, at, TO_QNAME);
    fixed += 2;
  } else {
    room.set(owner, at);
    fixed += owner.length;
  }
  putUint16(room, fixed, rr.type);
  putUint16(room, fixed + 2, rr.klass);
  putUint32(room, fixed + 4, rr.ttl);
  ttls.push(fixed + 4);
  putUint16(room, fixed + 8, rdata.length);
  room.set(rdata, fixed + FIXED_OCTETS);
  return fixed + FIXED_OCTETS + rdata.length;
}

/** How many octets {@link putRecords} writes after an entry's key. */
export function keptOctets({ ttls, octets }: KeptRecords): number {
  return 2 * ttls.length + octets.length;
}

/** Uses the bit of QR, which is not needed here (RFC 1035 §4.1.1): the addresses had another owner name (C1). */
const OTHER_OWNER = 0x8000;
/** Uses the bit of RA likewise: the message is what is whole of a damaged reply (U3). */
const PARTIAL = 0x0080;

/** Writes records into a new entry, with the RCODE and flags of their message. */
export function putRecords(
  store: EntryStore,
  at: number,
  { octets, ttls, counts }: KeptRecords,
  { rcode, authoritative, authenticData, otherOwner, partial }: Message,
): void {
  const word = at >> 2;
  const flags =
    (authoritative ? Flag.AA : 0) |
    (authenticData ? Flag.AD : 0) |
    (otherOwner === true ? OTHER_OWNER : 0) |
    (partial === true ? PARTIAL : 0) |
    rcode;
  store.words[word + FIELDS.flagsBody] = (flags << 16) | octets.length;
  store.words[word + FIELDS.answersAuthority] = (counts[0] << 16) | counts[1];
  store.words[word + FIELDS.additionalTtls] = (counts[2] << 16) | ttls.length;
  const ttlsAt = store.keptAt(at);
  for (let i = 0; i < ttls.length; i++) putUint16(store.octets, ttlsAt + 2 * i, ttls[i] ?? 0);
  store.octets.set(octets, ttlsAt + 2 * ttls.length);
}

/** Whether an entry has these records, octet for octet. */
export function hasRecords(store: EntryStore, at: number, { octets }: KeptRecords): boolean {
  const word = at >> 2;
  if (((store.words[word + FIELDS.flagsBody] ?? 0) & 0xffff) !== octets.length) return false;
  const bodyAt = store.keptAt(at) + 2 * ((store.words[word + FIELDS.additionalTtls] ?? 0) & 0xffff);
  for (let i = 0; i < octets.length; i++) {
    if (store.octets[bodyAt + i] !== octets[i]) return false;
  }
  return true;
}

/** The message of an entry, in octets of its own. */
export function messageOf(store: EntryStore, at: number): Message {
  const { words, octets } = store;
  const word = at >> 2;
  const flagsBody = words[word + FIELDS.flagsBody] ?? 0;
  const answersAuthority = words[word + FIELDS.answersAuthority] ?? 0;
  const additionalTtls = words[word + FIELDS.additionalTtls] ?? 0;
  const keyAt = at + 4 * FIELDS.key;
  const qname = octets.subarray(keyAt, skipName(octets, keyAt));
  const bodyAt = store.keptAt(at) + 2 * (additionalTtls & 0xffff);
  // As on the wire, since pointers lead to the question's name and to the records after it.
  let from = HEADER_OCTETS + qname.length + 4;
  const whole = new Uint8Array(from + (flagsBody & 0xffff));
  whole.set(qname, HEADER_OCTETS);
  whole.set(octets.subarray(bodyAt, bodyAt + (flagsBody & 0xffff)), from);
  const take = (count: number): Rr[] => {
    const records: Rr[] = [];
    for (let i = 0; i < count; i++) {
      const span = spanRecord(whole, from);
      records.push(readRecord(whole, span));
      from = span.end;
    }
    return records;
  };
  const flags = flagsBody >>> 16;
  return {
    rcode: flags & 0xf,
    authoritative: (flags & Flag.AA) !== 0,
    authenticData: (flags & Flag.AD) !== 0,
    ...((flags & OTHER_OWNER) === 0 ? {} : { otherOwner: true }),
    ...((flags & PARTIAL) === 0 ? {} : { partial: true }),
    answer: take(answersAuthority >>> 16),
    authority: take(answersAuthority & 0xffff),
    additional: take(additionalTtls >>> 16),
  };
}

function isLowerCase(question: Uint8Array): boolean {
  for (let at = 0; at < question.length - 4; at++) {
    const octet = question[at] ?? 0;
    if (octet !== fold(octet)) return false;
  }
  return true;
}
