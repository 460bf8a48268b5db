import { RrType } from './codes.ts';
import { type Edns, readOpt } from './edns.ts';
import { Flag, HEADER_OCTETS, type Header, readHeader } from './header.ts';
import { type ReadQuestion, readQuestion } from './question.ts';
import { type Rr, type RrSpan, readRecord, spanRecord } from './record.ts';
import { WireError } from './wire-error.ts';

/** An upstream's response: sections and RCODE, without ID, question and OPT, which belong to one hop. */
export interface Message {
  /** All twelve bits. */
  readonly rcode: number;
  /** AA as the upstream set it. */
  readonly authoritative: boolean;
  /**
   * Set if upstream said that the message is incomplete (TC) and nothing better arrived. It is never cached, and the
   * client gets TC.
   */
  readonly truncated?: boolean;
  /**
   * Set if the message is from another sidestub that changed a NODATA to NXDOMAIN: the name exists without addresses,
   * and the denial only lets the client's search continue (N7).
   */
  readonly nodataDenied?: true;
  /** Whether the server says that it got no answer from the servers that it asked (F5). */
  readonly unreached?: true;
  /** Set if the question did not reach the servers: another sidestub says so, or it is our own remembered failure (F5). */
  readonly undelivered?: true;
  /** Set if the addresses had another owner name than was asked for: clients get them, but they prove nothing (C1). */
  readonly otherOwner?: true;
  /** Set if this is the intact part of a damaged reply: it is held for its walk at most, and proves nothing (U3). */
  readonly partial?: true;
  /** AD as the upstream set it. It reaches a client only if the upstream is trusted (reliability: KeyTrap). */
  readonly authenticData: boolean;
  readonly answer: readonly Rr[];
  readonly authority: readonly Rr[];
  /** Never holds an OPT or a TSIG, which belong to one hop. */
  readonly additional: readonly Rr[];
}

/** Whether a part of the answer is missing: such a message is not repeated, and proves nothing (U3, U4). */
export function isUnfinished({ truncated, partial }: Message): boolean {
  return truncated === true || partial === true;
}

/** A whole response as it was received. */
export interface Response {
  readonly header: Header;
  readonly question: ReadQuestion | undefined;
  readonly truncated: boolean;
  readonly edns: Edns | undefined;
  readonly message: Message;
}

/**
 * How many records one message may claim. 64 KiB hold no more than 5,957 of the smallest (11 octets), and no ordinary
 * answer has nearly as many. A message that claims more is refused before any record is copied.
 */
const MAX_RECORDS = 2_000;

/** RFC 6891 §6.1.1, RFC 8945 §5.3: records that sign or extend one hop's message do not apply to the next hop. */
const HOP_BY_HOP: ReadonlySet<number> = new Set([RrType.OPT, RrType.TSIG]);

/**
 * Reads a response with all records that its section counts claim.
 *
 * @param octets - A whole message; no part of it is kept.
 * @param known - Its question, if it has been read already.
 * @throws {WireError} If any part of it is malformed. So what it returns can always be rendered again.
 */
export function readResponse(octets: Uint8Array, known?: ReadQuestion): Response {
  const header = readHeader(octets);
  if ((header.flags & Flag.QR) === 0) throw new WireError('response without QR');
  if (header.qdcount > 1) throw new WireError(`questions in a response: ${header.qdcount}`);
  const question =
    header.qdcount === 1 ? (known ?? readQuestion(octets, HEADER_OCTETS)) : undefined;
  const spans = spanSections(octets, header, question?.end ?? HEADER_OCTETS);
  const edns = readEdns(octets, spans.additional);
  for (const span of [...spans.answer, ...spans.authority]) {
    // RFC 6891 §6.1.1. If it was copied to a client, the client would get an OPT that it did not ask for.
    if (span.type === RrType.OPT) throw new WireError(`OPT at ${span.start} outside additional`);
  }
  const read = (span: RrSpan) => readRecord(octets, span);
  return {
    header,
    question,
    truncated: (header.flags & Flag.TC) !== 0,
    edns,
    message: {
      rcode: header.rcode | (edns?.rcodeHigh ?? 0),
      authoritative: (header.flags & Flag.AA) !== 0,
      authenticData: (header.flags & Flag.AD) !== 0,
      ...(edns?.nodataDenied === true ? { nodataDenied: true } : {}),
      ...(edns?.unreached === true ? { unreached: true } : {}),
      ...(edns?.undelivered === true ? { undelivered: true } : {}),
      answer: spans.answer.map(read),
      authority: spans.authority.map(read),
      additional: spans.additional.filter((span) => !HOP_BY_HOP.has(span.type)).map(read),
    },
  };
}

/** The offsets of the records of each section. */
export interface SectionSpans {
  readonly answer: readonly RrSpan[];
  readonly authority: readonly RrSpan[];
  readonly additional: readonly RrSpan[];
}

/** @throws {WireError} If a record is cut off, or more are claimed than {@link MAX_RECORDS}. */
export function spanSections(octets: Uint8Array, header: Header, start: number): SectionSpans {
  const claimed = header.ancount + header.nscount + header.arcount;
  if (claimed > MAX_RECORDS) throw new WireError(`records claimed: ${claimed}`);
  let at = start;
  // Not with Array.from, which takes twice as long as the rest of it.
  const take = (count: number): RrSpan[] => {
    const spans: RrSpan[] = [];
    for (let i = 0; i < count; i++) {
      const span = spanRecord(octets, at);
      at = span.end;
      spans.push(span);
    }
    return spans;
  };
  return {
    answer: take(header.ancount),
    authority: take(header.nscount),
    additional: take(header.arcount),
  };
}

/**
 * The OPT among the additional records.
 *
 * @throws {WireError} If there are two (RFC 6891 §6.1.1), its owner is not the root, or its options do not fit.
 */
export function readEdns(octets: Uint8Array, additional: readonly RrSpan[]): Edns | undefined {
  const opts = additional.filter((span) => span.type === RrType.OPT);
  const [opt] = opts;
  if (opt === undefined) return undefined;
  if (opts.length > 1) throw new WireError(`OPT records: ${opts.length}`);
  if (octets[opt.start] !== 0) throw new WireError(`owner of OPT at ${opt.start} is not the root`);
  return readOpt(octets, opt);
}
