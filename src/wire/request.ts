import { randomUint16 } from '../random.ts';
import { type Edns, optRecord } from './edns.ts';
import { Flag, HEADER_OCTETS, type Header, putUint16, readHeader } from './header.ts';
import { readEdns, spanSections } from './message.ts';
import { encodeName } from './name.ts';
import { type Question, type ReadQuestion, readQuestion } from './question.ts';

/** A client's query: the parts that the program uses. */
export interface Request {
  readonly header: Header;
  readonly question: ReadQuestion;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** Absent if the client sent no OPT: then the reply has none (RFC 6891 §7). */
  readonly edns: Edns | undefined;
}

/**
 * Reads a query with one question.
 *
 * @param octets - A whole message whose header was admitted (L2); no part of it is kept.
 * @throws {WireError} If question, records or OPT are malformed.
 */
export function readRequest(octets: Uint8Array): Request {
  const header = readHeader(octets);
  const question = readQuestion(octets, HEADER_OCTETS);
  const edns = readEdns(octets, spanSections(octets, header, question.end).additional);
  return {
    header,
    question,
    recursionDesired: (header.flags & Flag.RD) !== 0,
    checkingDisabled: (header.flags & Flag.CD) !== 0,
    edns,
  };
}

/** How a question is sent upstream. */
export interface QueryOptions {
  readonly id: number;
  readonly checkingDisabled: boolean;
  /** `undefined` omits the OPT, for a server without EDNS (RFC 6891 §7). */
  readonly edns: { readonly dnssecOk: boolean; readonly probe?: boolean | undefined } | undefined;
}

/** A query message: RD set, one question, and an OPT of ours. */
export function buildQuery(question: Question, options: QueryOptions): Uint8Array {
  const name = encodeName(question.qname);
  const opt =
    options.edns === undefined ? new Uint8Array(0) : optRecord({ rcode: 0, ...options.edns });
  const octets = new Uint8Array(HEADER_OCTETS + name.length + 4 + opt.length);
  putUint16(octets, 0, options.id);
  putUint16(octets, 2, Flag.RD | (options.checkingDisabled ? Flag.CD : 0));
  putUint16(octets, 4, 1);
  putUint16(octets, 10, opt.length === 0 ? 0 : 1);
  octets.set(name, HEADER_OCTETS);
  const fixed = HEADER_OCTETS + name.length;
  putUint16(octets, fixed, question.qtype);
  putUint16(octets, fixed + 2, question.qclass);
  octets.set(opt, fixed + 4);
  return octets;
}

/** An unpredictable message ID (RFC 5452 §4.3; for the danger of a weak generator see CVE-2019-19794). */
export function randomId(): number {
  return randomUint16();
}
