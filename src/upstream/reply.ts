import { Opcode, Rcode } from '../wire/codes.ts';
import { Flag, HEADER_OCTETS, type Header, readHeader } from '../wire/header.ts';
import { type Message, readResponse } from '../wire/message.ts';
import { type PartialResponse, readPartialResponse } from '../wire/partial-response.ts';
import { type Question, type ReadQuestion, readQuestion } from '../wire/question.ts';
import { EMPTY } from '../wire/render.ts';
import { WireError } from '../wire/wire-error.ts';

/** A response that matched the question. */
export interface Reply {
  readonly message: Message;
  /** TC: there is more over TCP. */
  readonly truncated: boolean;
  /** Whether it has an OPT: then its sender knows EDNS, whatever its RCODE. */
  readonly edns: boolean;
}

/** How a received message was judged. Only a `reply` ends the wait (U3). */
export type Verdict =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'mismatched'; readonly wrongId: boolean }
  /** `partial`: its intact part, if that answers the question; used only if nothing better arrives (U3). */
  | { readonly kind: 'malformed'; readonly partial?: PartialResponse | undefined };

/**
 * Judges a message that arrived where the answer to `question` is awaited; the kernel has checked peer and socket.
 *
 * It is `malformed` only if ID and question match: any sender can send octets, but only one that saw the query knows
 * these.
 *
 * @param octets - A whole message; no part of it is kept.
 * @see RFC 5452 §9.1
 */
export function judgeReply(octets: Uint8Array, id: number, question: Question): Verdict {
  const header = headerOf(octets);
  if (header === undefined) return MISMATCHED;
  if (header.id !== id) return WRONG_ID;
  if ((header.flags & Flag.QR) === 0 || header.opcode !== Opcode.QUERY) return MISMATCHED;
  if (header.qdcount === 0) return judgeBareHeader(octets, header);
  const asked = questionOf(octets);
  if (asked === undefined || !isSame(asked, question)) return MISMATCHED;
  try {
    const { message, truncated, edns } = readResponse(octets, asked);
    return { kind: 'reply', reply: { message, truncated, edns: edns !== undefined } };
  } catch (error) {
    if (error instanceof WireError) return judgeDamaged(octets, header, asked);
    throw error;
  }
}

/**
 * A reply that is damaged only behind its answer section is accepted; damage within it may be an attack, so a better
 * reply is waited for (U3).
 */
function judgeDamaged(octets: Uint8Array, header: Header, asked: ReadQuestion): Verdict {
  const read = header.qdcount === 1 ? readPartialResponse(octets, asked) : undefined;
  if (read === undefined) return { kind: 'malformed' };
  const { message, isAnswerWhole } = read;
  if (!isAnswerWhole || (header.flags & Flag.TC) !== 0) return { kind: 'malformed', partial: read };
  return { kind: 'reply', reply: { message, truncated: false, edns: false } };
}

const MISMATCHED: Verdict = { kind: 'mismatched', wrongId: false };
const WRONG_ID: Verdict = { kind: 'mismatched', wrongId: true };

/**
 * The RCODEs that servers send with a bare header. RFC 1035 servers answer an OPT so, with FORMERR or NOTIMP: if that
 * were dropped, they would never be asked without EDNS (U4).
 */
const BARE_RCODES: ReadonlySet<number> = new Set([
  Rcode.FORMERR,
  Rcode.SERVFAIL,
  Rcode.NOTIMP,
  Rcode.REFUSED,
]);

function judgeBareHeader(octets: Uint8Array, header: Header): Verdict {
  const bare = octets.length === HEADER_OCTETS && header.ancount + header.nscount === 0;
  if (!bare || header.arcount !== 0 || !BARE_RCODES.has(header.rcode)) return MISMATCHED;
  const message = { ...EMPTY, rcode: header.rcode };
  return { kind: 'reply', reply: { message, truncated: false, edns: false } };
}

function headerOf(octets: Uint8Array): Header | undefined {
  return octets.length < HEADER_OCTETS ? undefined : readHeader(octets);
}

/** `undefined` where it cannot be read. */
function questionOf(octets: Uint8Array): ReadQuestion | undefined {
  try {
    return readQuestion(octets, HEADER_OCTETS);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Canonical names are compared, so a server may change the case (RFC 4343). */
function isSame(asked: Question, { qname, qtype, qclass }: Question): boolean {
  return asked.qname === qname && asked.qtype === qtype && asked.qclass === qclass;
}

/** Whether a server says that it does not know EDNS: FORMERR by RFC 6891 §7; some servers say NOTIMP. */
export function refusesEdns({ message }: Reply): boolean {
  return message.rcode === Rcode.FORMERR || message.rcode === Rcode.NOTIMP;
}

/** TC stays with the message: it is incomplete for every client. */
export function asTruncated(message: Message): Message {
  return { ...message, truncated: true };
}

/** An empty NOERROR with TC says nothing: as an answer it would be a NODATA that the server did not give. */
export function saysSomething(message: Message): boolean {
  return message.answer.length > 0 || message.rcode !== Rcode.NOERROR;
}

/** RFC 6840 §5.7, RFC 4035 §4.9.3: AD means nothing if an attacker on the way can set it. */
export function withoutAd(message: Message): Message {
  return message.authenticData ? { ...message, authenticData: false } : message;
}
