import { optRecord } from '../wire/edns.ts';
import { Flag, HEADER_OCTETS, readHeader } from '../wire/header.ts';
import { type Message, spanSections } from '../wire/message.ts';
import { fold } from '../wire/name.ts';
import type { Seconds } from '../wire/record.ts';
import { renderReply } from '../wire/render.ts';
import type { Request } from '../wire/request.ts';

/** An OPT without options and flags: what ends a reply to a client with EDNS, but for its DO bit. */
export const PLAIN_OPT = optRecord({ rcode: 0, dnssecOk: false });
/** Larger answers are not kept: they are rare, and to most clients they go over TCP. */
export const MAX_KEPT_OCTETS = 4_096;
export const MAX_KEPT_RECORDS = 256;

/** The records of a reply, away from the question that they answered. */
export interface KeptRecords {
  readonly octets: Uint8Array;
  /** Where TTLs stand in it. */
  readonly ttls: readonly number[];
  readonly counts: readonly [answer: number, authority: number, additional: number];
}

/** The records of a reply that has all of the message, to a question in lower case; `undefined` for any other. */
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
  if (octets.length > MAX_KEPT_OCTETS) return undefined;
  const spans = spanSections(reply, { ...header, arcount: additionals }, from);
  const all = [...spans.answer, ...spans.authority, ...spans.additional];
  if (all.length > MAX_KEPT_RECORDS) return undefined;
  const counts = [header.ancount, header.nscount, additionals] as const;
  return { octets, counts, ttls: all.map((span) => span.rdataAt - 6 - from) };
}

/**
 * The same for a reply that was cut short, or whose question has capitals: names in the answer are compressed against
 * the question's octets, and that must not depend on how the first client wrote it.
 */
export function canonicalRecords(
  request: Request,
  message: Message,
  age: Seconds,
): KeptRecords | undefined {
  const { question } = request;
  const octets = question.octets.slice();
  // TYPE and CLASS are no letters.
  for (let at = 0; at < octets.length - 4; at++) octets[at] = fold(octets[at] ?? 0);
  const plain: Request = { ...request, question: { ...question, octets }, edns: undefined };
  const limit = HEADER_OCTETS + octets.length + MAX_KEPT_OCTETS;
  return recordsOf(plain, renderReply(plain, message, { age, limit }), message);
}

function isLowerCase(question: Uint8Array): boolean {
  for (let at = 0; at < question.length - 4; at++) {
    const octet = question[at] ?? 0;
    if (octet !== fold(octet)) return false;
  }
  return true;
}
