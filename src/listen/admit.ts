import { Opcode, Rcode, RrType } from '../wire/codes.ts';
import { Flag, HEADER_OCTETS, putUint16, readHeader } from '../wire/header.ts';
import { readQuestion } from '../wire/question.ts';
import { renderError } from '../wire/render.ts';
import { type Request, readRequest } from '../wire/request.ts';
import { WireError } from '../wire/wire-error.ts';

/** The decision about a message from a client (L2). */
export type Admission =
  | { readonly kind: 'ask'; readonly request: Request }
  /** An error of ours, ready to be sent. */
  | { readonly kind: 'reply'; readonly octets: Uint8Array; readonly rcode: number }
  | { readonly kind: 'drop'; readonly reason: 'response' | 'malformed' };

/**
 * Decides from the header whether to read on (L2).
 *
 * A message that is not understood is dropped if no question can be echoed: a reply of 12 octets makes glibc before
 * 2.41 wait for 5 s, so it is sent only for a QDCOUNT other than 1 (L3).
 */
export function admit(octets: Uint8Array): Admission {
  if (octets.length < HEADER_OCTETS) return { kind: 'drop', reason: 'malformed' };
  const header = readHeader(octets);
  // Answering a response makes two servers talk for ever.
  if ((header.flags & Flag.QR) !== 0) return { kind: 'drop', reason: 'response' };
  if (header.opcode !== Opcode.QUERY) return echo(octets, Rcode.NOTIMP);
  if (header.qdcount !== 1) return bareError(octets, Rcode.FORMERR);
  let request: Request;
  try {
    request = readRequest(octets);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return echo(octets, Rcode.FORMERR);
  }
  const { qtype } = request.question;
  if (request.edns !== undefined && request.edns.version > 0) return error(request, Rcode.BADVERS);
  if (qtype === RrType.AXFR || qtype === RrType.IXFR) return error(request, Rcode.REFUSED);
  return { kind: 'ask', request };
}

function error(request: Request, rcode: number): Admission {
  return { kind: 'reply', octets: renderError(request, rcode), rcode };
}

/** An error with the client's question, if that can be read; the records after it do not matter. */
function echo(octets: Uint8Array, rcode: number): Admission {
  const header = readHeader(octets);
  if (header.qdcount !== 1) return bareError(octets, rcode);
  try {
    const question = readQuestion(octets, HEADER_OCTETS);
    const request: Request = {
      header,
      question,
      recursionDesired: (header.flags & Flag.RD) !== 0,
      checkingDisabled: (header.flags & Flag.CD) !== 0,
      edns: undefined,
    };
    const reply = renderError(request, rcode);
    putOpcode(reply, header.opcode);
    return { kind: 'reply', octets: reply, rcode };
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    return { kind: 'drop', reason: 'malformed' };
  }
}

/** Twelve octets: the only possible reply to a message without exactly one question (RFC 9619 §4). */
function bareError(octets: Uint8Array, rcode: number): Admission {
  const { id, opcode, flags } = readHeader(octets);
  const reply = new Uint8Array(HEADER_OCTETS);
  putUint16(reply, 0, id);
  putUint16(reply, 2, Flag.QR | Flag.RA | (flags & Flag.RD) | rcode);
  putOpcode(reply, opcode);
  return { kind: 'reply', octets: reply, rcode };
}

/** RFC 1035 §4.1.1: OPCODE is copied into the response. */
function putOpcode(reply: Uint8Array, opcode: number): void {
  reply[2] = (reply[2] ?? 0) | (opcode << 3);
}
