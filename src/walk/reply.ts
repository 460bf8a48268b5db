import { Flag, HEADER_OCTETS, type Header, readHeader } from '../wire/header.ts';
import { type Question, type ReadQuestion, readQuestion } from '../wire/question.ts';
import { type Rr, readRecord, spanRecord } from '../wire/record.ts';
import { WireError } from '../wire/wire-error.ts';

/** The parts of an answer that any client library reads. */
export interface Reply {
  readonly header: Header;
  /** Absent if it cannot be read. */
  readonly question?: Question;
  readonly truncated: boolean;
  /** The answer section up to the first record that is malformed or cut off: the records before it are used (M7). */
  readonly answer: readonly Rr[];
}

/**
 * Reads a reply as a client would: it accepts more than the daemon does, so this is not `readResponse`.
 *
 * @returns `undefined` for a message shorter than a header.
 */
export function readReply(octets: Uint8Array): Reply | undefined {
  if (octets.length < HEADER_OCTETS) return undefined;
  const header = readHeader(octets);
  const question = questionOf(octets, header);
  const start = header.qdcount === 0 ? HEADER_OCTETS : question?.end;
  return {
    header,
    ...(question === undefined ? {} : { question }),
    truncated: (header.flags & Flag.TC) !== 0,
    answer: start === undefined ? [] : [...readAnswer(octets, start, header.ancount)],
  };
}

/** Whether a reply is to this question: ID, name, type and class (G2). */
export function answersQuestion(
  { header, question }: Reply,
  asked: { readonly id: number; readonly qname: string; readonly qtype: number },
): boolean {
  return (
    header.id === asked.id && question?.qname === asked.qname && question.qtype === asked.qtype
  );
}

/**
 * Whether a resolver takes a reply for a referral from a server that does not resolve: an empty NOERROR without AA, RA
 * and additional records (G3; Go and glibc).
 */
export function isLame({ header }: Reply): boolean {
  const empty = header.rcode === 0 && header.ancount === 0 && header.arcount === 0;
  return empty && (header.flags & (Flag.AA | Flag.RA)) === 0;
}

function questionOf(octets: Uint8Array, header: Header): ReadQuestion | undefined {
  if (header.qdcount !== 1) return undefined;
  return unlessMalformed(() => readQuestion(octets, HEADER_OCTETS));
}

function* readAnswer(octets: Uint8Array, start: number, count: number): Generator<Rr> {
  let at = start;
  for (let i = 0; i < count; i++) {
    const read = unlessMalformed(() => {
      const span = spanRecord(octets, at);
      return { rr: readRecord(octets, span), end: span.end };
    });
    if (read === undefined) return;
    yield read.rr;
    at = read.end;
  }
}

function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
