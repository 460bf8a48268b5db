import { Rcode, RrType } from './codes.ts';
import { type Header, readHeader } from './header.ts';
import type { Message } from './message.ts';
import { canonicalName, type Name } from './name.ts';
import type { ReadQuestion } from './question.ts';
import { type Rr, readRecord, spanRecord } from './record.ts';
import { EMPTY } from './render.ts';
import { WireError } from './wire-error.ts';

/** The part of a damaged response that can be used. */
export interface PartialResponse {
  /** Only the intact records of the answer section; marked as `partial` unless the whole answer is intact. */
  readonly message: Message;
  /** Whether no answer record is missing: the damage is after the answer section. */
  readonly isAnswerWhole: boolean;
  /** Whether an OPT stood among its answers: the sections are not at their places, so a record may be of another one. */
  readonly isBesideOpt: boolean;
}

/** The same as for an intact message; more records are an attack. */
const MAX_RECORDS = 2_000;

/**
 * Reads the intact part of a damaged response (U3): a count that is too high, or octets that are cut off.
 *
 * An answer needs one intact record of QTYPE on QNAME's chain. A denial needs only its RCODE, and proves nothing. NODATA
 * needs a SOA as the first record: unless it was asked for, that is of the authority section (RFC 2308 §2.2), and so the
 * answer section is empty, whatever its count.
 *
 * @param octets - A message whose header says that it is a response, and whose question is `question`.
 * @returns `undefined` if nothing can be used.
 */
export function readPartialResponse(
  octets: Uint8Array,
  question: ReadQuestion,
): PartialResponse | undefined {
  const header = readHeader(octets);
  const { answer: records, isWhole } = wholeRecords(octets, header, question.end);
  const answer = records.filter((rr) => rr.type !== RrType.OPT);
  const isBesideOpt = answer.length < records.length;
  const isDenial = header.rcode === Rcode.NXDOMAIN && isWhole && !isBesideOpt;
  if (!isDenial && header.rcode !== Rcode.NOERROR) return undefined;
  if (!isDenial && !answers(answer, question)) {
    return isBesideOpt || !isSoaFirst(answer, question) ? undefined : NODATA;
  }
  const isAnswerWhole = isWhole && !isBesideOpt;
  const isSound = isAnswerWhole && !isDenial;
  const message = {
    rcode: header.rcode,
    authoritative: false,
    authenticData: false,
    answer: isSound ? answer : answer.map((rr) => ({ ...rr, ttl: 0 })),
    authority: [],
    additional: [],
    ...(isSound ? {} : { partial: true as const }),
  };
  return { message, isAnswerWhole, isBesideOpt };
}

const NODATA: PartialResponse = {
  message: { ...EMPTY, partial: true },
  isAnswerWhole: false,
  isBesideOpt: false,
};

/** The records of the answer section before the damage. */
function wholeRecords(octets: Uint8Array, { ancount }: Header, start: number) {
  const answer: Rr[] = [];
  let at = start;
  try {
    while (answer.length < Math.min(ancount, MAX_RECORDS)) {
      const span = spanRecord(octets, at);
      answer.push(readRecord(octets, span));
      at = span.end;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return { answer, isWhole: answer.length === ancount };
}

/** Whether the authority section stands where the answer section should. */
function isSoaFirst([first]: readonly Rr[], { qtype }: ReadQuestion): boolean {
  return first?.type === RrType.SOA && qtype !== RrType.SOA && qtype !== RrType.ANY;
}

function answers(records: readonly Rr[], { qname, qtype }: ReadQuestion): boolean {
  const chain = new Set<Name>([qname]);
  for (let size = 0; size !== chain.size; ) {
    size = chain.size;
    for (const rr of records) {
      if (rr.type === RrType.CNAME && chain.has(canonicalName(rr.owner))) {
        chain.add(canonicalName(rr.rdata));
      }
    }
  }
  return records.some((rr) => rr.type === qtype && chain.has(canonicalName(rr.owner)));
}
