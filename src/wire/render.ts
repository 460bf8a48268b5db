import { Rcode } from './codes.ts';
import { EDNS_UDP_OCTETS, type Ede, optRecord } from './edns.ts';
import { Flag, HEADER_OCTETS, putUint16, uint16 } from './header.ts';
import type { Message } from './message.ts';
import { MessageWriter } from './message-writer.ts';
import type { Rr } from './record.ts';
import type { Request } from './request.ts';
import { shortenAnswer } from './truncation.ts';

/** How a message is written for one client. */
export interface RenderOptions {
  /** Seconds since the message was fresh: subtracted from each TTL, never below 0. */
  readonly age: number;
  /** The most octets the reply may have. */
  readonly limit: number;
  /** Sent to clients with EDNS only. */
  readonly ede?: Ede | undefined;
}

/** RFC 1035 §4.2.1: what a client without EDNS takes over UDP. */
const PLAIN_UDP_OCTETS = 512;
/** Over TCP the two-octet length is the limit. */
export const TCP_OCTETS = 0xffff;

/**
 * How large a UDP reply to this client may be: the size that it asked for, but no more than what every path carries
 * (L4).
 */
export function udpLimit(request: Request): number {
  return Math.min(request.edns?.udpOctets ?? PLAIN_UDP_OCTETS, EDNS_UDP_OCTETS);
}

/**
 * The octets that answer `request`: its ID, question and flags, RA set (L3), names compressed.
 *
 * From a message that is too large the EDE is removed (RFC 8914 §3), then additional records, then authority, then
 * whole RRsets from the end of the answer. TC is set only if answer records are missing (L4, RFC 2181 §9).
 */
export function renderReply(
  request: Request,
  message: Message,
  options: RenderOptions,
): Uint8Array {
  const full = write(request, message, options);
  if (full.whole) return full.octets;
  const bare = { ...options, ede: undefined };
  const draft = options.ede === undefined ? full : write(request, message, bare);
  if (draft.fit === message.answer.length) return draft.octets;
  return truncate(request, message, bare, draft.fit);
}

/** A reply without records: one of our own RCODEs for a question that was understood. */
export function renderError(request: Request, rcode: number): Uint8Array {
  const options = { age: 0, limit: PLAIN_UDP_OCTETS };
  return write(request, { ...EMPTY, rcode }, options).octets;
}

/** An empty NOERROR, from which other messages are made. */
export const EMPTY: Message = {
  rcode: 0,
  authoritative: false,
  authenticData: false,
  answer: [],
  authority: [],
  additional: [],
};

/** As much of a message as fits. */
interface Draft {
  readonly octets: Uint8Array;
  /** Whether everything is in it, within the limit. */
  readonly whole: boolean;
  /** How many answer records fit. */
  readonly fit: number;
}

/** Writes the sections in order; authority and additional are written whole or not at all. */
function write(request: Request, message: Message, options: RenderOptions): Draft {
  const opt = optFor(request, message, options);
  const { header, question } = request;
  const { sum, largest } = sizes(message);
  const empty = HEADER_OCTETS + question.octets.length;
  const room = Math.min(options.limit - opt.length, empty + sum);
  const writer = new MessageWriter(question.octets, room, largest);
  const wholeOrNothing = (records: readonly Rr[]): boolean => {
    const mark = writer.mark();
    if (writer.section(records, options.age) === records.length) return true;
    writer.rewind(mark);
    return false;
  };
  const fit = writer.section(message.answer, options.age);
  const authority = fit === message.answer.length && wholeOrNothing(message.authority);
  const additional = authority && wholeOrNothing(message.additional);
  const fields = {
    id: header.id,
    flags: replyFlags(request, message),
    ancount: fit,
    nscount: authority ? message.authority.length : 0,
    arcount: additional ? message.additional.length : 0,
  };
  return { octets: writer.finish(fields, opt), whole: additional && room >= empty, fit };
}

/** Shortens the answer until it fits; each round has fewer records than the last. */
function truncate(
  request: Request,
  message: Message,
  options: RenderOptions,
  fits: number,
): Uint8Array {
  let fit = fits;
  let { answer } = message;
  for (;;) {
    answer = shortenAnswer(request, answer, fit);
    const shorter = { ...message, answer, authority: [], additional: [] };
    const draft = write(request, shorter, options);
    if (draft.fit === answer.length) {
      putUint16(draft.octets, 2, uint16(draft.octets, 2) | Flag.TC);
      return draft.octets;
    }
    fit = draft.fit;
  }
}

const NO_OPT = new Uint8Array(0);

/** Only a client that sent an OPT gets one (RFC 6891 §7). */
function optFor(request: Request, { rcode }: Message, { ede }: RenderOptions): Uint8Array {
  if (request.edns === undefined) return NO_OPT;
  return optRecord({ rcode, dnssecOk: request.edns.dnssecOk, ede });
}

function replyFlags(request: Request, message: Message): number {
  const { recursionDesired, checkingDisabled, header, edns } = request;
  // RFC 6840 §5.8: AD goes only to a client that shows that it understands it.
  const wantsAd = (header.flags & Flag.AD) !== 0 || edns?.dnssecOk === true;
  // Without an OPT there is no place for the upper bits, and the lower four alone would be another RCODE.
  const rcode = edns === undefined && message.rcode > 0xf ? Rcode.SERVFAIL : message.rcode & 0xf;
  return (
    Flag.QR |
    Flag.RA |
    (message.authoritative ? Flag.AA : 0) |
    (message.truncated === true ? Flag.TC : 0) |
    (recursionDesired ? Flag.RD : 0) |
    (message.authenticData && wantsAd ? Flag.AD : 0) |
    (checkingDisabled ? Flag.CD : 0) |
    rcode
  );
}

/** RFC 1035 §4.1.3: TYPE, CLASS, TTL and RDLENGTH. */
const RR_FIXED_OCTETS = 10;

/** How many octets the records have without compression: all of them, and the largest. */
function sizes(message: Message): { sum: number; largest: number } {
  let sum = 0;
  let largest = 0;
  for (const section of [message.answer, message.authority, message.additional]) {
    for (const { owner, rdata } of section) {
      const size = owner.length + RR_FIXED_OCTETS + rdata.length;
      sum += size;
      largest = Math.max(largest, size);
    }
  }
  return { sum, largest };
}
